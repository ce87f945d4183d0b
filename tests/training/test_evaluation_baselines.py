"""Each baseline on data whose right answer is plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_training.evaluation.baselines import (
    HAND_MADE,
    SINGLE_CHANNEL,
    STANDARDISED_COSINE,
    Playlists,
    baselines,
    best,
    cosine_to_mean,
    hand_made_scores,
    same_artist,
)

CLUBS = 4
CLUB = 30


def rows(*values):
    return np.array(values, dtype=np.int64)


@pytest.fixture(scope="module")
def clubs(catalogue_of):
    """Tracks 0..29 are one club's, 30..59 the next one's; playlists never mix clubs."""
    random = np.random.default_rng(1)
    # A club's tracks also sound alike: each has a feature of its own.
    audio = np.repeat(np.eye(CLUBS), CLUB, axis=0) + 0.01 * random.random((CLUBS * CLUB, CLUBS))
    artists = [f"artist {row % 40}" for row in range(CLUBS * CLUB)]
    popularity = random.permutation(CLUBS * CLUB) % 101
    catalogue = catalogue_of(artists, audio=audio, popularity=popularity)
    train = [
        club * CLUB + random.choice(CLUB, 12, replace=False)
        for club in range(CLUBS)
        for _ in range(15)
    ]
    return catalogue, train


@pytest.fixture(scope="module")
def methods(clubs):
    catalogue, train = clubs
    return baselines(catalogue, train, seed=1, limit=20)


@pytest.mark.parametrize("name", ["item_knn", "playlist_knn", STANDARDISED_COSINE])
def test_a_club_is_recommended_to_its_own(methods, name):
    seeds = rows(31, 35, 40, 44, 50)
    found = methods[name](seeds)
    assert len(found) == 20
    assert np.isin(found, np.arange(30, 60)).all()


def test_als_learns_the_clubs_from_few_playlists(methods):
    found = methods["als"](rows(31, 35, 40, 44, 50))
    # A quarter of all tracks are of this club; with more factors than playlists some noise stays.
    assert np.isin(found[:10], np.arange(30, 60)).all()
    assert np.isin(found, np.arange(30, 60)).mean() >= 0.75


@pytest.mark.parametrize("name", [*SINGLE_CHANNEL, HAND_MADE])
def test_no_method_returns_a_seed_or_a_track_twice_or_too_many(methods, name):
    for seeds in (rows(0), rows(3, 64, 90), np.arange(0, 119, 2)):
        found = methods[name](seeds)
        assert found.dtype == np.int64
        assert len(np.unique(found)) == len(found) <= 20
        assert not np.isin(found, seeds).any()


def test_the_same_seeds_get_the_same_lists_from_a_second_fit(clubs, methods):
    catalogue, train = clubs
    seeds = rows(3, 64, 90)
    again = baselines(catalogue, train, seed=1, limit=20)
    for name, method in methods.items():
        assert np.array_equal(method(seeds), again[name](seeds))
        assert np.array_equal(method(seeds), method(seeds))


def test_random_depends_on_the_seeds_and_not_on_their_order(methods):
    random = methods["random"]
    assert np.array_equal(random(rows(1, 2)), random(rows(2, 1)))
    assert not np.array_equal(random(rows(1, 2)), random(rows(1, 3)))


def test_popularity_is_the_same_for_everyone(clubs, methods):
    catalogue, _ = clubs
    found = methods["popularity"](rows(0))
    assert (np.diff(catalogue.popularity[found]) <= 0).all()
    assert set(found) | {0} >= set(np.argsort(-catalogue.popularity)[:19])


def test_the_same_artist_comes_first_and_the_most_popular_track_of_theirs(clubs, methods):
    catalogue, _ = clubs
    found = methods["same_artist"](rows(5))
    assert set(found[:2]) == {45, 85}
    assert catalogue.popularity[found[0]] > catalogue.popularity[found[1]]


def test_an_unknown_artist_is_nobody_s(catalogue_of):
    catalogue = catalogue_of(["", "", "a", "a"])
    assert same_artist(catalogue, rows(0)).tolist() == [0, 0, 0, 0]
    assert same_artist(catalogue, rows(0, 2)).tolist() == [0, 0, 1, 1]


def test_raw_cosine_sees_duration_alone(catalogue_of):
    # Milliseconds dwarf everything else, which is why raw cosine is a poor baseline.
    audio = np.array(
        [[0.9, 0.9, 200_000], [0.9, 0.8, 500], [0.1, 0.1, 200_000], [0.1, 0.2, 500]], dtype=float
    )
    methods = baselines(catalogue_of(["a"] * 4, audio=audio), [], seed=1)
    assert methods["raw_cosine"](rows(0))[0] == 2


def test_playlist_neighbours_score_by_cosine_summed():
    playlists = Playlists.of([rows(0, 1, 2, 3), rows(0, 4), rows(5)], 6)
    # One seed: cosine 1/√4 to the first playlist and 1/√2 to the second.
    expected = [0.5 + 0.5**0.5, 0.5, 0.5, 0.5, 0.5**0.5, 0]
    assert playlists.by_playlist(rows(0)) == pytest.approx(expected)


def test_item_neighbours_score_by_cosine_over_playlists():
    playlists = Playlists.of([rows(0, 1), rows(0, 1), rows(0, 2), rows(2)], 4)
    expected = [1.0, 2 / (3 * 2) ** 0.5, 1 / (3 * 2) ** 0.5, 0.0]
    assert playlists.by_item(rows(0)) == pytest.approx(expected)
    both = playlists.by_item(rows(0)) + playlists.by_item(rows(2))
    assert playlists.by_item(rows(0, 2)) == pytest.approx(both)


def test_the_hand_made_sum_is_twice_neighbours_plus_artist_plus_a_third_of_cosine(catalogue_of):
    catalogue = catalogue_of(["a", "b", "a", "b"])
    unit = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0]])
    playlists = Playlists.of([rows(0, 1)], 4)
    scores = hand_made_scores(catalogue, playlists, unit, rows(0))
    assert scores == pytest.approx([2 + 1 + 0.3, 2 + 0, 0 + 1 + 0.3 * 0.6, 0.3])


def test_cosine_is_taken_to_the_mean_direction_of_the_seeds():
    unit = np.array([[1.0, 0.0], [0.0, 1.0], [0.5**0.5, 0.5**0.5], [-1.0, 0.0]])
    assert cosine_to_mean(unit, rows(0, 1))[2] == pytest.approx(1.0)
    assert cosine_to_mean(unit, rows(0, 3)) == pytest.approx([0, 0, 0, 0])


def test_without_playlists_only_what_needs_none_is_there(clubs):
    assert set(baselines(clubs[0], [], seed=1)) == {
        "random",
        "popularity",
        "raw_cosine",
        STANDARDISED_COSINE,
        "same_artist",
    }


def test_neighbours_recommend_nothing_without_evidence(catalogue_of):
    methods = baselines(catalogue_of(["a"] * 5), [rows(0, 1), rows(2, 3)], seed=1)
    assert methods["playlist_knn"](rows(0)).tolist() == [1]
    assert methods["item_knn"](rows(4)).tolist() == []


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=40),
    st.integers(1, 50),
    st.integers(0, 1 << 30),
)
def test_best_is_the_head_of_the_whole_order(values, limit, seed):
    scores = np.array(values, dtype=float)
    random = np.random.default_rng(seed)
    ties = random.permutation(len(scores)).astype(float)
    seeds = random.choice(len(scores), size=len(scores) // 3, replace=False)
    order = [row for row in np.lexsort((ties, -scores)).tolist() if row not in seeds]
    assert best(scores, ties, seeds, limit).tolist() == order[:limit]
