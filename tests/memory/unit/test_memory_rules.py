"""What is remembered of a track: aged, the latest opinion, each listen once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.limits import HALF_LIFE_DAYS, SIGNAL_KINDS
from quintet_contract.signals import DAY, TrackMemory
from quintet_memory.domain import check_days, check_listener, memory_of
from quintet_servicekit.errors import InvalidInput

NOW = 1_800_000_000
HALF = int(HALF_LIFE_DAYS * DAY)


def remembered(*rows: tuple, now: int = NOW) -> dict[str, TrackMemory]:
    whole = [(*row, *(1, "s")[len(row) - 5 :]) if len(row) < 5 else row for row in rows]
    memory = memory_of("r", sorted(whole, key=lambda row: row[2]), [], now)
    return {track.track_id: track for track in memory.tracks}


def test_a_play_loses_half_of_its_weight_in_a_half_life() -> None:
    track = remembered(("t", "play", NOW), ("t", "play", NOW - HALF), ("t", "skip", NOW - 2 * HALF))
    assert (track["t"].plays, track["t"].skips) == (1.5, 0.25)
    assert track["t"].heard_at == NOW


def test_a_count_is_as_many_plays_and_a_wrong_clock_no_more_than_one() -> None:
    tracks = remembered(("t", "play", NOW - HALF, 8, "s"), ("f", "play", NOW + HALF))
    assert (tracks["t"].plays, tracks["f"].plays) == (4.0, 1.0)


def test_the_latest_opinion_counts() -> None:
    tracks = remembered(
        ("a", "dislike", 1), ("a", "like", 2), ("b", "save", 1), ("b", "dislike", 2)
    )
    assert {name: track.opinion for name, track in tracks.items()} == {"a": "like", "b": "dislike"}


def test_a_listen_that_two_services_report_is_one() -> None:
    two = remembered(("t", "play", NOW - 60, 1, "spotify"), ("t", "play", NOW, 1, "lastfm"))
    assert two["t"].plays == pytest.approx(1.0, abs=1e-4)
    again = remembered(("t", "play", NOW - 60, 1, "lastfm"), ("t", "play", NOW, 1, "lastfm"))
    assert again["t"].plays == pytest.approx(2.0, abs=1e-4)
    later = remembered(("t", "play", NOW - 600, 1, "spotify"), ("t", "play", NOW, 1, "lastfm"))
    assert later["t"].plays == pytest.approx(2.0, abs=1e-3)


def test_what_was_heard_or_judged_last_comes_first() -> None:
    rows = [("old", "play", 10, 1, "s"), ("new", "skip", 20, 1, "s"), ("x", "like", 30, 1, "s")]
    memory = memory_of("r", rows, ["b"], NOW)
    assert [track.track_id for track in memory.tracks] == ["x", "new", "old"]
    assert memory.banned == ("b",)


_ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(SIGNAL_KINDS),
        st.integers(NOW - 10 * HALF, NOW),
        st.integers(1, 3),
        st.just("s"),
    )
)


@given(_ROWS, st.integers(0, 5 * HALF))
def test_all_weights_age_by_one_factor(rows: list, later: int) -> None:
    """What lets a caller use a memory later than it was made."""
    rows.sort(key=lambda row: row[2])
    now, then = memory_of("r", rows, [], NOW), memory_of("r", rows, [], NOW + later)
    factor = 0.5 ** (later / HALF)
    assert [track.plays * factor for track in now.tracks] == pytest.approx(
        [track.plays for track in then.tracks]
    )


@pytest.mark.parametrize("listener", ["", "ann", "A" * 64, "a" * 63, "g" * 64])
def test_a_name_that_is_no_hash_is_rejected(listener: str) -> None:
    with pytest.raises(InvalidInput, match="64 hexadecimal digits"):
        check_listener(listener)


@pytest.mark.parametrize("days", [-1, 3651])
def test_days_out_of_range_are_rejected(days: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 3650"):
        check_days(days)
