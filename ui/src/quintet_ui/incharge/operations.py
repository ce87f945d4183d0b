"""Drift, and the last runs of each DAG."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from quintet_ui import session
from quintet_ui.incharge.telling import NOTHING, moment
from quintet_ui.words import Words

_OPERATIONS: Final = "/api/v1/operations"


def drift(words: Words) -> None:
    """Shows how far what listeners got has moved from what the model was made for."""
    facts = session.ask(lambda to: to.get(_OPERATIONS))["drift"]
    if facts is None:
        return
    st.header(words("charge.drift"))
    found = {name: facts[name] for name in ("model", "recent", "baseline")}
    st.caption(words("charge.drift_help", since=moment(facts["time"]), **found))
    if not facts["enough"]:
        st.info(words("charge.drift_little"))
        return
    st.table(drift_rows(facts, words))
    if facts["drifted"]:
        names = ", ".join(_quantity(name, words) for name in facts["drifted"])
        st.warning(words("charge.drifted", names=names), icon=":material/trending_up:")


def drift_rows(facts: Mapping[str, Any], words: Words) -> list[dict[str, str]]:
    """Returns the judged quantities, then the features that moved most."""
    named = [(_quantity(name, words), each) for name, each in facts["quantities"].items()]
    return [
        {
            words("charge.quantity"): name,
            words("charge.psi"): f"{each['psi']:.3f}",
            words("charge.ks"): NOTHING if each["ks"] is None else f"{each['ks']:.3f}",
        }
        for name, each in (*named, *facts["features"].items())
    ]


def _quantity(name: str, words: Words) -> str:
    return words.get(f"charge.moved.{name}") or name


def dag_runs(words: Words) -> None:
    """Shows the last runs of each DAG, with links, and says where Airflow gives none."""
    found = session.ask(lambda to: to.get(_OPERATIONS))
    rows = run_rows(found["dags"], words, session.settings().airflow_url)
    trouble = words.get(f"charge.airflow.{found['airflow']}")
    if rows or trouble:
        st.header(words("charge.dags"))
    if trouble:
        st.info(trouble)
    if rows:
        st.table(rows)


def run_rows(
    dags: Sequence[Mapping[str, Any]], words: Words, airflow: str = ""
) -> list[dict[str, str]]:
    """Returns runs, the newest of each DAG first.

    Args:
        dags: As the gateway answers.
        words: The texts.
        airflow: Where browsers reach Airflow; as the gateway does where empty.
    """
    return [
        {
            words("charge.dag"): f"`{dag['dag_id']}`",
            words("charge.run_state"): words.get(f"charge.run.{run['state']}") or run["state"],
            words("charge.begun"): moment(run["start"]) if run["start"] else NOTHING,
            words("charge.finished"): moment(run["end"]) if run["end"] else NOTHING,
            words("charge.run_link"): _run_link(dag["dag_id"], run, words, airflow),
        }
        for dag in dags
        for run in dag["runs"]
    ]


def _run_link(dag_id: str, run: Mapping[str, Any], words: Words, airflow: str) -> str:
    here = f"{airflow.rstrip('/')}/dags/{dag_id}/runs/{quote(run['run_id'], safe='')}"
    return f"[{words('charge.open_run')}]({here if airflow else run['link']})"
