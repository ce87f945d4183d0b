"""Covers drawn from audio features, for tracks without a picture: equal sound, equal cover."""

import base64
import colorsys
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_SIZE: Final = 96
_CENTRE: Final = _SIZE / 2
# Stands in for attributes that a track lacks.
_TYPICAL: Final = {
    "energy": 0.5,
    "valence": 0.5,
    "danceability": 0.5,
    "acousticness": 0.5,
    "instrumentalness": 0.0,
    "tempo": 120.0,
    "key": 0.0,
}
_NAMES: Final = tuple(_TYPICAL)


def cover_of(features: Mapping[str, float] | None) -> str:
    """Draw a cover as a `data:` address.

    Hue follows valence (blue to warm), saturation and the number of spikes follow energy, their
    depth what is not acoustic, the rings danceability, the turn the key, the stripes tempo.

    Args:
        features: Raw audio features; None or empty gives a plain cover.
    """
    if not features:
        return _address(_frame("#8a84a3", "#b7b2c9", ""))
    return _drawn(tuple(round(features.get(name, _TYPICAL[name]), 3) for name in _NAMES))


@lru_cache(maxsize=4096)
def _drawn(values: tuple[float, ...]) -> str:
    energy, valence, dance, acoustic, instrumental, tempo, key = values
    # Hue 0.68 is blue; 1.10, which is 0.10, is orange.
    hue = (0.68 + 0.42 * valence) % 1.0
    back = _colour(hue, 0.35 + 0.5 * energy, 0.30 + 0.2 * valence)
    front = _colour((hue + 0.08 + 0.1 * instrumental) % 1.0, 0.45 + 0.4 * energy, 0.72)
    rings = "".join(
        f'<circle cx="48" cy="48" r="{radius}" fill="none" stroke="{front}" stroke-opacity=".35"/>'
        for radius in range(44, 44 - 4 * round(1 + 5 * dance), -4)
    )
    # A stripe per ten beats a minute, evenly over the height.
    count = round(min(24.0, max(4.0, tempo / 10)))
    stripes = "".join(
        f'<path d="M0 {y:.1f}H96" stroke="#fff" stroke-opacity=".12"/>'
        for y in (_SIZE * (place + 0.5) / count for place in range(count))
    )
    # A key is a twelfth of the circle: 30 degrees.
    star = _star(round(3 + 9 * energy), 0.15 + 0.45 * (1 - acoustic), key * 30)
    heart = f'<circle cx="48" cy="48" r="{4 + 8 * instrumental:.1f}" fill="{back}"/>'
    shape = f'{stripes}{rings}<path d="{star}" fill="{front}"/>{heart}'
    return _address(_frame(back, _colour(hue, 0.5, 0.2), shape))


def _frame(first: str, second: str, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}">'
        f'<defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="{first}"/>'
        f'<stop offset="1" stop-color="{second}"/></linearGradient></defs>'
        f'<rect width="{_SIZE}" height="{_SIZE}" fill="url(#g)"/>{inside}</svg>'
    )


def _star(spikes: int, depth: float, turn: float) -> str:
    points = []
    for step in range(2 * spikes):
        radius = 30.0 if step % 2 == 0 else 30.0 * (1 - depth)
        angle = math.radians(turn) + math.pi * step / spikes
        points.append(
            f"{_CENTRE + radius * math.sin(angle):.1f} {_CENTRE - radius * math.cos(angle):.1f}"
        )
    return f"M{'L'.join(points)}Z"


def _colour(hue: float, saturation: float, lightness: float) -> str:
    parts = colorsys.hls_to_rgb(hue, min(0.95, lightness), min(1.0, saturation))
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
