"""Near-duplicate playlists are found, and never lie on both sides of a split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_training.datasets import playlist_groups
from quintet_training.datasets.playlist_groups import near_duplicates, split_groups

TRACKS = 40

lists = st.lists(
    st.sets(st.integers(0, TRACKS - 1), max_size=12).map(lambda rows: np.array(sorted(rows), int)),
    max_size=15,
)


def test_a_copy_with_one_track_changed_joins_its_original():
    playlists = [np.arange(10), np.arange(20, 30), np.array([*range(9), 35])]
    assert near_duplicates(playlists, TRACKS).tolist() == [0, 1, 0]


def test_likeness_reaches_through_a_third_playlist():
    playlists = [np.arange(0, 10), np.arange(10, 20), np.arange(5, 15)]
    assert near_duplicates(playlists, TRACKS).tolist() == [0, 0, 0]


def test_similarity_at_the_threshold_is_not_alike():
    # One shared track of five distinct ones: Jaccard 0.2 exactly.
    playlists = [np.array([0, 1, 2]), np.array([2, 3, 4])]
    assert near_duplicates(playlists, TRACKS, 0.2).tolist() == [0, 1]
    assert near_duplicates(playlists, TRACKS, 0.19).tolist() == [0, 0]


def test_no_playlists_have_no_groups():
    assert near_duplicates([], TRACKS).shape == (0,)


def test_an_empty_playlist_is_alone():
    empty = np.array([], dtype=np.int64)
    assert near_duplicates([empty, np.arange(3), empty], TRACKS).tolist() == [0, 1, 2]


@settings(deadline=None)
@given(lists, st.floats(0.05, 0.9))
def test_groups_are_the_components_of_jaccard_above_the_threshold(playlists, threshold):
    groups = near_duplicates(playlists, TRACKS, threshold)
    expected = _components(playlists, threshold)
    assert [groups[i] == groups[j] for i in range(len(groups)) for j in range(i)] == [
        expected[i] == expected[j] for i in range(len(groups)) for j in range(i)
    ]


@settings(deadline=None)
@given(lists)
def test_a_budget_joins_only_what_is_alike_and_still_finds_what_shares_rare_tracks(playlists):
    whole = near_duplicates(playlists, TRACKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playlist_groups, "MOST_PROPOSED", 0.5)
        bounded = near_duplicates(playlists, TRACKS)
    for group in np.unique(bounded):
        assert len(np.unique(whole[bounded == group])) == 1


def test_a_chain_of_very_many_playlists_is_split_and_copies_stay_together(monkeypatch):
    # Each shares a third with the next, so all are one group, and two are copies.
    chain = [np.arange(5 * number, 5 * number + 10) for number in range(100)]
    playlists = [*chain, chain[7]]
    assert len(set(near_duplicates(playlists, 1_000))) == 1
    monkeypatch.setattr(playlist_groups, "LARGEST", 50)
    assert near_duplicates(playlists, 1_000).tolist() == [*range(100), 7]
    same = [np.arange(10)] * 101
    assert set(near_duplicates(same, 1_000)) == {0}


def test_copies_are_found_within_the_budget_although_all_playlists_share_common_tracks():
    random = np.random.default_rng(0)
    common = np.arange(5)
    own = [np.sort(random.choice(np.arange(5, 4_000), 20, replace=False)) for _ in range(100)]
    playlists = [np.concatenate((common, rows)) for rows in (*own, *own)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playlist_groups, "MOST_PROPOSED", 60)
        groups = near_duplicates(playlists, 4_000)
    assert groups[:100].tolist() == groups[100:].tolist() == list(range(100))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=60), st.floats(0, 1), st.integers(0, 1 << 30)
)
def test_a_split_takes_whole_groups_and_at_most_its_share(groups, share, seed):
    groups = np.array(groups)
    held = split_groups(groups, share, np.random.default_rng(seed))
    assert not set(groups[held]) & set(groups[~held])
    assert held.sum() <= share * len(groups) + 1e-6


def test_a_split_of_singles_holds_out_exactly_its_share():
    held = split_groups(np.arange(100), 0.25, np.random.default_rng(3))
    assert held.sum() == 25


def test_a_group_larger_than_the_share_does_not_end_the_draw():
    groups = np.array([0] * 80 + list(range(1, 21)))
    for seed in range(5):
        assert split_groups(groups, 0.2, np.random.default_rng(seed)).sum() == 20


def test_one_seed_gives_one_split():
    first, second = (split_groups(np.arange(50), 0.3, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def _components(playlists, threshold):
    """The plain definition, by repeated relabelling."""
    sets = [set(rows.tolist()) for rows in playlists]
    labels = list(range(len(sets)))
    for i, one in enumerate(sets):
        for j, other in enumerate(sets[:i]):
            union = len(one | other)
            if union and len(one & other) > threshold * union:
                old, new = labels[i], labels[j]
                labels = [new if label == old else label for label in labels]
    return labels
