"""Tunings by name, and ranges of tempo by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from quintet_ui.preferences import Preferences


@dataclass(frozen=True)
class Preset:
    """A tuning by name."""

    targets: Mapping[str, float] = field(default_factory=dict)
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    diversity: float = 0.0


PRESETS: Final[Mapping[str, Preset]] = {
    "party": Preset({"danceability": 0.85, "energy": 0.8, "valence": 0.75}),
    "workout": Preset({"energy": 0.9}, {"tempo": 120}),
    "focus": Preset({"instrumentalness": 0.85, "energy": 0.4}, {}, {"speechiness": 0.3}),
    "calm": Preset({"energy": 0.2, "acousticness": 0.8}, {}, {"energy": 0.5}),
    "gems": Preset({}, {}, {"popularity": 40}, 0.4),
}
TEMPI: Final[Mapping[str, tuple[float | None, float | None]]] = {
    "slow": (None, 95),
    "mid": (95, 130),
    "fast": (130, None),
}
"""Limits of tempo by name, in beats a minute."""


def with_preset(preferences: Preferences, name: str) -> Preferences:
    """Replace targets, limits and diversity by those of a preset; an unknown name clears them.

    A preset replaces all of them, so that presets do not add up.
    """
    preset = PRESETS.get(name, Preset())
    return replace(
        preferences,
        targets=dict(preset.targets),
        minimum=dict(preset.minimum),
        maximum=dict(preset.maximum),
        diversity=preset.diversity,
    )


def preset_of(preferences: Preferences) -> str:
    """Find the preset that the tuning is; empty if it is none."""
    return next((n for n in PRESETS if with_preset(preferences, n) == preferences), "")


def with_tempo(preferences: Preferences, name: str) -> Preferences:
    """Set the limits of tempo to those of a name; an unknown name removes them."""
    low, high = TEMPI.get(name, (None, None))
    minimum = {key: value for key, value in preferences.minimum.items() if key != "tempo"}
    maximum = {key: value for key, value in preferences.maximum.items() if key != "tempo"}
    if low is not None:
        minimum["tempo"] = low
    if high is not None:
        maximum["tempo"] = high
    return replace(preferences, minimum=minimum, maximum=maximum)


def tempo_of(preferences: Preferences) -> str:
    """Find the name of the limits of tempo; empty if they have none."""
    limits = preferences.minimum.get("tempo"), preferences.maximum.get("tempo")
    return next((name for name, each in TEMPI.items() if each == limits), "")
