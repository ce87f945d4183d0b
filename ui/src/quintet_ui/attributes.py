"""The attributes a listener may tune, on the scales of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quintet_ui.translations import Translations


@dataclass(frozen=True)
class Scale:
    """How an attribute is shown on a slider.

    Attributes:
        low: The left end, in the slider's unit.
        high: The right end; a limit at an end is no limit.
        step: Between two stops.
        factor: From the slider's unit to the attribute's own, such as minutes to milliseconds.
        worded: Whether each stop has a name in the translations.
    """

    low: float
    high: float
    step: float
    factor: float = 1.0
    worded: bool = False

    def stops(self) -> list[float]:
        """List every stop from low to high."""
        count = round((self.high - self.low) / self.step)
        return [round(self.low + place * self.step, 4) for place in range(count + 1)]

    def nearest(self, value: float) -> float:
        """Find the stop nearest to a value, which is in the attribute's unit."""
        return min(self.stops(), key=lambda stop: abs(stop - value / self.factor))


def said(name: str, value: float, texts: Translations) -> str:
    """Format a value, in the attribute's own unit, for the listener."""
    scale = SCALES[name]
    number = value / scale.factor
    if scale.worded:
        return texts(f"{name}.{number:.0f}")
    rounded = f"{number:.0f}" if scale.step >= 1 else f"{round(number, 1):g}"
    if (unit := texts.get(f"unit.{name}")) is not None:
        return unit.format(value=rounded)
    return texts("unit.share", value=f"{100 * number:.0f}") if scale.high == 1 else rounded


_UNIT: Final = Scale(0.0, 1.0, 0.05)
MAIN: Final[Mapping[str, Scale]] = {
    "energy": _UNIT,
    "valence": _UNIT,
    "tempo": Scale(50, 210, 5),
    "danceability": _UNIT,
    "acousticness": _UNIT,
    "instrumentalness": _UNIT,
}
MORE: Final[Mapping[str, Scale]] = {
    "speechiness": _UNIT,
    "liveness": _UNIT,
    "loudness": Scale(-40, 0, 1),
    "duration_ms": Scale(0, 15, 0.5, factor=60_000),
    "key": Scale(0, 11, 1, worded=True),
    "mode": Scale(0, 1, 1, worded=True),
    "time_signature": Scale(1, 7, 1),
}
POPULARITY: Final = Scale(0, 100, 5)
SCALES: Final[Mapping[str, Scale]] = {**MAIN, **MORE, "popularity": POPULARITY}

RADAR: Final = (
    "energy",
    "valence",
    "danceability",
    "tempo",
    "acousticness",
    "instrumentalness",
    "liveness",
    "speechiness",
)
"""What the radar shows, clockwise."""


def share(name: str, value: float) -> float:
    """Convert a value in the attribute's unit to its position on the scale, 0 to 1."""
    scale = SCALES[name]
    place = (value / scale.factor - scale.low) / (scale.high - scale.low)
    return min(1.0, max(0.0, place))
