"""What ranking uses of a memory: bounded, the latest tracks always, opinions before plays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.limits import HALF_LIFE_DAYS, MAX_PREFERENCES, RECENT_PREFERENCES
from quintet_contract.signals import DAY, NO_PREFERENCES, liking, preferences_of, summarise

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
