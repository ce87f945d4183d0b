"""Scores against hits: what a score promises, learned from other playlists, and what it keeps."""

import itertools
import math

import numpy as np
import pytest
from quintet_training.evaluation.calibrating import calibrate


def lists(count=200, size=100, seed=0):
    """Make scores between 0 and 1, and hits whose probability is the score."""
    random = np.random.default_rng(seed)
    scores = [np.sort(random.random(size))[::-1] for _ in range(count)]
    return scores, [random.random(size) < each for each in scores]


def measured(scores, hits, kinds=()):
    return calibrate(scores, hits, kinds, np.random.default_rng(1), 1)


def test_scores_that_are_probabilities_have_nearly_no_error():
    scores, hits = lists()
    found = measured(scores, hits)
    assert found.error < 0.02
    assert [tenth.number for tenth in found.tenths] == list(range(1, 11))
    for tenth in found.tenths:
        assert tenth.observed.lower <= (tenth.low + tenth.high) / 2 <= tenth.observed.upper
        assert tenth.predicted == pytest.approx(tenth.observed.mean, abs=1e-2)


def test_tenths_hold_every_track_once_and_their_rates_make_up_the_whole():
    scores, hits = lists(count=30, size=47)
    tenths = measured(scores, hits).tenths
    assert sum(tenth.tracks for tenth in tenths) == 30 * 47
    found = sum(tenth.tracks * tenth.observed.mean for tenth in tenths)
    assert found == pytest.approx(np.concatenate(hits).sum())
    assert all(low.high <= high.low for low, high in itertools.pairwise(tenths))  # ascending


def test_a_kind_in_which_a_score_means_half_as_much_has_a_greater_error():
    scores, hits = lists()
    random = np.random.default_rng(2)
    kinds = ["many" if number % 4 else "few" for number in range(len(scores))]
    hits = [
        hit if kind == "many" else hit & (random.random(len(hit)) < 0.5)
        for hit, kind in zip(hits, kinds, strict=True)
    ]
    found = measured(scores, hits, kinds)
    # Predicted is 7/8 of the score: a quarter of the lists has half of it.
    assert found.by_kind["few"] == pytest.approx(3 / 8 * 0.5, abs=0.03)
    assert found.by_kind["many"] == pytest.approx(1 / 8 * 0.5, abs=0.03)
    assert found.tenths[-1].by_kind["few"] < 0.6 * found.tenths[-1].by_kind["many"]


def test_equal_scores_are_one_tenth_and_no_scores_are_none():
    _, hits = lists(count=8, size=20)
    assert len(measured([np.ones(20)] * 8, hits).tenths) == 1
    empty = measured([np.empty(0)] * 8, [np.empty(0, bool)] * 8)
    assert empty.tenths == ()
    assert math.isnan(empty.error)
