"""What serves now: services, versions, the quality of the model, and the running experiment."""

from typing import Final

import streamlit as st
from quintet_client.models import Experiment, Model, OperatorOverview

from quintet_ui.operator.markup import show_states, tone_of_state
from quintet_ui.operator.text import NOTHING, facts, moment, number, percent
from quintet_ui.plain import code
from quintet_ui.translations import Translations

QUALITY: Final = (
    "ndcg_500",
    "recall_500",
    "r_precision",
    "mrr",
    "coverage",
    "novelty",
    "calibration",
)
"""Metrics of an evaluation that the page shows; the registry has more."""
SEEDS: Final = "five_seeds"
"""The questions of an evaluation that are like a listener's: five songs."""


def health(overview: OperatorOverview, texts: Translations) -> None:
    """Show each service's state by mark, word and colour."""
    st.header(texts("operator.health"))
    show_services(dict(overview.services), texts)


def show_services(states: dict[str, str], texts: Translations) -> None:
    """Show the states of services."""
    show_states(
        (
            texts.get(f"operator.service.{name}") or name,
            texts.get(f"state.{state}") or texts("state.UNREACHABLE"),
            tone_of_state(state),
        )
        for name, state in states.items()
    )


def versions(overview: OperatorOverview, texts: Translations) -> None:
    """Show the served versions, since when, and the version rejected last."""
    if overview.model is not None:
        show_model(overview.model, texts)


def show_model(model: Model, texts: Translations) -> None:
    """Show what is known of the served model."""
    st.header(texts("operator.versions"))
    kind = texts.get(f"operator.kind.{model.kind}") or code(model.kind)
    rows = {
        texts("operator.model"): f"{code(model.versions.model)} ({kind})",
        texts("operator.index"): code(model.versions.index),
        texts("operator.catalogue"): code(model.versions.catalogue),
        texts("operator.tracks"): f"{model.track_count:,}",
        texts("operator.channels"): ", ".join(map(code, model.channels)),
        texts("operator.made"): moment(model.create_time),
        texts("operator.since"): moment(model.load_time),
    }
    facts(rows, texts)
    if model.refused_version:
        _rejected(model.refused_version, model.refused_reason, texts)


def quality(overview: OperatorOverview, texts: Translations) -> None:
    """Show the metrics of the served model's evaluation, or how to get them."""
    st.header(texts("operator.quality"))
    rows = quality_rows(dict(overview.quality), texts)
    if not rows:
        st.info(texts("operator.quality_none"), icon=":material/info:")
        return
    st.caption(texts("operator.quality_help"))
    st.table(rows)


def quality_rows(metrics: dict[str, float], texts: Translations) -> list[dict[str, str]]:
    """List the metrics of an evaluation with five seeds, with their intervals."""
    rows = []
    for name in QUALITY:
        key = f"{name}.{SEEDS}"
        if key not in metrics:
            continue
        low, high = metrics.get(f"{key}.lower"), metrics.get(f"{key}.upper")
        known = low is not None and high is not None
        rows.append(
            {
                texts("operator.metric"): texts(f"operator.metric_of.{name}"),
                texts("operator.value"): number(metrics[key]),
                texts("operator.interval"): (
                    f"{number(low or 0.0)} - {number(high or 0.0)}" if known else NOTHING
                ),
            }
        )
    return rows


def experiment(overview: OperatorOverview, texts: Translations) -> None:
    """Show champion against challenger, with the interval and the test's verdict."""
    found = overview.experiment
    if found is None:
        return
    st.header(texts("operator.experiment"))
    running = texts("operator.running" if found.running else "operator.ended")
    st.caption(texts("operator.experiment_help", state=running, since=moment(found.started_at)))
    facts(experiment_rows(found, texts), texts)
    if found.challenger_refused:
        _rejected(found.challenger, found.challenger_refused, texts)


def experiment_rows(found: Experiment, texts: Translations) -> dict[str, str]:
    """Describe an experiment as rows of a table: translated name, value."""
    seen, shadow = found.preference, found.shadow
    verdict = texts.get(f"operator.said.{found.verdict}") or code(found.verdict)
    rows = {
        texts("operator.champion"): code(found.champion),
        texts("operator.challenger"): code(found.challenger),
        texts("operator.mode"): f"{code(found.mode)}, {found.percent:g} %",
        texts("operator.trials"): texts(
            "operator.trials_told", wins=found.wins, losses=found.losses, ties=found.ties
        ),
        texts("operator.preference"): (
            f"{percent(seen.seen)} ({percent(seen.low)} - {percent(seen.high)})"
        ),
        texts("operator.verdict"): f"{verdict} (p = {found.p_value:.3g})",
    }
    if found.reason:
        rows[texts("operator.reason")] = code(found.reason)
    if shadow.requests:
        rows[texts("operator.shadow")] = texts(
            "operator.shadow_told",
            requests=shadow.requests,
            overlap=NOTHING if shadow.overlap is None else percent(shadow.overlap),
        )
    return rows


def _rejected(version: str, reason: str, texts: Translations) -> None:
    text = texts("operator.refused", version=code(version), reason=code(reason))
    st.warning(text, icon=":material/block:")
