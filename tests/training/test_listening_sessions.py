"""Listens of one listener become sessions, each listen with a position of its second or later."""

from hypothesis import given
from hypothesis import strategies as st
from quintet_training.datasets.sessions import GAP_SECONDS, Sessions

START = 1_700_000_000


@given(st.lists(st.integers(0, 40), max_size=60))
def test_each_listen_takes_the_first_free_position_from_its_second_on(seconds: list[int]) -> None:
    sessions = Sessions("file", "ann")
    taken: set[int] = set()
    for second in [0, *seconds]:
        wanted = second
        while wanted in taken:
            wanted += 1
        taken.add(wanted)
        assert sessions.place("", START + second)["position"] == wanted


def test_many_listens_of_one_second_take_as_many_steps_as_listens() -> None:
    # The square of it would take minutes, beyond the time limit of a test.
    sessions = Sessions("file", "ann")
    positions = [sessions.place("", START)["position"] for _ in range(200_000)]
    assert positions == list(range(200_000))


def test_a_gap_begins_a_session() -> None:
    sessions = Sessions("file", "ann")
    first = sessions.place("", START)["playlist_id"]
    assert sessions.place("", START + GAP_SECONDS)["playlist_id"] == first
    assert sessions.place("", START + 2 * GAP_SECONDS + 1)["playlist_id"] != first
