"""Bootstrap intervals: against scipy's, and on values whose interval is plain."""

import math

import numpy as np
import pytest
import scipy.stats
from quintet_training.evaluation import intervals as room
from quintet_training.evaluation.intervals import intervals, ratios


def column(values):
    return np.array(values, dtype=float)[:, None]


def test_intervals_agree_with_scipy():
    values = np.random.default_rng(4).gamma(2.0, size=80)
    (ours,) = intervals(column(values), seed=1, resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.lower == pytest.approx(theirs.low, rel=0.02)
    assert ours.upper == pytest.approx(theirs.high, rel=0.02)


def test_equal_values_leave_no_doubt():
    (found,) = intervals(column([0.5] * 20), seed=1)
    assert (found.mean, found.lower, found.upper, found.playlists) == (0.5, 0.5, 0.5, 20)


def test_a_seed_decides_the_interval():
    values = np.random.default_rng(1).random((30, 2))
    assert intervals(values, seed=3) == intervals(values, seed=3)
    assert intervals(values, seed=3) != intervals(values, seed=4)


def test_memory_blocks_change_nothing(monkeypatch):
    values = np.random.default_rng(1).random((30, 2))
    whole = intervals(values, seed=3)
    monkeypatch.setattr(room, "_BLOCK_CELLS", 100)
    blocked = intervals(values, seed=3)
    assert [one.upper for one in blocked] == pytest.approx([one.upper for one in whole])


def test_playlists_without_a_value_are_left_out():
    known, unknown = intervals(np.array([[1.0, np.nan], [np.nan, np.nan], [1.0, np.nan]]), seed=1)
    assert (known.mean, known.lower, known.upper, known.playlists) == (1.0, 1.0, 1.0, 2)
    assert math.isnan(unknown.mean)
    assert math.isnan(unknown.lower)
    assert unknown.playlists == 0


def test_nineteen_in_twenty_intervals_hold_the_true_mean():
    random = np.random.default_rng(8)
    samples = random.exponential(size=(100, 400))
    found = intervals(samples, seed=1, resamples=2_000)
    held = np.mean([one.lower <= 1.0 <= one.upper for one in found])
    assert 0.91 <= held <= 0.98


def test_paired_differences_see_what_separate_intervals_hide():
    random = np.random.default_rng(5)
    difficulty = random.random(60)
    ours = difficulty + 0.02 + 0.01 * random.random(60)
    (mine,), (theirs,) = intervals(column(ours), seed=1), intervals(column(difficulty), seed=1)
    (gap,) = intervals(column(ours - difficulty), seed=1)
    assert mine.lower < theirs.upper
    assert gap.lower > 0


def test_a_ratio_of_proportional_values_is_certain():
    below = np.random.default_rng(2).random((40, 1)) + 0.1
    (found,) = ratios(2 * below, below, seed=1)
    assert (found.mean, found.lower, found.upper) == pytest.approx((2.0, 2.0, 2.0))


def test_a_ratio_to_nothing_is_infinite_and_a_ratio_of_nothings_unknown():
    nothing = np.zeros((5, 1))
    (infinite,) = ratios(nothing + 1, nothing, seed=1)
    (unknown,) = ratios(nothing, nothing, seed=1)
    assert infinite.mean == math.inf
    assert math.isnan(unknown.mean)
