"""Drift, and the last runs of each DAG."""

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st
from quintet_client.models import DagRun, DagRuns, Drift, OperatorOverview

from quintet_ui import session
from quintet_ui.operator.text import NOTHING, moment
from quintet_ui.plain import code, web_address
from quintet_ui.translations import Translations


def drift(overview: OperatorOverview, texts: Translations) -> None:
    """Show how far recommendations have drifted from those for the training playlists."""
    facts = overview.operations.drift
    if facts is None:
        return
    st.header(texts("operator.drift"))
    st.caption(
        texts(
            "operator.drift_help",
            since=moment(facts.time),
            model=code(facts.model),
            recent=facts.recent,
            baseline=facts.baseline,
        )
    )
    if not facts.enough:
        st.info(texts("operator.drift_little"))
        return
    st.table(drift_rows(facts, texts))
    if facts.drifted:
        names = ", ".join(_quantity(name, texts) for name in facts.drifted)
        st.warning(texts("operator.drifted", names=names), icon=":material/trending_up:")


def drift_rows(facts: Drift, texts: Translations) -> list[dict[str, str]]:
    """List the judged quantities, then the features that drifted most."""
    named = [(_quantity(name, texts), each) for name, each in facts.quantities.items()]
    return [
        {
            texts("operator.quantity"): name,
            texts("operator.psi"): f"{each.psi:.3f}",
            texts("operator.ks"): NOTHING if each.ks is None else f"{each.ks:.3f}",
        }
        for name, each in (*named, *((code(name), each) for name, each in facts.features.items()))
    ]


def _quantity(name: str, texts: Translations) -> str:
    return texts.get(f"operator.moved.{name}") or code(name)


def dag_runs(overview: OperatorOverview, texts: Translations) -> None:
    """Show the last runs of each DAG with links, or why Airflow returns none."""
    found = overview.operations
    rows = run_rows(found.dags, texts, session.settings().airflow_url)
    trouble = texts.get(f"operator.airflow.{found.airflow}")
    if rows or trouble:
        st.header(texts("operator.dags"))
    if trouble:
        st.info(trouble)
    if rows:
        st.table(rows)


def run_rows(
    dags: Sequence[DagRuns], texts: Translations, airflow: str = ""
) -> list[dict[str, str]]:
    """List the runs of all DAGs, the newest of each DAG first.

    Args:
        dags: As the gateway answers.
        texts: The texts.
        airflow: Where browsers reach Airflow; as the gateway does where empty.
    """
    return [
        {
            texts("operator.dag"): code(dag.dag_id),
            texts("operator.run_state"): texts.get(f"operator.run.{run.state}") or code(run.state),
            texts("operator.begun"): moment(run.start) if run.start else NOTHING,
            texts("operator.finished"): moment(run.end) if run.end else NOTHING,
            texts("operator.run_link"): _run_link(dag.dag_id, run, texts, airflow),
        }
        for dag in dags
        for run in dag.runs
    ]


def _run_link(dag_id: str, run: DagRun, texts: Translations, airflow: str) -> str:
    path = f"dags/{quote(dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"
    address = f"{airflow.rstrip('/')}/{path}" if airflow else web_address(run.link)
    # Percent-encoded, no character ends the link's Markdown.
    quoted = quote(address, safe=":/?#[]@!$&'*+,;=%-._~")
    return f"[{texts('operator.open_run')}]({quoted})" if address else NOTHING
