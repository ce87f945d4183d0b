"""Undo of a signal: events, memory, the next list and training are as if it was never given."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from quintet.feedback.v1 import feedback_pb2
from quintet_store.tables import ListenerSignal, table_of

from tests.fakes.feedback import EVENTS, Running, detail_of, event, refusal

SIGNALS = table_of(ListenerSignal)
A_DAY_AGO = (datetime.now(UTC) - timedelta(days=1)).isoformat()


async def undo(gateway: Running, event_id: str) -> httpx.Response:
    return await gateway.client.delete(f"/api/v1/feedback/{event_id}")


@pytest.mark.parametrize("kind", ["play", "skip", "like", "dislike", "save", "playlist_add"])
async def test_any_signal_can_be_undone_and_the_memory_is_as_before(on_sqlite, kind):
    given = await on_sqlite.recommend("ann")
    await on_sqlite.send(event(given, 1, track_id="t2", kind="save", occurred_at=A_DAY_AGO))
    before = on_sqlite.rows(SIGNALS)
    await on_sqlite.send(event(given, 2, track_id="t2", kind=kind))
    assert len(on_sqlite.rows(SIGNALS)) == 2
    for _ in range(2):
        answer = await undo(on_sqlite, "e2")
        assert (answer.status_code, answer.json()) == (200, {"event_id": "e2", "undone": True})
    assert on_sqlite.rows(SIGNALS) == before
    # Sent again by a client that did not see the answer to its first attempt: nothing returns.
    again = await on_sqlite.send(event(given, 2, track_id="t2", kind=kind))
    assert again.json()["duplicates"] == 1
    assert on_sqlite.rows(SIGNALS) == before
    left = on_sqlite.rows(EVENTS)[1]
    assert (left["kind"], left["track_id"], left["recommendation_id"]) == ("undone", "", "")
    text = (await on_sqlite.client.get("/api/v1/listeners/ann/export")).text
    assert [line["kind"] for line in map(json.loads, text.splitlines())
            if line["record"] == "event"] == ["save"]  # fmt: skip
    # What is left of an undone event goes too, and is not counted as feedback.
    deleted = await on_sqlite.client.delete("/api/v1/listeners/ann")
    assert (deleted.json()["deleted_events"], on_sqlite.rows(EVENTS)) == (1, [])


async def test_a_signal_that_another_event_gave_too_stays(on_sqlite):
    given = await on_sqlite.recommend("ann")
    for number in (1, 2):
        await on_sqlite.send(event(given, number, occurred_at=A_DAY_AGO))
    await undo(on_sqlite, "e1")
    assert len(on_sqlite.rows(SIGNALS)) == 1
    await undo(on_sqlite, "e2")
    assert on_sqlite.rows(SIGNALS) == []


async def test_an_undo_by_grpc_is_the_same_and_what_was_never_sent_is_unknown(on_sqlite):
    given = await on_sqlite.recommend("ann")
    await on_sqlite.send(event(given))
    await on_sqlite.stub.UndoEvent(feedback_pb2.UndoEventRequest(event_id="e1"), timeout=60)
    assert on_sqlite.rows(SIGNALS) == []
    missing = on_sqlite.stub.UndoEvent(feedback_pb2.UndoEventRequest(event_id="e9"), timeout=60)
    assert await refusal(missing) == ("NOT_FOUND", "EVENT_UNKNOWN", "event_id")
    assert detail_of(await undo(on_sqlite, "e9")) == (404, "EVENT_UNKNOWN", "event_id")
    assert detail_of(await undo(on_sqlite, "a b")) == (400, "EVENT_RANGE", "event_id")
