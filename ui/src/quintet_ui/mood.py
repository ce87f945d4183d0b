"""The mood pad: presets, energy against happiness with seeds and list as points, and tempo."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from quintet_client.models import RankedTrack, Track

from quintet_ui import session
from quintet_ui.attributes import said
from quintet_ui.cards import features_of
from quintet_ui.components import mood_box, triggered
from quintet_ui.plain import ordered
from quintet_ui.preferences import Preferences
from quintet_ui.presets import PRESETS, TEMPI, preset_of, tempo_of, with_preset, with_tempo
from quintet_ui.translations import Translations

_AXES: Final = ("energy", "valence")


def mood_pad(seeds: Sequence[Track], tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Show the pad.

    Args:
        seeds: The songs that the list starts from.
        tracks: The list as it is shown; empty before there is one.
        texts: The texts.
    """
    features = session.features_of([seed.id for seed in seeds])
    dots = [
        *(_dot("list", each.track.title, features_of(each)) for each in tracks),
        # Drawn over the list.
        *(_dot("mine", seed.title or seed.id, features.get(seed.id, {})) for seed in seeds),
    ]
    data = mood_data(session.preferences(), [dot for dot in dots if dot is not None], texts)
    mood_box(data, key="mood", tuned=_tuned)


def mood_data(
    preferences: Preferences, dots: Sequence[Mapping[str, Any]], texts: Translations
) -> dict[str, Any]:
    """Build the data of the pad."""
    preset, tempo = preset_of(preferences), tempo_of(preferences)
    return {
        "labels": texts.group("mood"),
        "mood": {name: preferences.targets.get(name) for name in _AXES},
        "presets": [
            {"name": name, "label": texts(f"preset.{name}"), "pressed": name == preset}
            for name in PRESETS
        ],
        "tempi": [
            {
                "name": name,
                "label": texts(f"pace.{name}"),
                "help": _range(low, high, texts),
                "pressed": name == tempo,
            }
            for name, (low, high) in TEMPI.items()
        ],
        "dots": list(dots),
    }


def _range(low: float | None, high: float | None, texts: Translations) -> str:
    bounds = [
        texts(f"bound.{kind}", value=said("tempo", bound, texts))
        for kind, bound in (("least", low), ("most", high))
        if bound is not None
    ]
    return ", ".join(bounds)


def _dot(kind: str, title: str, features: Mapping[str, float]) -> dict[str, Any] | None:
    """Place a song on the pad; None if it was not analysed."""
    if not all(name in features for name in _AXES):
        return None
    values = {name: round(min(1.0, max(0.0, features[name])), 3) for name in _AXES}
    return {"kind": kind, "title": ordered(title), **values}


def _tuned() -> None:
    act = triggered("mood", "tuned")
    if not isinstance(act, dict):
        return
    now = session.preferences()
    match act.get("kind"):
        case "preset":
            session.set_preferences(with_preset(now, str(act.get("name") or "")))
        case "tempo":
            session.set_preferences(with_tempo(now, str(act.get("name") or "")))
        case "mood":
            session.set_preferences(with_mood(now, act.get("mood")))


def with_mood(preferences: Preferences, mood: object) -> Preferences:
    """Aim at a point of the pad; anything but two numbers removes both targets."""
    others = {name: value for name, value in preferences.targets.items() if name not in _AXES}
    values = mood if isinstance(mood, dict) else {}
    aimed = {
        name: float(value)
        for name in _AXES
        if isinstance(value := values.get(name), (int, float)) and 0 <= value <= 1
    }
    return replace(preferences, targets={**others, **aimed} if len(aimed) == 2 else others)
