"""What ranking uses of a memory: bounded, the latest tracks always, opinions before plays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.limits import HALF_LIFE_DAYS, MAX_PREFERENCES, RECENT_PREFERENCES
from quintet_contract.signals import DAY, NO_PREFERENCES, aged, liking, preferences_of, summarise

NOW = 1_800_000_000


def preferred(*rows: tuple[str, str, int]):
    signals = [(track, kind, NOW - ago, 1, "test") for track, kind, ago in rows]
    return preferences_of(summarise(sorted(signals, key=lambda row: row[2]), NOW), NOW)


def test_a_memory_becomes_columns_aged_to_now():
    half = int(HALF_LIFE_DAYS * DAY)
    found = preferred(("a", "play", half), ("b", "like", half), ("c", "dislike", 4 * half),
                      ("d", "play", 2 * DAY), ("d", "skip", DAY))  # fmt: skip
    assert found.track_ids == ["d", "a", "b", "c"]
    assert found.plays == pytest.approx([1, 0.5, 0, 0], abs=0.02)
    assert found.skips == pytest.approx([1, 0, 0, 0], abs=0.01)
    # A dislike does not age.
    assert found.opinions == pytest.approx([0, 0, 0.5, -1])
    assert found.days == pytest.approx([1, 90, 90, 360])
    assert found.skipped == [True, False, False, False]
    assert preferred() == NO_PREFERENCES or not preferred()


def test_of_a_full_memory_the_latest_and_those_that_say_most_are_kept():
    many = [(f"t{n:05d}", "play", (n + 1) * 60) for n in range(3 * MAX_PREFERENCES)]
    found = preferred(*many, ("loved", "like", 200 * DAY), ("loved", "play", 200 * DAY))
    assert len(found.track_ids) == MAX_PREFERENCES
    latest = [track for track, _, _ in many[:RECENT_PREFERENCES]]
    assert found.track_ids[:RECENT_PREFERENCES] == latest
    assert "loved" not in found.track_ids
    assert "loved" in preferred(*many, ("loved", "like", 60 * DAY)).track_ids


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1))
def test_no_number_of_plays_makes_up_for_a_dislike(plays, skips, opinion):
    assert liking(plays, skips, -1.0) < 0
    assert liking(plays, skips, opinion) >= liking(plays, skips, 0.0) >= liking(0, skips, 0.0)


def test_a_signal_counts_half_after_each_half_life_and_one_in_the_future_counts_whole():
    half = int(HALF_LIFE_DAYS * DAY)
    assert [aged(NOW - age, NOW) for age in (0, half, 2 * half, -DAY)] == [1, 0.5, 0.25, 1]


def test_one_listen_that_two_sources_send_is_one():
    def listens(*rows: tuple[int, str]) -> float:
        (track,) = summarise([("a", "play", at, 1, source) for at, source in rows], NOW)
        return track.plays

    assert listens((NOW, "feedback"), (NOW + 120, "lastfm")) == 1
    assert listens((NOW, "feedback"), (NOW + 121, "lastfm")) == 2
    assert listens((NOW, "feedback"), (NOW + 120, "feedback")) == 2
    # Each time is compared with the last one, whatever its source.
    assert listens((NOW, "feedback"), (NOW + 100, "lastfm"), (NOW + 220, "feedback")) == 1


def test_the_latest_opinion_counts_and_a_play_after_a_skip_clears_the_mark():
    rows = [
        *(("a", "like", NOW - 9, 1, "x"), ("a", "dislike", NOW - 5, 1, "x")),
        *(("a", "skip", NOW - 8, 1, "x"), ("b", "skip", NOW - 7, 3, "x")),
        ("a", "play", NOW - 6, 2, "x"),
    ]
    first, second = summarise(rows, NOW)
    assert (first.track_id, first.opinion, first.opinion_at) == ("a", "dislike", NOW - 5)
    assert (first.heard_at, first.touched_at, first.skipped) == (NOW - 6, NOW - 5, False)
    assert (first.plays, first.skips) == pytest.approx((2, 1), abs=1e-4)
    assert second.skips == pytest.approx(3, abs=1e-4)
    assert (second.skipped, second.opinion) == (True, "")


def test_tracks_touched_at_the_same_time_are_in_the_order_of_their_ids():
    found = summarise([(name, "play", NOW, 1, "x") for name in ("b", "c", "a")], NOW)
    assert [each.track_id for each in found] == ["a", "b", "c"]


def test_a_signal_from_the_future_is_no_days_old():
    (track,) = summarise([("a", "like", NOW + DAY, 1, "x")], NOW)
    found = preferences_of([track], NOW)
    assert (found.days, found.opinions) == ([0], [1])


def test_liking_weighs_an_opinion_as_three_plays():
    assert liking(3, 0, 0) == liking(0, 0, 1) == 2
    assert liking(0, 3, 0) == liking(0, 0, -1) == liking(9, 0, -1) == -2
    assert liking(7, 1, 0.5) == 3 - 1 + 1


def test_a_listen_that_was_sent_twice_hides_no_later_signal():
    rows = [
        *(("a", "play", NOW, 1, "feedback"), ("a", "play", NOW + 1, 1, "lastfm")),
        ("b", "play", NOW + 2, 1, "feedback"),
    ]
    assert [each.track_id for each in summarise(rows, NOW)] == ["b", "a"]


def test_of_tracks_that_say_as_much_the_ids_decide_which_are_kept():
    names = [f"t{number:05d}" for number in range(MAX_PREFERENCES + 100)]
    found = preferred(*((name, "play", DAY) for name in names))
    latest, most = found.track_ids[:RECENT_PREFERENCES], found.track_ids[RECENT_PREFERENCES:]
    assert latest == names[:RECENT_PREFERENCES]
    assert most == names[: -len(most) - 1 : -1]
