from hypothesis import given
from hypothesis import strategies as st
from quintet_store.list_similarity import overlap, rank_correlation
from quintet_training.agreement import fixed_requests

names = st.lists(st.text("abcdef", min_size=1, max_size=2), unique=True, min_size=3, max_size=30)


def test_requests_are_the_same_whatever_the_order_of_the_catalogue():
    tracks = [f"t{number}" for number in range(2000)]
    requests = fixed_requests(tracks, tracks[::-1])
    assert len(requests) == 100
    assert requests == fixed_requests(tracks[::-1], tracks)
    assert len({seed for seeds in requests for seed in seeds}) == 500


def test_only_tracks_of_both_catalogues_are_seeds():
    left, right = [f"t{n}" for n in range(40)], [f"t{n}" for n in range(20, 60)]
    seeds = {seed for request in fixed_requests(left, right) for seed in request}
    assert seeds == set(left) & set(right)
    assert fixed_requests(["a", "b"], ["a", "b"]) == []


@given(names)
def test_a_list_agrees_with_itself_and_disagrees_with_its_reverse(tracks):
    assert overlap(tracks, tracks) == 1
    assert rank_correlation(tracks, tracks) == 1
    assert rank_correlation(tracks, tracks[::-1]) == -1


def test_overlap_counts_of_the_longer_list():
    assert overlap(["a", "b"], ["b", "c", "d", "e"]) == 0.25
    assert overlap([], []) == 1


def test_correlation_is_over_common_tracks_alone():
    assert rank_correlation(["a", "x", "b", "c"], ["a", "b", "y", "c"]) == 1
    assert rank_correlation(["a", "b", "x"], ["a", "b", "y"]) is None
