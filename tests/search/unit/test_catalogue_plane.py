"""The plane of the map: what lies where, and that it is always the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from quintet_search.adapters.map import plane

ENCODED = arrays.arrays(
    np.float32,
    st.tuples(st.integers(2, 30), st.integers(2, 14)),
    elements=st.floats(-5, 5, width=32),
)


@given(ENCODED)
def test_places_are_centred_and_spread_alike_in_both_directions(encoded):
    points = plane(encoded).astype(np.float64)
    assert points.shape == (len(encoded), 2)
    assert np.isfinite(points).all()
    for spread in points.std(axis=0):
        assert spread == pytest.approx(0.0, abs=1e-3) or spread == pytest.approx(1.0, abs=1e-2)


@given(ENCODED)
def test_equal_tracks_lie_in_one_place_and_equal_catalogues_give_equal_maps(encoded):
    points = plane(np.vstack([encoded, encoded[:1]]))
    assert np.allclose(points[0], points[-1])
    assert np.array_equal(points, plane(np.vstack([encoded, encoded[:1]])))


def test_the_direction_that_varies_most_comes_first():
    encoded = np.zeros((100, 14), dtype=np.float32)
    encoded[:, 3] = np.linspace(-10, 10, 100)
    encoded[:, 7] = np.tile([-1, 1], 50)
    points = plane(encoded)
    assert np.corrcoef(points[:, 0], encoded[:, 3])[0, 1] == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(points[:, 1], encoded[:, 7])[0, 1] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("count", [0, 1])
def test_a_catalogue_of_almost_nothing_has_a_map(count):
    points = plane(np.ones((count, 14), dtype=np.float32))
    assert points.tolist() == [[0.0, 0.0]] * count
