"""Feedback over gRPC: recorded, exported, deleted and rejected as over HTTP."""

import json
from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from quintet.feedback.v1 import feedback_pb2
from quintet_store.listeners import SIGNALS

from tests.fakes.feedback import EVENTS, message, refusal


async def test_grpc_records_exports_and_deletes(gateway):
    given_id = await gateway.recommend("ann")
    sent = feedback_pb2.RecordEventsRequest(
        events=[message(given_id, 1, position=2, dwell_ms=5), message(given_id, 2, listener="ann")]
    )
    first = await gateway.stub.RecordEvents(sent, timeout=60)
    again = await gateway.stub.RecordEvents(sent, timeout=60)
    assert (first.accepted, first.duplicates) == (2, 0)
    assert (again.accepted, again.duplicates) == (0, 2)

    records, token = [], ""
    for _ in range(10):
        page = await gateway.stub.ExportListener(
            feedback_pb2.ExportListenerRequest(listener="ann", page_size=2, page_token=token),
            timeout=60,
        )
        assert len(page.records) <= 2
        records += page.records
        token = page.next_page_token
        if not token:
            break
    assert [record.WhichOneof("record") for record in records] == [
        "list", *["track"] * 3, *["event"] * 2, *["signal"] * len(gateway.rows(SIGNALS)),
    ]  # fmt: skip
    assert json.loads(records[0].list.seeds[0]) == {"track_id": "s1", "weight": 1.0}
    assert list(records[1].track.features) == [1.0, 0.5]
    assert (records[4].event.kind, records[4].event.position) == (feedback_pb2.EVENT_KIND_SAVE, 2)

    signal = records[6].signal
    assert (signal.kind, signal.count, signal.source) == ("save", 1, "feedback")

    request = feedback_pb2.DeleteListenerRequest(listener="ann")
    deleted = await gateway.stub.DeleteListener(request, timeout=60)
    assert (deleted.deleted_events, deleted.unlinked_recommendations) == (2, 1)
    assert gateway.rows(EVENTS) == []
    empty = feedback_pb2.ExportListenerRequest(listener="ann")
    assert not (await gateway.stub.ExportListener(empty, timeout=60)).records


async def test_grpc_refuses_by_the_same_names_as_http(on_sqlite):
    given_id, stub = await on_sqlite.recommend(), on_sqlite.stub
    cases: list[tuple[dict[str, Any], tuple[str, str, str]]] = [
        ({"kind": 0}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].kind")),
        ({"kind": 99}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].kind")),
        (
            {"occur_time": timestamp_pb2.Timestamp(seconds=2**62)},
            ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].occur_time"),
        ),
        (
            {"occur_time": timestamp_pb2.Timestamp(seconds=1)},
            ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].occur_time"),
        ),
        ({"position": 0}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].position")),
        ({"track_id": "nope"}, ("NOT_FOUND", "TRACK_UNKNOWN", "events[0].track_id")),
        (
            {"recommendation_id": "nope"},
            ("NOT_FOUND", "RECOMMENDATION_UNKNOWN", "events[0].recommendation_id"),
        ),
    ]
    for changes, expected in cases:
        request = feedback_pb2.RecordEventsRequest(events=[message(given_id, **changes)])
        assert await refusal(stub.RecordEvents(request, timeout=60)) == expected
    none = feedback_pb2.RecordEventsRequest()
    expected = ("INVALID_ARGUMENT", "EVENT_COUNT", "events")
    assert await refusal(stub.RecordEvents(none, timeout=60)) == expected


@pytest.mark.parametrize("token", ["x", "WzksImEiXQ==", "WzEsImEiXQ==", "Wy0xLDFd", "é", "WzA="])
async def test_a_page_token_that_was_not_given_out_is_refused(on_sqlite, token):
    request = feedback_pb2.ExportListenerRequest(listener="ann", page_token=token)
    answer = await refusal(on_sqlite.stub.ExportListener(request, timeout=60))
    assert answer == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


# Privacy
