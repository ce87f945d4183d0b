"""The real memory service on port 0, over each kind of database, through a real channel."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from quintet.memory.v1 import memory_pb2, memory_pb2_grpc
from quintet_memory.adapters import StoredMemories
from quintet_memory.app import build
from quintet_memory.settings import MemorySettings
from quintet_servicekit.channel import open_channel
from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.status import error_of
from quintet_store import listeners, open_engine, writing
from quintet_store.feedback import delete_listener
from quintet_store.listeners import Signal
from quintet_store.reopening import Database

ANN, BOB = "a" * 64, "b" * 64
NOW = int(time.time())
RECEIVED = "2026-01-31T00:00:00.000+00:00"


@contextlib.asynccontextmanager
async def memory_service(home: Path, url: str) -> AsyncIterator[Any]:
    service = build(MemorySettings(home=home, port=0, database_url=url))
    await service.start()
    try:
        await asyncio.wait_for(service.ready.wait(), 90)
        async with open_channel(f"127.0.0.1:{service.port}", timeout=60) as channel:
            await asyncio.wait_for(channel.channel_ready(), 90)
            yield memory_pb2_grpc.MemoryServiceStub(channel)
    finally:
        await service.stop()


def remember(url: str, listener: str, *signals: Signal, ban: str = "") -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        listeners.remember(
            connection, listener, signals, source="s", licence="l", received_at=RECEIVED
        )
        if ban:
            listeners.ban_artist(connection, listener, ban, "s", RECEIVED)
    engine.dispose()


def forget(url: str, listener: str) -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        delete_listener(connection, listener, RECEIVED)
    engine.dispose()


async def exclusions(stub: Any, listener: str = ANN, days: int = 14, known: int = 0) -> Any:
    request = memory_pb2.GetExclusionsRequest(listener=listener, heard_days=days, known_limit=known)
    return await stub.GetExclusions(request, timeout=60)


async def test_a_memory_is_read_as_it_is_now_and_gone_once_deleted(tmp_path, database_url) -> None:
    async with memory_service(tmp_path, database_url) as stub:
        assert (await exclusions(stub)).revision == ""
        old, new = Signal("old", "play", NOW - 30 * 86_400), Signal("new", "skip", NOW)
        await asyncio.to_thread(
            remember, database_url, ANN, old, new, Signal("never", "dislike", NOW), ban="x"
        )
        found = await exclusions(stub)
        assert list(found.heard_track_ids) == ["new"]
        assert list(found.disliked_track_ids) == ["never"]
        assert list(found.banned_artist_ids) == ["x"]
        assert list((await exclusions(stub, days=60)).heard_track_ids) == ["new", "old"]
        assert not (await exclusions(stub, days=0)).heard_track_ids
        assert not (await exclusions(stub, BOB)).revision
        assert not found.known_track_ids
        assert set((await exclusions(stub, known=5)).known_track_ids) == {"new", "never", "old"}
        # The latest first, and the kinds together are bounded too.
        assert "old" not in (await exclusions(stub, known=2)).known_track_ids

        await asyncio.to_thread(remember, database_url, ANN, Signal("never", "like", NOW + 1))
        changed = await exclusions(stub)
        assert changed.revision != found.revision
        assert not changed.disliked_track_ids

        whole = await stub.GetMemory(memory_pb2.GetMemoryRequest(listener=ANN), timeout=60)
        columns = (whole.track_ids, whole.heard_times, whole.plays, whole.skips, whole.opinions)
        assert {len(column) for column in columns} == {3}
        opinions = dict(zip(whole.track_ids, whole.opinions, strict=True))
        assert opinions == {"never": memory_pb2.OPINION_LIKE, "new": 0, "old": 0}

        await asyncio.to_thread(forget, database_url, ANN)
        empty = await stub.GetMemory(memory_pb2.GetMemoryRequest(listener=ANN), timeout=60)
        assert (empty.revision, len(empty.track_ids), len(empty.banned_artist_ids)) == ("", 0, 0)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (memory_pb2.GetExclusionsRequest(listener="ann"), "LISTENER_INVALID listener"),
        (memory_pb2.GetExclusionsRequest(listener=ANN, heard_days=-1), "FILTER_RANGE heard_days"),
        (
            memory_pb2.GetExclusionsRequest(listener=ANN, known_limit=2_001),
            "FILTER_RANGE known_limit",
        ),
    ],
)
async def test_a_wrong_request_names_its_field(tmp_path, request_, reason) -> None:
    async with memory_service(tmp_path, f"sqlite:///{tmp_path / 'q.db'}") as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetExclusions(request_, timeout=60)
        error = error_of(caught.value)
        assert error is not None
        assert f"{error.reason} {error.field}" == reason


def test_a_database_that_is_down_is_said_to_be() -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    memories = StoredMemories(Database(url), 10, 60)
    with pytest.raises(NotReady) as caught:
        memories.get(ANN)
    assert caught.value.reason is Reason.STORE_UNAVAILABLE


def test_unused_memories_leave_the_process(tmp_path) -> None:
    url, clock = f"sqlite:///{tmp_path / 'q.db'}", [float(NOW)]
    memories = StoredMemories(Database(url), 2, 60, lambda: clock[0])
    for number in range(4):
        listener = f"{number}" * 64
        remember(url, listener, Signal("t", "play", NOW))
        memories.get(listener)
    assert len(memories._memories._kept) == 2
    clock[0] += 61
    memories.sweep()
    assert not memories._memories._kept
    memories.close()
