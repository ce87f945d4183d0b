"""The side panel: the mood pad, what is set, and every attribute under "Advanced"."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import streamlit as st
from quintet_client.models import RankedTrack

from quintet_ui.attributes import MAIN, MORE, SCALES, Scale, said
from quintet_ui.mood import mood_pad
from quintet_ui.preferences import Preferences
from quintet_ui.presets import with_preset
from quintet_ui.session import preferences, set_preferences, tracks_of
from quintet_ui.translations import Translations

ANY: Final = ""
"""The first stop of a target's slider: no target."""
_KINDS: Final = {"aim": "targets", "least": "minimum", "most": "maximum"}
"""What can be set of an attribute, by the names of texts and of fields."""


def tuning_panel(tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Show the panel below its heading; every change updates the preferences at once.

    Args:
        tracks: The list as it is shown, whose songs are points of the pad.
        texts: The texts.
    """
    known = tracks_of([seed.track_id for seed in preferences().seeds if not seed.against])
    mood_pad(list(known.values()), tracks, texts)
    _settings(texts)
    # Hidden sliders would cost each visit a second, so a closed panel draws none.
    with st.expander(
        texts("tuning.advanced"), key="advanced_open", on_change="rerun", icon=":material/tune:"
    ) as advanced:
        if advanced.open:
            _advanced(texts)
    st.button(texts("tuning.reset"), on_click=_reset, width="stretch")


def _settings(texts: Translations) -> None:
    """Show each target and limit as a button that removes it."""
    now = preferences()
    with st.container(horizontal=True, gap="small", key="set"):
        for kind, field in _KINDS.items():
            for name, value in getattr(now, field).items():
                bound = texts(f"bound.{kind}", value=said(name, value, texts))
                st.button(
                    texts("tuning.set", name=texts(f"attribute.{name}"), bound=bound),
                    key=f"unset-{kind}-{name}",
                    icon=":material/close:",
                    help=texts("tuning.unset"),
                    on_click=_unset,
                    args=(field, name),
                )


def _unset(field: str, name: str) -> None:
    now = preferences()
    kept = {key: value for key, value in getattr(now, field).items() if key != name}
    changes: dict[str, object] = {field: kept}
    set_preferences(replace(now, **changes))  # type: ignore[arg-type]


def _advanced(texts: Translations) -> None:
    """Show everything that the pad does not set, for one attribute at a time."""
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
    _switch("variants", texts("tuning.variants"), texts("tuning.variants_help"))
    _switch("seasonal", texts("tuning.seasonal"), texts("tuning.seasonal_help"))
    name = st.selectbox(
        texts("tuning.attribute"),
        [*MAIN, "popularity", *MORE],
        format_func=lambda name: texts(f"attribute.{name}"),
        key="attribute",
    )
    if name != "popularity":
        _aim(name, texts)
    # Between C and B is every key: a range of names says nothing.
    if not SCALES[name].worded:
        _limits(name, texts)


def _stop(name: str, stop: float | str, texts: Translations) -> str:
    """Format a stop of an attribute's slider for the listener."""
    if isinstance(stop, str):
        return texts("tuning.any")
    return said(name, stop * SCALES[name].factor, texts)


def _aim(name: str, texts: Translations) -> None:
    scale, key = SCALES[name], f"aim_{name}"
    target = preferences().targets.get(name)
    st.session_state[key] = ANY if target is None else scale.nearest(target)
    st.select_slider(
        texts("tuning.aim_for", name=texts(f"attribute.{name}")),
        [ANY, *scale.stops()],
        format_func=lambda stop: _stop(name, stop, texts),
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
        format_func=lambda stop: _stop(name, stop, texts),
        key=key,
        on_change=_limited,
        args=(name,),
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
    cleared: Preferences = with_preset(preferences(), "")
    set_preferences(replace(cleared, variants=False, seasonal=False))
