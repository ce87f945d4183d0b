"""The checker of histories accepts correct ones, and finds each kind of broken promise."""

import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.histories import (
    FEEDBACK_FAULTS,
    MODEL_FAULTS,
    PROMOTIONS,
    WISHES,
    Wish,
    feedback_history,
    model_history,
)
from tests.root import ROOT
from tests.slow import slow
from tools.chaos.history.checker import RULES, violations
from tools.chaos.history.operations import HistoryFile, Operation, Outcome, read_history

LAGS = st.floats(0.1, 3)
# Parts of a history that the other half of the product has nothing to do with.
NO_MODELS = [Operation("state", 0, 0, Outcome.OK, {"place": "models", "entries": []})]
NO_FEEDBACK = [
    Operation("state", 0, 0, Outcome.OK, {"place": place, "entries": []})
    for place in ("database", "memory", "spool", "export", "training")
]


@given(wishes=WISHES)
def test_a_correct_history_of_feedback_passes(wishes):
    assert violations([*feedback_history(wishes), *NO_MODELS]) == []


@given(promotions=PROMOTIONS, lag=LAGS)
def test_a_correct_history_of_models_passes(promotions, lag):
    assert violations([*model_history(promotions, lag), *NO_FEEDBACK]) == []


@given(wishes=WISHES, name=st.sampled_from(sorted(FEEDBACK_FAULTS)))
def test_one_fault_in_a_correct_history_of_feedback_is_found(wishes, name):
    broken = FEEDBACK_FAULTS[name]([*feedback_history(wishes), *NO_MODELS])
    assume(broken is not None)
    assert broken is not None
    assert violations(broken), name


@given(promotions=PROMOTIONS, lag=LAGS, name=st.sampled_from(sorted(MODEL_FAULTS)))
def test_one_fault_in_a_correct_history_of_models_is_found(promotions, lag, name):
    broken = MODEL_FAULTS[name](model_history(promotions, lag))
    assume(broken is not None)
    assert broken is not None
    assert violations([*broken, *NO_FEEDBACK]), name


def wish(kind: str, number: int, start: float, outcome: Outcome = Outcome.OK) -> Wish:
    return Wish(kind, number, start, 1.0, 0.5, outcome, happens=True)


# Two listeners: l0 has e0 and e3, is deleted, and sends e6 after it; l1 undoes e1 and keeps e4.
BY_HAND = [
    *(wish("event", 0, 1), wish("event", 3, 1.2, Outcome.UNKNOWN), wish("event", 1, 2)),
    *(wish("event", 4, 2.5), wish("event", 7, 2.6, Outcome.FAILED), wish("undo", 1, 5)),
    *(wish("delete", 0, 10), wish("event", 6, 20), wish("export", 1, 25), wish("event", 4, 30)),
]
RULE_OF = {
    "lost": "stored once",
    "doubled": "known",
    "deleted row": "stays deleted",
    "deleted export": "stays deleted",
    "deleted spool": "stays deleted",
    "made up": "known",
    "failed is stored": "known",
    "undone is back": "stays undone",
    "other listener": "stored once",
    "other act": "stored once",
    "memory lacks": "derived",
    "memory has more": "derived",
    "training has more": "derived",
    "waits in the spool": "drained",
    "export lacks": "derived",
    "exported after deletion": "stays deleted",
    "exported before it was sent": "known",
    "no state": "complete",
    "served again": "promotions in order",
    "served too early": "promotions in order",
    "never promoted": "lists name what was served",
    "named long after": "lists name what was served",
    "other in the end": "promotions in order",
}


@pytest.mark.parametrize("name", sorted(FEEDBACK_FAULTS))
def test_each_kind_of_fault_of_feedback_breaks_its_rule(name):
    correct = [*feedback_history(BY_HAND), *NO_MODELS]
    assert violations(correct) == []
    broken = FEEDBACK_FAULTS[name](correct)
    assert broken is not None
    assert RULE_OF[name] in {each.rule for each in violations(broken)}


@pytest.mark.parametrize("name", sorted(MODEL_FAULTS))
def test_each_kind_of_fault_of_models_breaks_its_rule(name):
    promotions = [("m2", 4.0, Outcome.OK), ("m1", 4.0, Outcome.FAILED), ("m2", 4.0, Outcome.OK)]
    correct = [*model_history(promotions, 0.5), *NO_FEEDBACK]
    assert violations(correct) == []
    broken = MODEL_FAULTS[name](correct)
    assert broken is not None
    assert {each.rule for each in violations(broken)} == {RULE_OF[name]}


def test_each_rule_is_broken_by_a_fault():
    assert set(RULE_OF.values()) == set(RULES)
    assert set(RULE_OF) == {*FEEDBACK_FAULTS, *MODEL_FAULTS}


def test_an_event_from_before_a_deletion_stays_deleted_if_its_outcome_is_unknown():
    """A time-out leaves open when the event arrives; its time of receipt in the row does not."""
    late = feedback_history([wish("event", 0, 1, Outcome.UNKNOWN), wish("event", 3, 20)])
    delete = Operation("delete", 10, 11, Outcome.OK, {"listener": "l0"})
    assert "stays deleted" in {each.rule for each in violations([*late, delete, *NO_MODELS])}


def test_an_unknown_promotion_may_take_effect_late_and_once():
    def promote(at: float, version: str, outcome: Outcome = Outcome.OK) -> Operation:
        return Operation("promote", at, at + 1, outcome, {"version": version})

    def model(at: float, version: str) -> Operation:
        return Operation("model", at, at, Outcome.OK, {"ranker": "r", "version": version})

    promotions = [promote(0, "a"), promote(5, "b", Outcome.UNKNOWN), promote(10, "c")]
    late = [model(2, "a"), model(12, "c"), model(15, "b")]
    rest = [*NO_FEEDBACK, *NO_MODELS]
    assert violations([*promotions, *late, *rest]) == []
    twice = [*late, model(16, "c"), model(17, "b")]
    assert [each.rule for each in violations([*promotions, *twice, *rest])] == [
        "promotions in order"
    ]


def test_a_file_of_operations_is_read_as_it_was_written(tmp_path):
    written = [Operation("delete", 2, 3, Outcome.UNKNOWN, {"listener": "l"}), *NO_MODELS]
    file = HistoryFile(tmp_path / "deep" / "history.jsonl")
    for each in written:
        file.add(each)
    file.close()
    lines = (tmp_path / "deep" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert read_history(lines) == sorted(written, key=lambda each: each.start)
    with pytest.raises(ValueError, match="line 2 is not an operation"):
        read_history([lines[0], '{"kind": "event"}'])


@slow("records a minute of chaos, which takes three")
@pytest.mark.timeout(700)
def test_a_history_recorded_under_chaos_is_correct(tmp_path):
    command = [sys.executable, "-m", "tools.chaos.history", "--minutes", "1"]
    done = subprocess.run(
        [*command, "--file", str(tmp_path / "history.jsonl")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=690,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert "\n0 promises broken, " in done.stdout
