import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_modelkit.features import (
    CLIP,
    COLUMN,
    DIMENSIONS,
    ENCODED,
    MAX_AVERAGED_TRACKS,
    Standardiser,
    average_profile,
    dimensions_of,
    normalise_rows,
    tracks_to_average,
)


def made_catalogue(count: int = 200, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    raw = random.random((count, len(ATTRIBUTES)))
    raw[:, COLUMN["key"]] = random.integers(0, 12, count)
    raw[:, COLUMN["mode"]] = random.integers(0, 2, count)
    raw[:, COLUMN["tempo"]] = random.uniform(60, 180, count)
    raw[:, COLUMN["loudness"]] = random.uniform(-20, 0, count)
    raw[:, COLUMN["duration_ms"]] = random.uniform(1e5, 4e5, count)
    raw[:, COLUMN["time_signature"]] = random.integers(3, 6, count)
    return raw


RAW = made_catalogue()
STANDARDISER = Standardiser.fit(RAW)


def with_key(key: int) -> np.ndarray:
    row = RAW[:1].copy()
    row[0, COLUMN["key"]] = key
    return row


def key_of(row: np.ndarray) -> np.ndarray:
    return STANDARDISER.transform(row)[0, list(dimensions_of("key"))]


@st.composite
def rows(draw, count: int = 1) -> np.ndarray:
    values = [[draw(st.floats(*RANGES[name])) for name in ATTRIBUTES] for _ in range(count)]
    return np.array(values)


def test_standardised_features_have_mean_zero_and_unit_deviation():
    encoded = STANDARDISER.transform(RAW)
    energy = encoded[:, ENCODED.index("energy")]
    assert abs(energy.mean()) < 1e-5
    assert abs(energy.std() - 1) < 1e-5


def test_one_hour_long_mix_does_not_move_the_robust_scales():
    mixed = RAW.copy()
    mixed[0, COLUMN["duration_ms"]] = 6 * 3_600_000
    mixed[0, COLUMN["tempo"]] = 0
    mixed[0, COLUMN["loudness"]] = -60
    other = Standardiser.fit(mixed)
    for name in ("duration_ms", "tempo", "loudness"):
        at = ENCODED.index(name)
        assert other.scale[at] == pytest.approx(STANDARDISER.scale[at], rel=0.05)


def test_duration_does_not_own_the_distance():
    encoded = STANDARDISER.transform(RAW).astype(np.float64)
    shares = encoded.var(axis=0) / encoded.var(axis=0).sum()
    assert shares[ENCODED.index("duration_ms")] < 0.2


@given(rows())
def test_every_coordinate_is_finite_and_clipped(row):
    encoded = STANDARDISER.transform(row)
    assert encoded.shape == (1, DIMENSIONS)
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()
    assert (np.abs(encoded) <= CLIP).all()


def test_a_fifth_is_nearer_than_a_semitone():
    fifth = np.linalg.norm(key_of(with_key(0)) - key_of(with_key(7)))
    semitone = np.linalg.norm(key_of(with_key(0)) - key_of(with_key(1)))
    assert fifth < semitone


@given(st.integers(0, 11))
def test_the_circle_closes(key):
    up = np.linalg.norm(key_of(with_key(key)) - key_of(with_key((key + 7) % 12)))
    assert up == pytest.approx(2 * math.sin(math.pi / 12), abs=1e-6)


def test_an_unknown_key_is_the_origin():
    assert (key_of(with_key(-1)) == 0).all()


def test_json_keeps_every_bit():
    again = Standardiser.from_json(STANDARDISER.to_json())
    assert again.version == STANDARDISER.version
    assert (again.centre == STANDARDISER.centre).all()
    assert (again.scale == STANDARDISER.scale).all()


def test_an_altered_standardiser_is_refused():
    text = STANDARDISER.to_json().replace(STANDARDISER.version, "std-000000000000")
    with pytest.raises(ValueError, match="does not match"):
        Standardiser.from_json(text)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_fitting_refuses_what_is_not_finite(bad):
    broken = RAW.copy()
    broken[3, 2] = bad
    with pytest.raises(ValueError, match="finite number"):
        Standardiser.fit(broken)


def test_a_constant_feature_does_not_divide_by_zero():
    flat = RAW.copy()
    flat[:, COLUMN["mode"]] = 1
    assert np.isfinite(Standardiser.fit(flat).transform(flat)).all()


def test_the_mean_is_the_mean_of_standardised_seeds():
    groups = [RAW[i : i + 1] for i in range(5)]
    profile = average_profile(STANDARDISER, groups)
    encoded = STANDARDISER.transform(RAW[:5])
    assert profile.mean == pytest.approx(encoded.mean(axis=0), abs=1e-5)
    assert profile.spread == pytest.approx(encoded.std(axis=0), abs=1e-5)


def test_one_seed_has_no_spread():
    profile = average_profile(STANDARDISER, [RAW[:1]])
    assert (profile.spread == 0).all()


def test_a_heavier_seed_pulls_the_mean():
    groups = [RAW[:1], RAW[1:2]]
    profile = average_profile(STANDARDISER, groups, shares=[9, 1])
    near, far = (STANDARDISER.transform(group)[0] for group in groups)
    assert np.linalg.norm(profile.mean - near) < np.linalg.norm(profile.mean - far)


@given(st.sampled_from(ATTRIBUTES), st.floats(0, 1))
def test_a_target_replaces_its_attribute_alone(name, share):
    low, high = RANGES[name]
    value = low + share * (high - low)
    groups = [RAW[:1], RAW[1:2]]
    plain = average_profile(STANDARDISER, groups)
    aimed = average_profile(STANDARDISER, groups, targets={name: value})
    others = [i for i in range(DIMENSIONS) if i not in dimensions_of(name)]
    assert (aimed.mean[others] == plain.mean[others]).all()
    assert aimed.raw_mean[COLUMN[name]] == value


def test_negative_seeds_move_the_mean_away():
    plain = average_profile(STANDARDISER, [RAW[:1]])
    away = average_profile(STANDARDISER, [RAW[:1]], negatives=[RAW[1:2]])
    negative = STANDARDISER.transform(RAW[1:2])[0]
    assert away.query() @ negative < plain.query() @ negative


def test_a_weight_of_zero_takes_an_attribute_out_of_the_query():
    profile = average_profile(STANDARDISER, [RAW[:1]], weights={"energy": 0, "key": 0})
    query = profile.query()
    assert query[ENCODED.index("energy")] == 0
    assert (query[list(dimensions_of("key"))] == 0).all()
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)


def test_the_mean_of_keys_goes_round_the_circle():
    b, c_sharp = with_key(11), with_key(1)
    profile = average_profile(STANDARDISER, [b, c_sharp])
    assert profile.raw_mean[COLUMN["key"]] == pytest.approx(0, abs=1e-9) or profile.raw_mean[
        COLUMN["key"]
    ] == pytest.approx(12, abs=1e-9)


def test_no_seed_is_refused():
    with pytest.raises(ValueError, match="at least one seed"):
        average_profile(STANDARDISER, [])


def test_rows_are_scaled_to_unit_length_and_zero_rows_stay():
    unit = normalise_rows(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert unit == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


@given(st.integers(0, 5 * MAX_AVERAGED_TRACKS), st.integers(0, 2**32 - 1))
def test_the_tracks_averaged_are_bounded_spread_and_depend_on_no_order(count, seed):
    rows = np.arange(count, dtype=np.int64) * 3
    mixed = np.random.default_rng(seed).permutation(rows)
    chosen = tracks_to_average(mixed)
    assert min(count, MAX_AVERAGED_TRACKS // 2) <= len(chosen) <= MAX_AVERAGED_TRACKS
    assert set(chosen.tolist()) <= set(rows.tolist())
    assert len(set(np.diff(chosen).tolist())) <= 1
    assert np.array_equal(chosen, tracks_to_average(rows))
