"""The rule by which the seeds of a radio session follow the listener."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_contract.options import RadioAction
from quintet_engine.query import Filters, QueryInvalid, Seed, SeedKind
from quintet_engine.radio_session import (
    AVOIDED_FOR,
    HALF_LIFE,
    MOST_MARKS,
    Event,
    EventUnknown,
    Origin,
    Session,
    check,
)

TRACKS = [f"t{number}" for number in range(60)]


def started(*names: str, played: int = 40) -> Session:
    seeds = tuple(Seed(SeedKind.TRACK, name) for name in names or ("s0", "s1"))
    return Session(seeds).continued(TRACKS[:played])


def weights(session: Session) -> dict[str, float]:
    return {each.seed.name: each.seed.weight for each in session.weighted_seeds()}


def test_the_seeds_of_the_start_share_a_weight_of_one():
    assert weights(started("a", "b", "c", "d")) == pytest.approx(dict.fromkeys("abcd", 0.25))


def test_a_like_among_two_seeds_has_half_of_the_weight_and_a_finish_less():
    liked = started().marked([Event("t3", RadioAction.LIKE), Event("t4", RadioAction.FINISH)])
    assert weights(liked) == pytest.approx({"t3": 1.0, "s0": 0.5, "s1": 0.5, "t4": 0.3})


def test_likes_halve_with_the_tracks_played_after_them():
    liked = started().marked([Event("t3", RadioAction.LIKE)])
    later = liked.continued([f"later{number}" for number in range(HALF_LIFE)])
    assert weights(later)["t3"] == pytest.approx(0.5)


def test_of_more_than_five_seeds_the_heaviest_stay_with_one_of_the_start():
    session = started("a", "b", "c").marked([Event(f"t{n}", RadioAction.LIKE) for n in range(9)])
    seeds = session.weighted_seeds()
    assert [each.seed.name for each in seeds if each.origin is Origin.START] == ["a"]
    # The seed of the start that stays has the whole weight of the start.
    assert weights(session) == pytest.approx({"a": 1, "t8": 1, "t7": 1, "t6": 1, "t5": 1})


def test_skips_are_avoided_for_a_while_the_latest_first():
    session = started().marked([Event(f"t{n}", RadioAction.SKIP) for n in range(7)])
    assert session.avoided() == ["t6", "t5", "t4", "t3", "t2"]
    assert session.continued([f"x{n}" for n in range(AVOIDED_FOR)]).avoided() == []


def test_of_like_and_skip_the_latest_counts():
    liked, skipped = Event("t1", RadioAction.LIKE), Event("t1", RadioAction.SKIP)
    first, second = started().marked([liked, skipped]), started().marked([skipped, liked])
    assert (first.avoided(), "t1" in weights(first)) == (["t1"], False)
    assert (second.avoided(), "t1" in weights(second)) == ([], True)
    # The same over two requests.
    assert started().marked([liked]).marked([skipped]).avoided() == ["t1"]


def test_an_event_of_a_track_that_was_not_played_is_named():
    with pytest.raises(EventUnknown) as caught:
        started().marked([Event("t1", RadioAction.LIKE), Event("other", RadioAction.SKIP)])
    assert (caught.value.place, caught.value.track_id) == (1, "other")


def test_more_events_than_allowed_are_rejected():
    with pytest.raises(QueryInvalid, match="at most 500; got 501"):
        started().marked([Event("t1", RadioAction.LIKE)] * 501)


def test_filters_of_a_session_exclude_less_than_those_of_a_list():
    many = frozenset(f"x{number}" for number in range(1001))
    with pytest.raises(QueryInvalid, match="at most 1000; got 1001"):
        check(Session((Seed(SeedKind.TRACK, "a"),), Filters(excluded_tracks=many)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TRACKS[:40]), st.sampled_from(RadioAction)), max_size=80),
    st.integers(0, 300),
)
def test_any_events_leave_one_to_five_seeds_and_bounded_marks(events, more):
    session = started("a", "b", "c").marked([Event(*each) for each in events])
    session = session.continued([f"x{number}" for number in range(more)])
    seeds = session.weighted_seeds()
    assert 1 <= len(seeds) <= 5
    assert any(each.origin is Origin.START for each in seeds)
    assert all(0 < each.seed.weight <= 1 + 1e-9 for each in seeds)
    ordered = [each.seed.weight for each in seeds]
    assert ordered == sorted(ordered, reverse=True)
    assert len({each.seed.name for each in seeds}) == len(seeds)
    assert not set(session.avoided()) & {mark.track_id for mark in session.likes}
    assert all(
        len(marks) <= MOST_MARKS for marks in (session.likes, session.finishes, session.skips)
    )
