"""Champion against challenger, as the second page tells of it."""

from typing import Any

import pytest
from quintet_client.models import Experiment
from quintet_gateway.schemas.experiment import ExperimentFacts
from quintet_store.sequential_test import Verdict
from quintet_ui.operator.state import experiment_rows
from quintet_ui.operator.text import NOTHING
from quintet_ui.translations import translations_for

EN, KO = translations_for("en"), translations_for("ko")
SHADOW: dict[str, Any] = {
    "requests": 0, "rank_correlation": None, "overlap": None,
    "champion_ms": None, "challenger_ms": None,
}  # fmt: skip
FACTS: dict[str, Any] = {
    "experiment_id": "x1", "running": True, "mode": "interleave", "percent": 20.0,
    "champion": "m1", "challenger": "m2", "challenger_held": True, "challenger_refused": "",
    "started_at": "2026-01-31T12:00:00+00:00", "ended_at": None, "reason": "",
    "rule": {"alpha": 0.05, "min_effect": 0.02, "most_trials": 1000, "unit": "list"},
    "lists": {"both": 10}, "other_lists": 40, "wins": 6, "losses": 3, "ties": 1,
    "verdict": "undecided", "p_value": 0.254321,
    "preference": {"seen": 0.667, "low": 0.35, "high": 0.88},
    "shadow": SHADOW,
}  # fmt: skip


def rows(texts=EN, **changes):
    facts = ExperimentFacts.model_validate({**FACTS, **changes}).model_dump()
    return experiment_rows(Experiment.model_validate(facts), texts)


def test_wins_losses_and_the_interval_are_told():
    told = rows()
    assert told[EN("operator.trials")] == "6 won, 3 lost, 1 tied"
    assert told[EN("operator.preference")] == "66.7 % (35.0 % - 88.0 %)"
    assert told[EN("operator.verdict")] == "not decided yet (p = 0.254)"
    assert EN("operator.reason") not in told
    assert EN("operator.shadow") not in told


@pytest.mark.parametrize("texts", [EN, KO], ids=["en", "ko"])
def test_why_it_ended_and_its_shadow_are_told_where_there_are_any(texts):
    shadow = {**SHADOW, "requests": 12, "overlap": 0.5}
    told = rows(texts, running=False, reason="errors", shadow=shadow)
    assert told[texts("operator.reason")] == "`errors`"
    assert "12" in told[texts("operator.shadow")]
    assert "50.0 %" in told[texts("operator.shadow")]


def test_an_overlap_that_is_not_known_is_a_dash():
    assert rows(shadow={**SHADOW, "requests": 1})[EN("operator.shadow")].endswith(NOTHING)


@pytest.mark.parametrize("texts", [EN, KO], ids=["en", "ko"])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words_of_its_own(texts, verdict):
    assert texts.get(f"operator.said.{verdict.value}")
