"""Metrics on lists whose worth is plain, and against trec_eval."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, Rprec, nDCG
from quintet_training.evaluation import metrics
from quintet_training.evaluation.metrics import METRICS, Yardstick

LIMIT = 500
TRACKS = 900
ARTISTS = np.arange(TRACKS, dtype=np.int32)

runs = st.builds(
    lambda seed, length, relevant: _run(seed, length, relevant),
    st.integers(0, 1 << 30),
    st.integers(0, LIMIT),
    st.integers(1, 700),
)


def _run(seed, length, relevant):
    random = np.random.default_rng(seed)
    return random.permutation(TRACKS)[:length], random.permutation(TRACKS)[:relevant]


def mask(*places, length=LIMIT):
    hits = np.zeros(length, dtype=bool)
    hits[list(places)] = True
    return hits


@settings(deadline=None, max_examples=60)
@given(runs)
def test_metrics_agree_with_trec_eval(run):
    ranked, truth = run
    wanted = [ir_measures.Qrel("p", str(row), 1) for row in truth.tolist()]
    scored = [
        ir_measures.ScoredDoc("p", str(row), float(-place))
        for place, row in enumerate(ranked.tolist())
    ]
    measures = [nDCG @ LIMIT, R @ LIMIT, RR, Rprec]
    reference = dict.fromkeys(measures, 0.0)
    if scored:
        reference = ir_measures.calc_aggregate(measures, wanted, scored)
    hits = np.isin(ranked, truth)
    assert metrics.ndcg(hits, len(truth), LIMIT) == pytest.approx(reference[nDCG @ LIMIT], abs=1e-6)
    assert metrics.recall(hits, len(truth)) == pytest.approx(reference[R @ LIMIT], abs=1e-6)
    assert metrics.reciprocal_rank(hits) == pytest.approx(reference[RR], abs=1e-6)
    assert metrics.r_precision(hits, len(truth)) == pytest.approx(reference[Rprec], abs=1e-6)


@settings(deadline=None)
@given(runs)
def test_every_metric_keeps_its_range(run):
    ranked, truth = run
    hits = np.isin(ranked, truth)
    assert 0 <= metrics.ndcg(hits, len(truth), LIMIT) <= 1 + 1e-12
    assert 0 <= metrics.recall(hits, len(truth)) <= 1
    assert 0 <= metrics.reciprocal_rank(hits) <= 1
    assert metrics.clicks(hits, LIMIT) in {*range(50), 51}
    plain = metrics.r_precision(hits, len(truth))
    assert 0 <= plain <= metrics.r_precision_artists(ranked, truth, ARTISTS, hits) <= 1.25


@given(st.integers(1, 600))
def test_a_perfect_list_is_worth_one(relevant):
    truth = np.arange(relevant)
    hits = np.isin(truth[:LIMIT], truth)
    assert metrics.ndcg(hits, relevant, LIMIT) == pytest.approx(1.0)
    assert metrics.r_precision(hits, relevant) == min(1.0, LIMIT / relevant)
    assert metrics.clicks(hits, LIMIT) == 0
    assert metrics.reciprocal_rank(hits) == 1


@settings(deadline=None)
@given(runs, st.integers(0, 1 << 30))
def test_order_beyond_the_first_places_leaves_r_precision_alone(run, seed):
    ranked, truth = run
    cut, random = len(truth), np.random.default_rng(seed)
    shuffled = np.concatenate((random.permutation(ranked[:cut]), random.permutation(ranked[cut:])))
    before, after = np.isin(ranked, truth), np.isin(shuffled, truth)
    assert metrics.r_precision(before, cut) == metrics.r_precision(after, cut)
    assert metrics.recall(before, cut) == metrics.recall(after, cut)
    assert metrics.r_precision_artists(ranked, truth, ARTISTS, before) == pytest.approx(
        metrics.r_precision_artists(shuffled, truth, ARTISTS, after)
    )


@given(st.sets(st.integers(1, 499), min_size=1, max_size=20), st.data())
def test_a_hit_moved_forward_never_lowers_ndcg(places, data):
    moved = data.draw(st.sampled_from(sorted(places)))
    free = [place for place in range(moved) if place not in places]
    if not free:
        return
    forward = (places - {moved}) | {data.draw(st.sampled_from(free))}
    assert metrics.ndcg(mask(*forward), 30, LIMIT) > metrics.ndcg(mask(*places), 30, LIMIT)


@pytest.mark.parametrize(
    ("place", "clicks"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (499, 49)]
)
def test_clicks_count_refreshes_of_ten(place, clicks):
    assert metrics.clicks(mask(place), LIMIT) == clicks


def test_no_hit_costs_one_click_more_than_there_are():
    assert metrics.clicks(mask(), LIMIT) == 51
    assert metrics.clicks(mask(length=0), LIMIT) == 51


def test_ndcg_of_a_hand_computed_list():
    # Hits at ranks 2 and 3 of two to find.
    gain = 1 / math.log2(3) + 1 / math.log2(4)
    assert metrics.ndcg(mask(1, 2), 2, LIMIT) == pytest.approx(gain / (1 + 1 / math.log2(3)))


def test_artists_in_common_add_a_quarter_each_once():
    artists = np.array([0, 0, 1, 1, 2, 2, 3, 3], dtype=np.int32)
    truth = np.array([0, 1, 2, 4])  # artists 0, 1, 2
    ranked = np.array([0, 3, 6, 7, 5])  # one track; artists 0, 1, 3; row 5 is beyond place four
    hits = np.isin(ranked, truth)
    assert metrics.r_precision(hits, 4) == 0.25
    assert metrics.r_precision_artists(ranked, truth, artists, hits) == 0.25 + 0.25 * 2 / 4


def test_unknown_artists_never_match():
    artists = np.array([-1, -1, -1], dtype=np.int32)
    truth, ranked = np.array([0]), np.array([1])
    hits = np.isin(ranked, truth)
    assert metrics.r_precision_artists(ranked, truth, artists, hits) == 0


def test_rarer_tracks_are_newer():
    train = [np.array([0, 1]), np.array([0]), np.array([0])]
    assert metrics.self_information(train, 3) == pytest.approx([0.0, 1.0, 2.0])


def test_calibration_is_zero_for_the_same_mix_and_greatest_for_none_of_it():
    mix = np.array([3.0, 1.0, 0.0])
    assert metrics.calibration(mix, 5 * mix) == pytest.approx(0.0, abs=1e-12)
    worst = -math.log(0.01)
    assert metrics.calibration(mix, np.array([0.0, 0.0, 7.0])) == pytest.approx(worst)
    assert metrics.calibration(mix, np.zeros(3)) == pytest.approx(worst)
    assert math.isnan(metrics.calibration(np.zeros(3), mix))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6))
def test_calibration_is_never_negative(weights):
    wanted, given_ = np.array(weights, dtype=float).T
    if wanted.sum():
        assert 0 <= metrics.calibration(wanted, given_) <= -math.log(0.01) + 1e-9


def test_coverage_is_the_share_seen_in_any_list():
    assert metrics.coverage([np.array([0, 1]), np.array([1, 2])], 6) == 0.5


def test_a_yardstick_measures_all_at_once(catalogue_of):
    genres = [["rock"], ["rock"], ["jazz"], ["rock", "jazz"], []]
    catalogue = catalogue_of(["a", "b", "a", "", ""], genres=genres)
    yardstick = Yardstick.of(catalogue, [np.array([0, 1])], LIMIT)
    values = yardstick.score(np.array([1, 2, 3, 4]), np.array([0]), np.array([2, 3]))
    found = dict(zip(METRICS, values.tolist(), strict=True))
    assert found["r_precision"] == 0.5
    assert found["recall"] == 1.0
    assert found["mrr"] == 0.5
    # Two known artists and two unknown ones: four of four.
    assert found["artist_diversity"] == 1.0
    # Row 1 is in the one playlist (0 bits), the others are in none (1 bit).
    assert found["novelty"] == 0.75
    # The playlist and the list are both half rock, half jazz.
    assert found["calibration"] == pytest.approx(0.0, abs=1e-9)


def test_an_empty_list_is_worth_nothing_and_has_no_diversity(catalogue_of):
    yardstick = Yardstick.of(catalogue_of(["a", "b"]), [np.array([0])], LIMIT)
    empty = np.zeros(0, dtype=np.int64)
    values = yardstick.score(empty, np.array([0]), np.array([1]))
    found = dict(zip(METRICS, values.tolist(), strict=True))
    assert (found["ndcg"], found["recall"], found["clicks"]) == (0, 0, 51)
    assert math.isnan(found["artist_diversity"])
    assert math.isnan(found["novelty"])
