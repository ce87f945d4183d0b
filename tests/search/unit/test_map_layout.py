"""The layout of the map: genres lie apart, sounds lie in order, and it is always the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from quintet_search.adapters.regions import MOST_REGIONS, layout

GENRES = st.lists(st.sampled_from([f"g{number}" for number in range(6)]), max_size=3, unique=True)


@st.composite
def catalogues(draw):
    shape = st.tuples(st.integers(2, 30), st.integers(2, 14))
    encoded = draw(arrays.arrays(np.float32, shape, elements=st.floats(-5, 5, width=32)))
    return encoded, draw(st.lists(GENRES, min_size=len(encoded), max_size=len(encoded)))


@settings(deadline=None)
@given(catalogues())
def test_every_track_has_a_place_and_equal_catalogues_give_equal_maps(catalogue):
    encoded, genres = catalogue
    points = layout(encoded, genres)
    assert points.shape == (len(encoded), 2)
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= 1.0 + 1e-5
    assert np.array_equal(points, layout(encoded, genres))


def made(count, genres, seed=0):
    random = np.random.default_rng(seed)
    main = random.integers(0, genres, count)
    encoded = random.normal(size=(count, 14)).astype(np.float32)
    # Sounds overlap, so that components of the features alone would mix the genres.
    encoded[:, 0] += 0.5 * (main % 3)
    return encoded, [[f"g{number:03d}", f"g{(number + 1) % genres:03d}"] for number in main], main


@pytest.mark.parametrize("genres", [2, 12, MOST_REGIONS])
def test_the_neighbours_of_a_track_are_of_its_genre(genres):
    encoded, names, main = made(1500, genres)
    points = layout(encoded, names)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.argsort(distance, axis=1)[:, 1:6]
    assert (main[nearest] == main[:, None]).mean() > 0.9


def test_within_each_genre_the_same_direction_means_the_same_sound():
    random = np.random.default_rng(1)
    encoded = random.normal(scale=0.1, size=(600, 14)).astype(np.float32)
    encoded[:, 3] = random.normal(scale=5, size=600)
    encoded[:, 7] = random.normal(scale=2, size=600)
    points = layout(encoded, [[f"g{row % 3}"] for row in range(600)])
    for genre in range(3):
        own = slice(genre, None, 3)
        assert np.corrcoef(points[own, 0], encoded[own, 3])[0, 1] > 0.9
        assert np.corrcoef(points[own, 1], encoded[own, 7])[0, 1] > 0.9


def test_a_track_without_a_genre_is_with_those_that_sound_like_it():
    encoded, names, _ = made(400, 2)
    encoded[:, 5] = [10.0 if each[0] == "g001" else -10.0 for each in names]
    names[0] = []
    points = layout(encoded, names)
    nearest = np.argsort(np.linalg.norm(points - points[0], axis=1))[1:6]
    assert (np.sign(encoded[nearest, 5]) == np.sign(encoded[0, 5])).all()


@pytest.mark.parametrize("count", [0, 1])
def test_a_catalogue_of_almost_nothing_has_a_map(count):
    points = layout(np.ones((count, 14), dtype=np.float32), [["g"]] * count)
    assert points.tolist() == [[0.0, 0.0]] * count
