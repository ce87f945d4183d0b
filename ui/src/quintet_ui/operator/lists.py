"""One recommended list with everything that made it."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st
from quintet_client.models import RecordedList, RecordedTrack

from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.operator.access import ask
from quintet_ui.operator.text import NOTHING, facts, moment, number
from quintet_ui.plain import code
from quintet_ui.translations import Translations

_STAGES: Final = ("initial", "after_filtering", "candidates", "after_relinking")
_MOST_CONTRIBUTIONS: Final = 12


def lists(texts: Translations) -> None:
    """Look up a list by its id.

    Raises:
        GatewayFault: The gateway did not answer, or denies it.
    """
    st.header(texts("operator.one_list"))
    name = st.text_input(
        texts("operator.list_id"), max_chars=64, key="list_id", help=texts("operator.list_id_help")
    ).strip()
    if not name:
        return
    try:
        found = ask(lambda to: to.recorded_list(name))
    except GatewayFault as fault:
        if fault.fault in {Fault.ABSENT, Fault.REFUSED, Fault.UNKNOWN}:
            st.warning(texts("operator.list_unknown"), icon=":material/search_off:")
            return
        raise
    facts(list_facts(found, texts), texts)
    _options(found, texts)
    _tracks(found, texts)
    _one_track(found, texts)
    _feedback(found, texts)


def list_facts(found: RecordedList, texts: Translations) -> dict[str, str]:
    """Describe a list in rows: when, by which versions, for which seeds, and of how many songs."""
    stages = (f"{texts(f'operator.stage.{name}')} {found.pool.get(name, 0):,}" for name in _STAGES)
    rows = {
        texts("operator.time"): moment(found.shown_at),
        texts("operator.surface"): code(found.surface),
        texts("operator.model"): code(found.versions.model),
        texts("operator.index"): code(found.versions.index),
        texts("operator.catalogue"): code(found.versions.catalogue),
        texts("operator.seeds"): ", ".join(_seed(seed, texts) for seed in found.seeds),
        texts("operator.stages"): " → ".join(stages) if found.pool else NOTHING,
        texts("operator.for_listener"): texts(
            "operator.yes" if found.has_listener else "operator.no"
        ),
    }
    if found.experiment_id:
        rows[texts("operator.experiment")] = f"{code(found.experiment_id)} ({code(found.arm)})"
    return rows


def _seed(seed: Mapping[str, Any], texts: Translations) -> str:
    name = next((str(seed[key]) for key in ("track_id", "artist_id", "genre") if key in seed), "")
    weight = float(seed.get("weight", 1.0))
    against = texts("operator.against") if seed.get("negative") else ""
    return f"{against} {code(name)}{f' ({weight:g})' if weight != 1 else ''}".strip()


def _options(found: RecordedList, texts: Translations) -> None:
    st.subheader(texts("operator.options"))
    if found.options:
        st.json(dict(found.options), expanded=1)
    else:
        st.caption(texts("operator.no_options"))


def _tracks(found: RecordedList, texts: Translations) -> None:
    st.subheader(texts("operator.candidates"))
    if found.reasons_from != "replay":
        st.caption(texts(f"operator.reasons_from.{found.reasons_from}"))
    st.dataframe(
        [
            {
                "#": track.position,
                texts("operator.song"): track.title or track.track_id,
                texts("operator.artist"): ", ".join(track.artists),
                texts("operator.score"): track.score,
                texts("operator.channels"): ", ".join(track.channels),
                texts("operator.why"): track.reasons.sentence if track.reasons else "",
                texts("operator.reactions"): _reactions(found, track, texts),
            }
            for track in found.tracks
        ],
        hide_index=True,
    )


def _reactions(found: RecordedList, track: RecordedTrack, texts: Translations) -> str:
    kinds = [event.kind for event in found.feedback if event.track_id == track.track_id]
    return ", ".join(texts.get(f"operator.event.{kind}") or kind for kind in kinds)


def _one_track(found: RecordedList, texts: Translations) -> None:
    """Show what moved one song's score, and the values that it was ranked by."""
    if not found.tracks:
        return
    names = {t.position: f"{t.position}. {t.title or t.track_id}" for t in found.tracks}
    position = st.selectbox(
        texts("operator.which_song"), list(names), format_func=names.__getitem__, key="list_song"
    )
    track = next(each for each in found.tracks if each.position == position)
    moved, ranked = st.columns(2)
    if track.reasons:
        strongest = sorted(
            track.reasons.contributions, key=lambda each: -abs(each.contribution or 0.0)
        )
        moved.caption(texts("operator.contributions"))
        moved.dataframe(
            [
                {
                    texts("operator.feature"): each.feature,
                    texts("operator.contribution"): round(each.contribution or 0.0, 4),
                }
                for each in strongest[:_MOST_CONTRIBUTIONS]
            ],
            hide_index=True,
        )
    if track.features:
        ranked.caption(texts("operator.features"))
        ranked.dataframe(
            [
                {
                    texts("operator.feature"): name,
                    texts("operator.value"): NOTHING if value is None else number(value),
                }
                for name, value in track.features.items()
            ],
            hide_index=True,
        )


def _feedback(found: RecordedList, texts: Translations) -> None:
    st.subheader(texts("operator.feedback"))
    if not found.feedback:
        st.caption(texts("operator.no_feedback"))
        return
    st.table(
        [
            {
                texts("operator.time"): moment(event.occurred_at),
                texts("operator.what"): texts.get(f"operator.event.{event.kind}") or event.kind,
                texts("operator.song"): code(event.track_id),
                "#": NOTHING if event.position is None else str(event.position),
            }
            for event in found.feedback
        ]
    )
