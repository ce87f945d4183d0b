"""The sequential test: what it promises under the null, what it finds, what its interval holds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_store.sequential_test import Rule, Verdict, log_evidence, weigh
from scipy.special import betaln

RUNS, TRIALS = 2000, 1000
counts = st.integers(0, 3000)
rules = st.builds(
    Rule,
    alpha=st.sampled_from([0.01, 0.05, 0.1]),
    min_effect=st.sampled_from([0.005, 0.05, 0.2]),
    null=st.sampled_from([0.02, 0.1, 0.5, 0.9]),
)


def evidence_at_every_look(share: float, rule: Rule, seed: int) -> np.ndarray:
    """ln E against the null after each trial, by SciPy; (runs, trials)."""
    won = np.random.default_rng(seed).random((RUNS, TRIALS)) < share
    wins = won.cumsum(axis=1)
    losses = np.arange(1, TRIALS + 1) - wins
    size = 1 / (4 * (2 * rule.min_effect) ** 2) - 1
    a, b = size * rule.null, size * (1 - rule.null)
    mixture = betaln(a + wins, b + losses) - betaln(a, b)
    return mixture - wins * math.log(rule.null) - losses * math.log(1 - rule.null)


@pytest.mark.parametrize("null", [0.5, 0.1])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_whoever_looks_after_every_trial_is_misled_no_more_often_than_alpha(null, alpha):
    rule = Rule(alpha=alpha, null=null)
    ever = evidence_at_every_look(null, rule, seed=20).max(axis=1) >= -math.log(alpha)
    assert 0 < ever.mean() <= alpha


def test_looking_often_at_a_plain_test_would_mislead():
    # What the simulation above would find of a test for a fixed number of trials.
    won = np.random.default_rng(20).random((RUNS, TRIALS)) < 0.5
    trials = np.arange(1, TRIALS + 1)
    z = (2 * won.cumsum(axis=1) - trials) / np.sqrt(trials)
    assert (np.abs(z[:, 20:]) > 1.96).any(axis=1).mean() > 0.3


@pytest.mark.parametrize(("share", "least"), [(0.6, 0.95), (0.65, 0.99), (0.4, 0.95)])
def test_a_preference_is_found_within_a_thousand_trials(share, least):
    found = evidence_at_every_look(share, Rule(), seed=21).max(axis=1) >= -math.log(0.05)
    assert found.mean() >= least


@given(counts, counts, rules)
def test_evidence_is_that_of_the_formula(wins, losses, rule):
    size = 1 / (4 * (2 * rule.min_effect) ** 2) - 1
    a, b = size * rule.null, size * (1 - rule.null)
    expected = betaln(a + wins, b + losses) - betaln(a, b)
    expected -= wins * math.log(rule.null) + losses * math.log(1 - rule.null)
    assert log_evidence(wins, losses, rule.null, rule) == pytest.approx(expected, abs=1e-5)


@given(counts, counts, rules)
def test_the_interval_holds_what_was_seen_and_leaves_a_half_out_where_that_is_ruled_out(
    wins, losses, rule
):
    found = weigh(wins, losses, rule)
    assert 0 <= found.low <= found.preference <= found.high <= 1
    ruled_out = log_evidence(wins, losses, rule.null, rule) >= -math.log(rule.alpha)
    assert ruled_out == (not found.low <= 0.5 <= found.high)
    assert (found.p_value <= rule.alpha * (1 + 1e-9)) == ruled_out
    if found.verdict is Verdict.CHALLENGER:
        assert found.preference > 0.5
    if found.verdict is Verdict.CHAMPION:
        assert found.preference < 0.5


@given(counts, counts, st.sampled_from([0.05, 0.1]))
def test_the_two_models_are_treated_alike(wins, losses, alpha):
    one, other = (weigh(*pair, Rule(alpha)) for pair in ((wins, losses), (losses, wins)))
    assert one.low == pytest.approx(1 - other.high)
    assert one.p_value == pytest.approx(other.p_value)


@pytest.mark.parametrize(
    ("wins", "losses", "verdict"),
    [
        (0, 0, Verdict.UNDECIDED),
        (5, 0, Verdict.UNDECIDED),
        (40, 10, Verdict.CHALLENGER),
        (10, 40, Verdict.CHAMPION),
        (2000, 2000, Verdict.EQUAL),
    ],
)
def test_verdicts_follow_from_trials(wins, losses, verdict):
    assert weigh(wins, losses, Rule()).verdict is verdict


def test_what_is_not_found_within_the_most_trials_is_given_up():
    assert weigh(55, 45, Rule(most_trials=101)).verdict is Verdict.UNDECIDED
    assert weigh(55, 45, Rule(most_trials=100)).verdict is Verdict.INCONCLUSIVE


def test_in_a_split_the_share_of_traffic_is_no_preference():
    rule = Rule(null=0.1)
    assert weigh(100, 900, rule).preference == pytest.approx(0.5)
    assert weigh(100, 900, rule).verdict is Verdict.UNDECIDED
    assert weigh(200, 800, rule).verdict is Verdict.CHALLENGER
