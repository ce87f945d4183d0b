"""Who meets whom in an experiment: stable, in proportion, and growing with the percentage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_gateway.experiments import assigned_variant, assignment_unit, bucket_of
from quintet_store.experiments import Experiment, ExperimentRefused, Plan
from quintet_store.list_similarity import overlap, rank_correlation

UNITS = [f"listener-{n}" for n in range(20_000)]
CHAMPION, CHALLENGER = ranker_pb2.VARIANT_CHAMPION, ranker_pb2.VARIANT_CHALLENGER
INTERLEAVE, NOBODY = ranker_pb2.VARIANT_INTERLEAVE, ranker_pb2.VARIANT_UNSPECIFIED


def experiment(mode, percent, salt="salt"):
    return Experiment("e1", salt, Plan(mode, percent, "m1", "m2"), "")


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_split_gives_the_challenger_its_share_of_listeners(percent):
    split = experiment("split", percent)
    met = sum(assigned_variant(split, unit) == CHALLENGER for unit in UNITS)
    share = percent / 100
    # Four standard deviations of as many independent listeners.
    assert abs(met - share * len(UNITS)) < 4 * (len(UNITS) * share * (1 - share)) ** 0.5


def test_whoever_met_the_challenger_meets_it_still_when_the_percentage_grows():
    small, large = (experiment("split", percent) for percent in (5, 20))
    met = [unit for unit in UNITS if assigned_variant(small, unit) == CHALLENGER]
    assert met
    assert all(assigned_variant(large, unit) == CHALLENGER for unit in met)


def test_another_experiment_divides_anew():
    one, other = (
        {
            unit
            for unit in UNITS
            if assigned_variant(experiment("split", 50, salt), unit) == CHALLENGER
        }
        for salt in ("one", "other")
    )
    assert abs(len(one & other) - len(UNITS) / 4) < 300


@given(st.text(max_size=9), st.text(max_size=9))
def test_a_place_is_always_the_same_and_in_range(salt, unit):
    assert 0 <= bucket_of(salt, unit) < 100
    assert bucket_of(salt, unit) == bucket_of(salt, unit)


def test_places_are_the_same_in_every_process_and_version():
    assert bucket_of("salt", "listener-7") == pytest.approx(83.337, abs=0.001)


def test_interleaving_takes_its_share_and_leaves_the_rest_and_flowing_lists_alone():
    some = experiment("interleave", 30)
    variants = [assigned_variant(some, unit) for unit in UNITS]
    assert set(variants) == {INTERLEAVE, NOBODY}
    assert abs(variants.count(INTERLEAVE) - 6000) < 260
    assert {assigned_variant(some, unit, flow=True) for unit in UNITS} == {NOBODY}


def test_a_shadow_changes_nobodys_answer():
    assert {assigned_variant(experiment("shadow", 100), unit) for unit in UNITS} == {NOBODY}


def test_without_a_listener_the_seeds_decide():
    one, again, other = (
        ranker_pb2.RecommendTracksRequest(seeds=[profile_pb2.Seed(track_id=name)], limit=limit)
        for name, limit in (("t1", 5), ("t1", 9), ("t2", 5))
    )
    assert assignment_unit("", one) == assignment_unit("", again) != assignment_unit("", other)
    assert assignment_unit("hash", one) == assignment_unit("hash", other) == "hash"


def test_lists_are_compared_by_common_tracks():
    assert rank_correlation("abcd", "abcd") == 1
    assert rank_correlation("abcd", "dcba") == -1
    assert rank_correlation("abxy", "abpq") is None
    assert overlap("abcd", "abxy") == 0.5
    assert overlap("", "") == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"percent": 0}, "percent"),
        ({"percent": 101}, "percent"),
        ({"mode": "split", "percent": 100}, "percent"),
        ({"mode": "guess"}, "mode"),
        ({"alpha": 0}, "alpha"),
        ({"min_effect": 0.5}, "minimum effect"),
        ({"most_trials": 0}, "most trials"),
        ({"challenger": "m1"}, "same"),
        ({"unit": "crowd"}, "unit"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_by_name(change, named):
    plan = {"mode": "interleave", "percent": 50, "champion": "m1", "challenger": "m2", **change}
    with pytest.raises(ExperimentRefused, match=named):
        Plan(**plan).check()
