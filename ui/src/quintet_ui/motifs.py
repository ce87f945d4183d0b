"""The shapes of drawn covers: one motif for a genre, so that songs of a genre look related."""

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Final

SIZE: Final = 96
"""The width and height of a cover, in units of its picture."""
_CENTRE: Final = SIZE / 2
Motif = Callable[[float, float, str], str]
"""Draws a motif: energy and acousticness from 0 to 1, and the colour."""


def motif_of(genres: Sequence[str]) -> Motif:
    """Choose the motif of the first genre; without a genre, that of all others."""
    if not genres:
        return _star
    name = genres[0].casefold().replace("-", " ")
    return _MOTIFS[zlib.crc32(name.encode()) % len(_MOTIFS)]


def _star(energy: float, acoustic: float, colour: str) -> str:
    """Draw a star: more spikes with energy, flatter ones if acoustic."""
    spikes = round(4 + 8 * energy)
    points: list[str] = []
    inner = 30.0 * (0.4 + 0.45 * acoustic)
    for step in range(2 * spikes):
        radius, angle = (30.0, inner)[step % 2], math.pi * step / spikes
        points.append(_point(radius, angle))
    return f'<path d="M{"L".join(points)}Z" fill="{colour}"/>'


def _waves(energy: float, acoustic: float, colour: str) -> str:
    """Draw waves: higher with energy, fewer if acoustic."""
    height, count = 3 + 11 * energy, round(5 - 2 * acoustic)
    lines = "".join(
        f'<path d="M-8 {y:.1f}q13 {-height:.1f} 26 0t26 0 26 0 26 0 26 0"/>'
        for y in (SIZE * (place + 0.6) / count for place in range(count))
    )
    return f'<g fill="none" stroke="{colour}" stroke-width="5">{lines}</g>'


def _bars(energy: float, acoustic: float, colour: str) -> str:
    """Draw bars of a spectrum: taller with energy, rounder if acoustic."""
    shares = (0.35, 0.7, 1.0, 0.55, 0.85, 0.45)
    return "".join(
        f'<rect x="{15 + 11.5 * place:.1f}" y="{_CENTRE - high:.1f}" width="8" '
        f'height="{2 * high:.1f}" rx="{4 * acoustic:.1f}" fill="{colour}"/>'
        for place, high in enumerate((10 + 24 * energy) * share for share in shares)
    )


def _peaks(energy: float, acoustic: float, colour: str) -> str:
    """Draw mountains: steeper with energy, with a sun that grows if acoustic."""
    top = 58 - 34 * energy
    return (
        f'<circle cx="70" cy="26" r="{6 + 8 * acoustic:.1f}" fill="{colour}" opacity=".7"/>'
        f'<path d="M0 96L30 {top:.1f} 52 {top + 26:.1f} 68 {top + 12:.1f} 96 96Z" fill="{colour}"/>'
    )


def _dots(energy: float, acoustic: float, colour: str) -> str:
    """Draw a grid of dots: larger with energy towards the middle, softer if acoustic."""
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="{1.5 + (2 + 4 * energy) * _nearness(x, y):.1f}"/>'
        for x in range(12, SIZE, 14)
        for y in range(12, SIZE, 14)
    )
    return f'<g fill="{colour}" opacity="{1 - 0.3 * acoustic:.2f}">{dots}</g>'


def _rings(energy: float, acoustic: float, colour: str) -> str:
    """Draw the grooves of a record: more with energy, a larger label if acoustic."""
    count = round(3 + 5 * energy)
    rings = "".join(
        f'<circle cx="48" cy="48" r="{40 - 28 * place / count:.1f}"/>' for place in range(count)
    )
    label = f'<circle cx="48" cy="48" r="{7 + 6 * acoustic:.1f}" fill="{colour}"/>'
    return f'<g fill="none" stroke="{colour}" stroke-width="2.5">{rings}</g>{label}'


def _facets(energy: float, acoustic: float, colour: str) -> str:
    """Draw a cut stone: more facets with energy, wider if acoustic."""
    corners = round(4 + 4 * energy)
    outer = [_point(32, 2 * math.pi * step / corners) for step in range(corners)]
    inner = [
        _point(12 + 8 * acoustic, math.pi * (2 * step + 1) / corners) for step in range(corners)
    ]
    facets = "".join(
        f'<path d="M{outer[step]}L{inner[step]}L{outer[(step + 1) % corners]}Z" '
        f'opacity="{0.55 + 0.45 * (step % 2)}"/>'
        for step in range(corners)
    )
    return f'<g fill="{colour}">{facets}<path d="M{"L".join(inner)}Z" opacity=".8"/></g>'


def _point(radius: float, angle: float) -> str:
    return f"{_CENTRE + radius * math.sin(angle):.1f} {_CENTRE - radius * math.cos(angle):.1f}"


def _nearness(x: float, y: float) -> float:
    return max(0.0, 1 - math.hypot(x - _CENTRE, y - _CENTRE) / 55)


_MOTIFS: Final[tuple[Motif, ...]] = (_star, _waves, _bars, _peaks, _dots, _rings, _facets)
