"""Radio and paths on the real ranker, over a real bundle, through a real channel."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import (
    path_pb2,
    path_pb2_grpc,
    radio_pb2,
    radio_pb2_grpc,
    ranker_pb2,
)
from quintet_engine.query import Filters, Seasonal, Seed, SeedKind, Variants
from quintet_engine.radio_session import Mark, Session
from quintet_ranker.app import build
from quintet_ranker.servicer.cursors import cursor_of, read_cursor
from quintet_ranker.settings import RankerSettings
from quintet_servicekit.errors import InvalidInput
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue

WAIT = 90.0
COUNT = 200


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    publish_catalogue(home, COUNT)
    publish_model(home, parameters=BootstrapParameters(groups=20, rounds=8))
    return home


@pytest.fixture
async def channel(home) -> AsyncIterator[grpc.aio.Channel]:
    service = build(RankerSettings(home=home, port=0, follow_seconds=0.05))
    await service.start()
    try:
        await asyncio.wait_for(service.ready.wait(), WAIT)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            yield channel
    finally:
        await service.stop()


def options(*names: str, **more: Any) -> radio_pb2.RadioOptions:
    seeds = [profile_pb2.Seed(track_id=name) for name in names]
    return radio_pb2.RadioOptions(seeds=seeds, **more)


def started(*names: str, **more: Any) -> radio_pb2.ContinueRadioRequest:
    return radio_pb2.ContinueRadioRequest(options=options(*names), **more)


def liked(name: str) -> radio_pb2.RadioEvent:
    return radio_pb2.RadioEvent(track_id=name, action=radio_pb2.RADIO_ACTION_LIKE)


def ids(batch: Any) -> list[str]:
    return [each.track.track_id for each in batch.tracks]


def radio_of(channel: Any) -> Any:
    return radio_pb2_grpc.RadioServiceStub(channel)


async def rejected(call: Any) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    # The stubs of grpc-status name the error of grpc alone; grpc.aio's has the same fields.
    status: Any = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status.details[0].Unpack(info)
    return caught.value.code(), info.reason, info.metadata["field"]


async def test_a_session_continues_from_its_cursor_with_what_the_listener_did(channel):
    radio = radio_of(channel)
    first = await radio.ContinueRadio(started("t001", "t010", limit=10), timeout=WAIT)
    assert [each.position for each in first.tracks] == list(range(1, 11))
    assert not first.tracks[0].HasField("transition")
    step = first.tracks[1].transition
    assert json.loads(step.reasons_json)["sentence"]
    assert 0 <= step.distance == step.sound_distance <= 1
    assert not step.HasField("taste_distance")
    skipped = radio_pb2.RadioEvent(track_id=ids(first)[1], action=radio_pb2.RADIO_ACTION_SKIP)
    more = radio_pb2.ContinueRadioRequest(
        cursor=first.cursor, events=[liked(ids(first)[0]), skipped], limit=10, omit_reasons=True
    )
    second = await radio.ContinueRadio(more, timeout=WAIT)
    assert [each.position for each in second.tracks] == list(range(11, 21))
    assert not set(ids(first)) & set(ids(second))
    assert second.tracks[0].HasField("transition")
    assert second.tracks[0].transition.reasons_json == second.tracks[0].track.reasons_json == b""
    origins = {seed.seed.track_id: seed.origin for seed in second.seeds}
    assert origins[ids(first)[0]] == radio_pb2.RADIO_SEED_ORIGIN_LIKED
    assert origins["t001"] == radio_pb2.RADIO_SEED_ORIGIN_START
    assert list(second.avoided_track_ids) == [ids(first)[1]]
    assert second.played == 20
    # The same request, such as a retry, gets the same answer.
    assert await radio.ContinueRadio(more, timeout=WAIT) == second


async def test_a_cursor_survives_another_ranker(home, channel):
    first = await radio_of(channel).ContinueRadio(started("t001"), timeout=WAIT)
    other = build(RankerSettings(home=home, port=0))
    await other.start()
    try:
        await asyncio.wait_for(other.ready.wait(), WAIT)
        more = radio_pb2.ContinueRadioRequest(cursor=first.cursor)
        here = await radio_of(channel).ContinueRadio(more, timeout=WAIT)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{other.port}") as elsewhere:
            there = await radio_of(elsewhere).ContinueRadio(more, timeout=WAIT)
    finally:
        await other.stop()
    assert (ids(here), here.cursor) == (ids(there), there.cursor)


async def test_a_stream_plays_the_whole_catalogue_and_ends(channel):
    radio = radio_of(channel)
    asked = radio_pb2.StreamRadioRequest(request=started("t001", limit=50), batch_count=100)
    batches = [each.batch async for each in radio.StreamRadio(asked, timeout=WAIT)]
    heard = [name for batch in batches for name in ids(batch)]
    assert len(heard) == len(set(heard)) == COUNT - 1
    assert batches[-1].exhausted
    assert [batch.exhausted for batch in batches[:-1]] == [False] * (len(batches) - 1)
    assert batches[-1].remaining == 0
    # A batch of a stream is that of a call from the cursor before.
    again = radio_pb2.ContinueRadioRequest(cursor=batches[0].cursor, limit=50)
    assert ids(await radio.ContinueRadio(again, timeout=WAIT)) == ids(batches[1])


async def test_a_cancelled_stream_continues_from_any_of_its_cursors(channel):
    radio = radio_of(channel)
    call = radio.StreamRadio(radio_pb2.StreamRadioRequest(request=started("t001")), timeout=WAIT)
    first = (await call.read()).batch
    call.cancel()
    event = radio_pb2.RadioEvent(track_id=ids(first)[0], action=radio_pb2.RADIO_ACTION_SKIP)
    following = radio_pb2.ContinueRadioRequest(cursor=first.cursor, events=[event])
    call = radio.StreamRadio(radio_pb2.StreamRadioRequest(request=following), timeout=WAIT)
    second = (await call.read()).batch
    call.cancel()
    assert not set(ids(first)) & set(ids(second))
    assert list(second.avoided_track_ids) == [ids(first)[0]]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (started("nope"), ("NOT_FOUND", "SEED_UNKNOWN", "seeds")),
        (radio_pb2.ContinueRadioRequest(), ("INVALID_ARGUMENT", "SEED_COUNT", "seeds")),
        (started("t001", limit=101), ("INVALID_ARGUMENT", "LIMIT_RANGE", "limit")),
        (
            radio_pb2.ContinueRadioRequest(options=options("t001", artist_gap=51)),
            ("INVALID_ARGUMENT", "ARTIST_CAP_RANGE", "artist_gap"),
        ),
        (
            radio_pb2.ContinueRadioRequest(cursor=b"no cursor"),
            ("INVALID_ARGUMENT", "CURSOR_INVALID", "cursor"),
        ),
        (
            radio_pb2.ContinueRadioRequest(cursor=b"abcd", options=options("t001")),
            ("INVALID_ARGUMENT", "REQUEST_MALFORMED", "options"),
        ),
        (
            started("t001", events=[liked("t002")]),
            ("NOT_FOUND", "TRACK_UNKNOWN", "events[0].track_id"),
        ),
        (
            started("t001", events=[radio_pb2.RadioEvent(track_id="t002")]),
            ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].action"),
        ),
        (
            started("t001", events=[radio_pb2.RadioEvent()] * 501),
            ("INVALID_ARGUMENT", "EVENT_COUNT", "events"),
        ),
        (
            started("t001", excluded_artist_ids=["a"] * 1001),
            ("INVALID_ARGUMENT", "FILTER_RANGE", "excluded_artist_ids"),
        ),
        (
            started("t001", language="xx"),
            ("INVALID_ARGUMENT", "REQUEST_MALFORMED", "language"),
        ),
    ],
)
async def test_a_wrong_request_is_named(channel, request_, expected):
    found = await rejected(radio_of(channel).ContinueRadio(request_, timeout=WAIT))
    assert (found[0].name, *found[1:]) == expected


async def test_a_wrong_stream_is_named(channel):
    asked = radio_pb2.StreamRadioRequest(request=started("t001"), batch_count=101)
    call = radio_of(channel).StreamRadio(asked, timeout=WAIT)
    assert (await rejected(call.read()))[1:] == ("LIMIT_RANGE", "batch_count")


async def test_a_path_leads_from_start_to_end_with_a_reason_for_each_step(channel):
    paths: Any = path_pb2_grpc.PathServiceStub(channel)
    asked = path_pb2.FindPathRequest(start_track_id="t001", end_track_id="t150", length=8)
    path = await paths.FindPath(asked, timeout=WAIT)
    assert [each.position for each in path.tracks] == list(range(1, 9))
    assert (path.tracks[0].track_id, path.tracks[-1].track_id) == ("t001", "t150")
    assert not path.tracks[0].HasField("transition")
    steps = [each.transition for each in path.tracks[1:]]
    assert all(json.loads(step.reasons_json)["sentence"] for step in steps)
    assert path.greatest_step == max(step.distance for step in steps)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (("t001", "t001", {}), ("INVALID_ARGUMENT", "PATH_ENDS", "end")),
        (("nope", "t001", {}), ("NOT_FOUND", "TRACK_UNKNOWN", "start")),
        (("t001", "", {}), ("NOT_FOUND", "TRACK_UNKNOWN", "end")),
        (("t001", "t002", {"length": 2}), ("INVALID_ARGUMENT", "LIMIT_RANGE", "length")),
        (
            ("t001", "t002", {"filters": ranker_pb2.Filters(genres=["polka"])}),
            ("NOT_FOUND", "PATH_NOT_FOUND", "filters"),
        ),
    ],
)
async def test_where_there_is_no_path_the_error_names_what_to_change(channel, request_, expected):
    start, end, more = request_
    asked = path_pb2.FindPathRequest(start_track_id=start, end_track_id=end, **more)
    found = await rejected(path_pb2_grpc.PathServiceStub(channel).FindPath(asked, timeout=WAIT))
    assert (found[0].name, *found[1:]) == expected


async def test_health_reports_all_three_services(channel):
    health: Any = health_pb2_grpc.HealthStub(channel)
    for name in ("RankerService", "RadioService", "PathService"):
        asked = health_pb2.HealthCheckRequest(service=f"quintet.ranker.v1.{name}")
        answer = await health.Check(asked, timeout=WAIT)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def session() -> Session:
    """A session in which no field has its default."""
    return Session(
        (Seed(SeedKind.TRACK, "t001", 2.0), Seed(SeedKind.GENRE, "rock")),
        Filters({"energy": (0.25, None)}, ("rock",), True, frozenset("ab"), frozenset("cd")),
        7,
        Variants.ALLOW,
        Seasonal.ALLOW,
        likes=(Mark("t002", 1),),
        finishes=(Mark("t003", 2),),
        skips=(Mark("t004", 3),),
    ).continued(["t002", "t003", "t004"])


def test_a_cursor_holds_the_whole_session():
    back = read_cursor(cursor_of(session()))
    assert vars(back) | {"played": 0} == vars(session()) | {"played": 0}
    assert back.played.tolist() == session().played.tolist()


def test_a_thousand_tracks_take_less_than_six_kilobytes():
    long = session().continued([f"track-of-22-letters-{number:02d}" for number in range(1000)])
    assert len(cursor_of(long)) < 6_000


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 200))
def test_a_damaged_cursor_is_rejected_and_nothing_else_happens(noise, place):
    cursor = cursor_of(session())
    damaged = cursor[:place] + noise + cursor[place + len(noise) :]
    if damaged != cursor:
        with pytest.raises(InvalidInput, match="start again from seeds"):
            read_cursor(damaged)


@pytest.mark.parametrize("change", [
    {"likes": (Mark("t002", 9),)}, {"recent": ("a", "b", "c", "d")},
    {"skips": (Mark("x" * 257, 1),)}, {"finishes": tuple(Mark(f"t{n}", 1) for n in range(201))},
    {"seeds": ()}, {"artist_gap": 51},
])  # fmt: skip
def test_a_cursor_with_values_that_no_session_has_is_rejected(change):

    with pytest.raises(InvalidInput, match="start again from seeds"):
        read_cursor(cursor_of(replace(session(), **change)))
