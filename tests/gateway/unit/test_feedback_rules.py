"""Rules of events, the queue of lists shown, and the rows they become."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet.feedback.v1 import feedback_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.limits import EVENT_KINDS
from quintet_gateway.feedback import Event, check_events
from quintet_gateway.feedback.export import export_record
from quintet_gateway.feedback.impressions import ImpressionQueue, ServedList, impression_rows
from quintet_gateway.servicer import cursor_of, token_of
from quintet_servicekit.errors import InvalidInput
from quintet_store.feedback import Cursor, stamp

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


def shown(name: str, tracks: int = 1, **response: object) -> ServedList:
    answer = ranker_pb2.RecommendTracksResponse(
        tracks=[ranker_pb2.RankedTrack(track_id=f"t{n}") for n in range(tracks)],
        **response,  # type: ignore[arg-type]
    )
    request = ranker_pb2.RecommendTracksRequest(seeds=[profile_pb2.Seed(track_id="s")])
    return ServedList(name, "", NOW, "/x", request, answer)


def refusal_of(work: Callable[[], object]) -> InvalidInput | None:
    try:
        work()
    except InvalidInput as refused:
        return refused
    return None


def test_the_proto_numbers_the_kinds_in_their_order():
    names = [f"EVENT_KIND_{kind.upper()}" for kind in EVENT_KINDS]
    assert feedback_pb2.EventKind.keys() == ["EVENT_KIND_UNSPECIFIED", *names]


def test_times_sort_as_text():
    moments = [NOW, NOW + timedelta(milliseconds=1), NOW.replace(microsecond=0)]
    assert sorted(map(stamp, moments)) == [stamp(moment) for moment in sorted(moments)]
    assert stamp(NOW) == "2026-01-02T03:04:05.678+00:00"


@given(
    st.builds(
        Event,
        event_id=st.text(max_size=70),
        recommendation_id=st.text(max_size=70),
        track_id=st.text(max_size=300),
        kind=st.sampled_from(["", "play", "like", "love"]),
        position=st.none() | st.integers(),
        dwell_ms=st.none() | st.integers(),
        listener=st.text(max_size=130),
        occurred_at=st.none() | st.datetimes(timezones=st.none() | st.timezones()),
    )
)
def test_an_event_is_either_storable_or_refused_with_its_field(event):
    refused = refusal_of(lambda: check_events([event], lambda number: f"events[{number}]."))
    if refused is not None:
        assert refused.field.startswith("events[0].")
        assert refused.message.startswith(refused.field)
        return
    for text in (event.event_id, event.recommendation_id, event.track_id, event.listener):
        assert text.isprintable()
        text.encode()
    assert stamp(event.occurred_at or NOW)
    assert 0 <= (event.position or 0) < 2**31
    assert 0 <= (event.dwell_ms or 0) < 2**63


def test_the_queue_is_bounded_in_tracks_and_keeps_its_order():
    waiting = ImpressionQueue(10)
    assert all(waiting.put(shown(f"r{n}", 4)) for n in range(2))
    assert not waiting.put(shown("r2", 4))
    assert waiting.put(shown("r3", 2))
    assert waiting.has({"r3"})
    assert not waiting.has({"r2"})
    first = waiting.take(5)
    assert [one.recommendation_id for one in first] == ["r0", "r1"]
    assert waiting.put(shown("r4", 8))
    # What could not be written goes back to the front, beyond the bound rather than away.
    waiting.requeue(first)
    everything = [one.recommendation_id for one in waiting.take(100)]
    assert everything == ["r0", "r1", "r3", "r4"]
    assert len(waiting) == 0


def test_a_list_without_tracks_takes_room_too():
    waiting = ImpressionQueue(1)
    assert waiting.put(shown("a", 0))
    assert not waiting.put(shown("b", 0))


def test_feature_values_are_taken_as_the_ranker_packed_them():
    one = shown("r", 2, feature_names=["a", "b"])
    for number, track in enumerate(one.response.tracks):
        track.features = struct.pack("<2f", number, 0.5)
    rows = impression_rows([one, one])
    assert [row["features"] for row in rows.shown] == [
        struct.pack("<2f", 0, 0.5), struct.pack("<2f", 1, 0.5),
    ]  # fmt: skip
    assert rows.sets == [{"feature_hash": rows.lists[0]["feature_hash"], "names": ["a", "b"]}]
    assert len(rows.lists) == 1


def test_without_any_values_no_set_is_made():
    rows = impression_rows([shown("r")])
    assert (rows.sets, rows.lists[0]["feature_hash"], rows.shown[0]["features"]) == ([], "", b"")


def test_negative_seeds_are_told_apart():
    one = shown("r")
    one.request.negative_seeds.add(genre="rock", weight=2)
    assert impression_rows([one]).lists[0]["seeds"] == [
        {"track_id": "s", "weight": 1.0}, {"genre": "rock", "weight": 2.0, "negative": True},
    ]  # fmt: skip


def test_an_exported_impression_is_readable():
    row = {"listener": "h", "features": struct.pack("<2f", 1, 2), "channels": "audio,artist"}
    assert export_record("impression", row) == {
        "record": "impression", "features": [1.0, 2.0], "channels": ["audio", "artist"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "cursor",
    [Cursor(), Cursor(0, ("r",)), Cursor(1, ("r", 7)), Cursor(2, ("client", "é")), Cursor(2)],
)
def test_a_place_in_an_export_survives_its_token(cursor):
    assert cursor_of(token_of(cursor)) == cursor


@given(st.text(max_size=40))
def test_any_other_token_is_refused(text):
    refused = refusal_of(lambda: cursor_of(text))
    assert refused is None or refused.field == "page_token"
    assert refused is not None or cursor_of(token_of(cursor_of(text))) == cursor_of(text)
