"""The side panel: presets, and for each attribute a value to aim at and limits to keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import streamlit as st

from quintet_ui.attributes import MAIN, MORE, SCALES, Scale
from quintet_ui.identity import forget_button
from quintet_ui.preferences import Preferences
from quintet_ui.session import preferences, set_preferences
from quintet_ui.translations import Translations

ANY: Final = ""
"""The first stop of a target's slider: no target."""


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


def tuning_panel(texts: Translations) -> None:
    """Show the panel; every change updates the preferences at once."""
    st.header(texts("tuning.heading"))
    st.pills(
        texts("tuning.presets"),
        list(PRESETS),
        format_func=lambda name: texts(f"preset.{name}"),
        key="preset",
        on_change=_preset_chosen,
    )
    st.session_state.diversity = preferences().diversity
    st.slider(
        texts("tuning.diversity"),
        0.0,
        1.0,
        step=0.05,
        key="diversity",
        on_change=_diversity_changed,
        help=texts("tuning.diversity_help"),
    )
    _limits("popularity", texts)
    _switch("variants", texts("tuning.variants"), texts("tuning.variants_help"))
    _switch("seasonal", texts("tuning.seasonal"), texts("tuning.seasonal_help"))
    with st.expander(texts("tuning.aims"), expanded=True):
        for name in MAIN:
            _aim(name, texts)
    # Twenty hidden sliders would cost each visit a second, so closed panels draw none.
    with st.expander(texts("tuning.limits"), key="limits_open", on_change="rerun") as limits:
        for name in MAIN if limits.open else ():
            _limits(name, texts)
    with st.expander(texts("tuning.more"), key="more_open", on_change="rerun") as more:
        for name in MORE if more.open else ():
            _aim(name, texts)
            _limits(name, texts)
    st.button(texts("tuning.reset"), on_click=_reset, width="stretch")
    forget_button(texts)


def said(name: str, stop: float | str, texts: Translations) -> str:
    """Format a stop of an attribute's slider for the listener."""
    if isinstance(stop, str):
        return texts("tuning.any")
    scale = SCALES[name]
    if scale.worded:
        return texts(f"{name}.{stop:.0f}")
    unit = texts.get(f"unit.{name}")
    if unit is not None:
        return unit.format(value=f"{stop:g}")
    return texts("unit.share", value=f"{100 * stop:.0f}") if scale.high == 1 else f"{stop:g}"


def _aim(name: str, texts: Translations) -> None:
    scale, key = SCALES[name], f"aim_{name}"
    target = preferences().targets.get(name)
    st.session_state[key] = ANY if target is None else scale.nearest(target)
    st.select_slider(
        texts("tuning.aim_for", name=texts(f"attribute.{name}")),
        [ANY, *scale.stops()],
        format_func=lambda stop: said(name, stop, texts),
        key=key,
        on_change=_aimed,
        args=(name,),
    )


def _limits(name: str, texts: Translations) -> None:
    scale, key = SCALES[name], f"limits_{name}"
    low, high = preferences().minimum.get(name), preferences().maximum.get(name)
    st.session_state[key] = (
        scale.low if low is None else scale.nearest(low),
        scale.high if high is None else scale.nearest(high),
    )
    st.select_slider(
        texts("tuning.between", name=texts(f"attribute.{name}")),
        scale.stops(),
        # A pair of values gives the slider two handles; their positions come from the session.
        value=(scale.low, scale.high),
        format_func=lambda stop: said(name, stop, texts),
        key=key,
        on_change=_limited,
        args=(name,),
    )


def _preset_chosen() -> None:
    preset = PRESETS.get(st.session_state.preset or "", Preset())
    # A preset replaces all targets and limits, so that presets do not add up.
    set_preferences(_tuned(preferences(), preset))


def _tuned(now: Preferences, preset: Preset) -> Preferences:
    return replace(
        now,
        targets=dict(preset.targets),
        minimum=dict(preset.minimum),
        maximum=dict(preset.maximum),
        diversity=preset.diversity,
    )


def _diversity_changed() -> None:
    set_preferences(replace(preferences(), diversity=st.session_state.diversity))


def _switch(name: str, label: str, help_text: str) -> None:
    """Show a switch of songs that are left out by default."""
    st.session_state[name] = getattr(preferences(), name)
    st.toggle(label, key=name, on_change=_switched, args=(name,), help=help_text)


def _switched(name: str) -> None:
    set_preferences(replace(preferences(), **{name: st.session_state[name]}))


def _aimed(name: str) -> None:
    stop = st.session_state[f"aim_{name}"]
    targets = {key: value for key, value in preferences().targets.items() if key != name}
    if stop != ANY:
        targets[name] = stop * SCALES[name].factor
    set_preferences(replace(preferences(), targets=targets))


def _limited(name: str) -> None:
    scale = SCALES[name]
    low, high = st.session_state[f"limits_{name}"]
    set_preferences(
        replace(
            preferences(),
            minimum=_bounded(preferences().minimum, name, low, scale.low, scale),
            maximum=_bounded(preferences().maximum, name, high, scale.high, scale),
        )
    )


def _bounded(
    bounds: Mapping[str, float], name: str, stop: float, end: float, scale: Scale
) -> dict[str, float]:
    """Change one bound; a bound at the slider's end is removed."""
    others = {key: value for key, value in bounds.items() if key != name}
    return others if stop == end else {**others, name: stop * scale.factor}


def _reset() -> None:
    st.session_state.preset = None
    set_preferences(replace(_tuned(preferences(), Preset()), variants=False, seasonal=False))
