"""Covers drawn for tracks without a picture: colour by mood, a motif by genre, and initials."""

import base64
import colorsys
import html
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from quintet_ui.motifs import SIZE, motif_of

# Stands in for attributes that a track lacks.
_TYPICAL: Final = {"energy": 0.5, "valence": 0.5, "acousticness": 0.5}
_NAMES: Final = tuple(_TYPICAL)
_PLAIN: Final = ("#8a84a3", "#b7b2c9")
_MOST_INITIALS: Final = 2


def cover_of(
    features: Mapping[str, float] | None, genres: Sequence[str] = (), title: str = ""
) -> str:
    """Draw a cover as a `data:` address.

    Hue follows valence (blue to warm), saturation follows energy. The motif is that of the first
    genre (`motifs`); energy and acousticness shape it. The initials are those of the title.

    Args:
        features: Raw audio features; None or empty gives a plain cover.
        genres: Of the track.
        title: Of the track.
    """
    initials = initials_of(title)
    if not features:
        return _address(_frame(*_PLAIN, _letters(initials)))
    values = tuple(round(features.get(name, _TYPICAL[name]), 2) for name in _NAMES)
    return _drawn(values, tuple(genres[:1]), initials)


def initials_of(title: str) -> str:
    """Take the first letters of the first two words of a title, in capitals."""
    words = ("".join(sign for sign in word if sign.isalnum()) for word in title.split())
    return "".join(word[0] for word in words if word)[:_MOST_INITIALS].upper()


@lru_cache(maxsize=4096)
def _drawn(values: tuple[float, ...], genres: tuple[str, ...], initials: str) -> str:
    energy, valence, acoustic = (min(1.0, max(0.0, value)) for value in values)
    # Hue 0.68 is blue; 1.10, which is 0.10, is orange.
    hue = (0.68 + 0.42 * valence) % 1.0
    back = _colour(hue, 0.35 + 0.5 * energy, 0.30 + 0.2 * valence)
    front = _colour((hue + 0.08) % 1.0, 0.45 + 0.4 * energy, 0.72)
    shape = motif_of(genres)(energy, acoustic, front)
    return _address(_frame(back, _colour(hue, 0.5, 0.2), shape + _letters(initials)))


def _letters(initials: str) -> str:
    """Write initials in the corner, on a shade that makes them readable over every motif."""
    if not initials:
        return ""
    return (
        '<path d="M96 60V96H36Z" fill="#000" fill-opacity=".5"/>'
        '<text x="91" y="90" text-anchor="end" font-family="sans-serif" font-weight="700" '
        f'font-size="22" fill="#fff">{html.escape(initials)}</text>'
    )


def _frame(first: str, second: str, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">'
        f'<defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="{first}"/>'
        f'<stop offset="1" stop-color="{second}"/></linearGradient></defs>'
        f'<rect width="{SIZE}" height="{SIZE}" fill="url(#g)"/>{inside}</svg>'
    )


def _colour(hue: float, saturation: float, lightness: float) -> str:
    parts = colorsys.hls_to_rgb(hue, min(0.95, lightness), min(1.0, saturation))
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
