"""The compiled forest against LightGBM: equal scores, equal shares, and honest refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from quintet_engine.booster import Ranker
from quintet_engine.forest import Forest, ForestUnsupported
from quintet_engine.forest.files import load_forest, save_forest

WIDTH = 6


def grow(seed: int, leaves: int = 15, rounds: int = 12, **parameters: Any) -> lightgbm.Booster:
    """Trains a booster on noise in which features matter, some missing, some whole numbers."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(600, WIDTH)).astype(np.float32)
    rows[:, 1] = rng.integers(0, 4, len(rows))
    labels = rows[:, 0] * rows[:, 1] + np.abs(rows[:, 2]) + rows[:, 3] * (rows[:, 4] > 0)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 0] = np.nan_to_num(rows[:, 0])  # a feature that training never saw missing
    given = {"num_leaves": leaves, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    categories = parameters.pop("categories", "auto")
    if categories != "auto":
        rows[:, categories] = np.nan_to_num(rows[:, categories])
    data = lightgbm.Dataset(rows, labels, categorical_feature=categories, free_raw_data=False)
    return lightgbm.train({**given, **parameters, "seed": seed}, data, rounds)


BOOSTERS = {
    "few leaves": grow(1),
    "more than 32 leaves": grow(2, leaves=60),
    "as many leaves as there may be": grow(11, leaves=256, rounds=3, min_data_in_leaf=1),
    "one leaf": grow(3, min_data_in_leaf=600),
    "monotone": grow(4, monotone_constraints=[1, 0, 0, 0, 0, -1]),
}
FORESTS = {name: Forest.of(booster) for name, booster in BOOSTERS.items()}


def thresholds(booster: lightgbm.Booster) -> NDArray[np.float64]:
    """Returns every threshold of a booster: where a rounding error would show."""
    table = booster.trees_to_dataframe()["threshold"].dropna()
    edges = table[table.abs() < 1e30].to_numpy(np.float64)
    return edges if len(edges) else np.zeros(1)


values = st.one_of(
    st.floats(-4, 4, width=32),
    st.sampled_from([0.0, -0.0, 1e-36, float("nan"), float("inf"), float("-inf"), 1.0, 3e38]),
)


@pytest.mark.parametrize("name", BOOSTERS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_scores_and_shares_equal_those_of_lightgbm(name: str, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 70))
    edges = st.sampled_from(thresholds(BOOSTERS[name]).astype(np.float32).tolist())
    row = st.lists(st.one_of(values, edges), min_size=WIDTH, max_size=WIDTH)
    few = data.draw(st.lists(row, min_size=1, max_size=8))
    matrix = np.array([few[place % len(few)] for place in range(count)], np.float32)
    matrix += np.random.default_rng(count).normal(size=matrix.shape).astype(np.float32) * (
        np.arange(count)[:, None] >= len(few)
    )

    scores = FORESTS[name].scores(matrix)
    shares = FORESTS[name].contributions(matrix)

    np.testing.assert_array_equal(scores, BOOSTERS[name].predict(matrix, num_threads=1))
    want = BOOSTERS[name].predict(matrix, pred_contrib=True, num_threads=1)
    np.testing.assert_allclose(shares, want, rtol=0, atol=1e-5 * max(np.abs(want).max(), 1))


def test_shares_and_expectation_add_up_to_the_score() -> None:
    matrix = np.random.default_rng(5).normal(size=(200, WIDTH)).astype(np.float32)
    forest = FORESTS["more than 32 leaves"]
    np.testing.assert_allclose(
        forest.contributions(matrix).sum(axis=1), forest.scores(matrix), rtol=0, atol=1e-4
    )


def test_more_rows_than_a_block_are_scored() -> None:
    matrix = np.random.default_rng(6).normal(size=(2_500, WIDTH)).astype(np.float32)
    want = BOOSTERS["few leaves"].predict(matrix, num_threads=1)
    np.testing.assert_array_equal(FORESTS["few leaves"].scores(matrix), want)


def test_no_rows_are_no_scores() -> None:
    nothing = np.empty((0, WIDTH), np.float32)
    assert FORESTS["few leaves"].scores(nothing).shape == (0,)
    assert FORESTS["few leaves"].contributions(nothing).shape == (0, WIDTH + 1)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"categories": [1]}, "categorical"),
        ({"leaves": 300, "min_data_in_leaf": 1}, "leaves"),
        ({"linear_tree": True}, "linear"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged"),
        ({"zero_as_missing": True}, "zeros"),
    ],
)
def test_a_booster_that_only_lightgbm_can_evaluate_is_refused(
    parameters: dict[str, Any], why: str
) -> None:
    with pytest.raises(ForestUnsupported, match=why):
        Forest.of(grow(7, **parameters))


def test_a_ranker_answers_alike_before_and_after_it_is_accelerated() -> None:
    ranker = Ranker.of(BOOSTERS["few leaves"])
    matrix = np.random.default_rng(8).normal(size=(64, WIDTH)).astype(np.float32)
    before = ranker.scores(matrix), ranker.contributions(matrix)
    assert not ranker.accelerated

    assert ranker.accelerate(matrix)

    assert ranker.accelerated
    np.testing.assert_array_equal(ranker.scores(matrix), before[0])
    np.testing.assert_allclose(ranker.contributions(matrix), before[1], rtol=0, atol=1e-5)


def test_lightgbm_goes_on_ranking_where_the_forest_answers_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranker = Ranker.of(BOOSTERS["few leaves"])
    matrix = np.random.default_rng(9).normal(size=(64, WIDTH)).astype(np.float32)
    want = ranker.scores(matrix)
    other = Forest.of(BOOSTERS["monotone"])
    monkeypatch.setattr(Forest, "of", classmethod(lambda _cls, _booster: other))

    assert not ranker.accelerate(matrix)
    np.testing.assert_array_equal(ranker.scores(matrix), want)


def test_lightgbm_goes_on_ranking_where_the_booster_is_not_supported() -> None:
    ranker = Ranker.of(grow(10, categories=[1]))
    matrix = np.zeros((3, WIDTH), np.float32)
    assert not ranker.accelerate(matrix)
    assert ranker.scores(matrix).shape == (3,)


@pytest.mark.parametrize("name", sorted(BOOSTERS))
def test_a_forest_comes_back_from_its_files_as_it_was(name: str, tmp_path: Path) -> None:
    forest = Forest.of(BOOSTERS[name])
    facts = json.loads(json.dumps(save_forest(tmp_path, forest)))
    again = load_forest(tmp_path, facts)
    assert again is not None
    assert (again.width, again.expected) == (forest.width, forest.expected)
    for ours, wanted in zip(again.trees, forest.trees, strict=True):
        np.testing.assert_array_equal(ours, wanted, strict=True)


def test_a_forest_laid_out_for_another_program_is_not_read(tmp_path: Path) -> None:
    facts = save_forest(tmp_path, Forest.of(BOOSTERS["few leaves"]))
    assert load_forest(tmp_path, {**facts, "layout": facts["layout"] + 1}) is None


@pytest.mark.parametrize(
    ("array", "spoil"),
    [
        ("feature", lambda a: a + 100),
        ("threshold", lambda a: a[1:]),
        ("leaf_starts", lambda a: a + 1),
        ("test", lambda a: -1 - a),
        ("starts", lambda a: a[::-1]),
        ("right", lambda a: a[:-1]),
        ("right", lambda a: a + 1),
    ],
)
def test_a_forest_that_points_at_nothing_is_refused(
    array: str, spoil: Callable[[Any], Any], tmp_path: Path
) -> None:
    facts = save_forest(tmp_path, Forest.of(BOOSTERS["few leaves"]))
    path = tmp_path / f"{array}.npy"
    np.save(path, spoil(np.load(path)))
    with pytest.raises(ValueError, match="do not fit"):
        load_forest(tmp_path, facts)
