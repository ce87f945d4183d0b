"""Missing attributes in standardiser and profile: means are over what is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import (
    COLUMN,
    DIMENSIONS,
    LINEAR,
    Standardiser,
    average_profile,
    dimensions_of,
    is_analysed,
    missing_coordinates,
)

WIDTH = len(ATTRIBUTES)


@st.composite
def tracks(draw: st.DrawFn, least: int = 1) -> np.ndarray:
    """Raw attributes with single values, whole rows and whole columns missing."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(least, 12))
    raw = random.random((count, WIDTH))
    raw[:, COLUMN["key"]] = random.integers(-1, 12, count)
    raw[:, COLUMN["duration_ms"]] = random.integers(1_000, 600_000, count)
    missing = random.random((count, WIDTH)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    missing |= random.random((1, WIDTH)) < draw(st.sampled_from([0.0, 0.3]))
    missing[:, COLUMN["duration_ms"]] = False
    return np.where(missing, np.nan, raw)


@given(raw=tracks())
def test_what_is_known_is_encoded_as_without_the_missing_values(raw):
    standardiser = Standardiser.fit(raw)
    encoded, missing = standardiser.transform(raw), missing_coordinates(raw)
    assert np.isfinite(encoded).all()
    whole = standardiser.transform(np.nan_to_num(raw))
    if missing is None:
        missing = np.zeros(encoded.shape, np.bool_)
    assert (encoded[missing] == 0).all()
    np.testing.assert_array_equal(encoded[~missing], whole[~missing])
    assert not encoded[~is_analysed(raw)].any()


@given(raw=tracks(least=3))
def test_the_standardiser_is_fitted_on_known_values_alone(raw):
    standardiser = Standardiser.fit(raw)
    for place, name in enumerate(LINEAR):
        known = raw[~np.isnan(raw[:, COLUMN[name]])]
        if len(known):
            filled = np.nan_to_num(known)
            alone = Standardiser.fit(filled)
            assert standardiser.centre[place] == pytest.approx(alone.centre[place])
            assert standardiser.scale[place] == pytest.approx(alone.scale[place])
        else:
            assert (standardiser.centre[place], standardiser.scale[place]) == (0.0, 1.0)


@settings(max_examples=60)
@given(groups=st.lists(tracks(), min_size=1, max_size=4), data=st.data())
def test_a_profile_is_the_mean_of_the_seeds_that_know_the_attribute(groups, data):
    shares = [data.draw(st.floats(0.1, 5)) for _ in groups]
    standardiser = Standardiser.fit(np.concatenate(groups))
    profile = average_profile(standardiser, groups, shares=shares)
    weight = np.array(shares) / sum(shares)
    for name in ("energy", "tempo", "popularity"):
        column = COLUMN[name]
        means = [
            values[~np.isnan(values)].mean() if (~np.isnan(values)).any() else np.nan
            for values in (group[:, column] for group in groups)
        ]
        known = ~np.isnan(means)
        assert profile.known[column] == pytest.approx(weight[known].sum())
        if known.any():
            mean = np.average(np.array(means)[known], weights=weight[known])
            assert profile.raw_mean[column] == pytest.approx(mean)
            assert profile.raw_spread[column] >= 0
        else:
            assert np.isnan([profile.raw_mean[column], profile.raw_spread[column]]).all()
            assert not profile.mean[list(dimensions_of(name))].any()
    for array in (profile.mean, profile.spread, profile.query()):
        assert array.shape == (DIMENSIONS,)
        assert np.isfinite(array).all()


@given(seeds=tracks(least=2), negatives=tracks())
def test_a_target_replaces_a_mean_that_nobody_knows(seeds, negatives):
    standardiser = Standardiser.fit(np.concatenate((seeds, negatives)))
    profile = average_profile(
        standardiser,
        [seeds[:1], seeds[1:]],
        negatives=[negatives],
        targets={"energy": 0.25, "key": 4.0},
    )
    assert profile.raw_mean[COLUMN["energy"]] == 0.25
    assert profile.raw_mean[COLUMN["key"]] == 4.0
    assert np.isfinite(profile.mean).all()


def test_a_missing_key_is_not_a_key_that_was_not_found():
    raw = np.zeros((2, WIDTH))
    raw[0, COLUMN["key"]], raw[1, COLUMN["key"]] = np.nan, 7.0
    profile = average_profile(Standardiser.fit(raw), [raw[:1], raw[1:]])
    assert profile.raw_mean[COLUMN["key"]] == 7.0
    assert profile.known[COLUMN["key"]] == 0.5
    assert profile.raw_spread[COLUMN["key"]] == pytest.approx(0.0)
