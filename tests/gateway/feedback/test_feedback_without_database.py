"""Events while the database is unavailable wait on the disk, and are stored once."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from quintet.feedback.v1 import feedback_pb2
from quintet_store import StoreUnavailable

from tests.fakes.feedback import (
    EVENTS,
    SPOOLED,
    Running,
    detail_of,
    event,
    message,
    names_of,
    running,
    start,
)


class Away:
    """A database that can be taken away: its folder is a file."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "data" / "quintet.db"
        self.url = f"sqlite:///{self.path}"
        self.hidden = tmp_path / "hidden"

    def leave(self) -> None:
        if self.path.parent.exists():
            self.path.parent.rename(self.hidden)
        self.path.parent.write_text("in the way", encoding="utf-8")

    def come_back(self) -> None:
        self.path.parent.unlink()
        if self.hidden.exists():
            self.hidden.rename(self.path.parent)


@pytest.fixture
def away(tmp_path: Path) -> Away:
    return Away(tmp_path)


async def replayed(gateway: Running, events: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(StoreUnavailable):
                if len(rows := gateway.rows(EVENTS)) >= events:
                    return rows
            await asyncio.sleep(0.05)  # until the database is tried again


async def test_events_wait_on_the_disk_while_the_database_is_away(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url) as gateway:
        given_id = await gateway.recommend("ann")
        first = await gateway.send(event(given_id, 1))
        assert (first.status_code, first.json()) == (200, SPOOLED)
        again = await gateway.send(event(given_id, 1, kind="skip"))
        assert again.json() == {"accepted": 0, "duplicates": 1, "degraded": ["database"]}
        request = feedback_pb2.RecordEventsRequest(events=[message(given_id)])
        answer = await gateway.stub.RecordEvents(request, timeout=60)
        assert list(answer.degraded) == ["database"]
        body = {"seeds": ["s1"]}
        told = await gateway.client.post("/api/v1/recommendations", json=body)
        assert told.json()["degraded"] == ["database"]
        away.come_back()
        rows = await replayed(gateway, 1)
        async with asyncio.timeout(60):
            while (await gateway.send(event(given_id, 1))).json()["degraded"]:
                await asyncio.sleep(0.05)
        told = await gateway.client.post("/api/v1/recommendations", json=body)
        assert told.json()["degraded"] == []
    assert [row["kind"] for row in rows if row["event_id"] == "e1"] == ["like"]
    assert {row["listener"] for row in rows} == {names_of(gateway).listener("ann")}
    assert len(gateway.rows(EVENTS)) == 1
    assert list((gateway.home / "spool").iterdir()) == []


async def test_a_database_locked_by_an_import_sends_events_to_the_disk(tmp_path):
    path = tmp_path / "quintet.db"
    async with running(tmp_path / "home", f"sqlite:///{path}") as gateway:
        given_id = await gateway.recommend()
        await gateway.send(event(given_id, 1))
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for number in (2, 3):
            response = await gateway.send(event(given_id, number))
            assert response.json() == SPOOLED
        holder.execute("ROLLBACK")
        holder.close()
        await replayed(gateway, 3)


async def test_what_was_never_given_out_is_not_taken_while_nobody_can_tell(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url) as gateway:
        response = await gateway.send(event("0" * 40))
        assert detail_of(response)[:2] == (503, "STORE_UNAVAILABLE")
        assert (await gateway.send(event(await gateway.recommend()))).json() == SPOOLED
    (path,) = (gateway.home / "spool").iterdir()
    assert b"0" * 40 not in path.read_bytes()


async def test_a_full_spool_is_told_by_name_and_what_it_holds_is_stored(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url, spool_bytes=4096) as gateway:
        given_id = await gateway.recommend()
        accepted = 0
        while (response := await gateway.send(event(given_id, accepted))).status_code == 200:
            accepted += 1
        assert detail_of(response)[:2] == (503, "STORE_UNAVAILABLE")
        assert response.json()["error"]["details"][0]["metadata"]["spool"] == "full"
        away.come_back()
        assert len(await replayed(gateway, accepted)) == accepted > 5


async def test_a_deleted_listener_is_not_in_what_is_replayed(tmp_path, away):
    async with running(tmp_path / "home", away.url) as gateway:
        given_id = await gateway.recommend("ann")
        await gateway.send(event(given_id, 1))
        away.leave()
        assert (await gateway.send(event(given_id, 2, listener="ann"))).json() == SPOOLED
        refused = await gateway.client.delete("/api/v1/listeners/ann")
        assert detail_of(refused)[:2] == (503, "STORE_UNAVAILABLE")
        away.come_back()
        async with asyncio.timeout(60):
            while (gone := await gateway.client.delete("/api/v1/listeners/ann")).is_error:
                await asyncio.sleep(0.05)
        assert gone.json()["deleted_events"] == 2
        assert (await gateway.send(event(given_id, 3, listener="bob"))).status_code == 200
    (row,) = gateway.rows(EVENTS)
    assert (row["event_id"], row["listener"]) == ("e3", names_of(gateway).listener("bob"))


async def test_what_was_spooled_survives_kill_9_and_is_stored_once(tmp_path, away):
    home = tmp_path / "home"
    async with running(home, away.url) as gateway:
        given_id = await gateway.recommend("ann")
        await gateway.send(event(given_id, 0))
    away.leave()
    process, address = start(home, away.url)
    try:
        for number in range(1, 6):
            body = event(given_id, number)
            response = httpx.post(address, json=body, timeout=60, trust_env=False)
            assert response.json() == SPOOLED
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    (path,) = (home / "spool").glob("*.events")
    with path.open("ab") as stream:
        stream.write(b"0badc0de [{torn")
    away.come_back()
    async with running(home, away.url) as gateway:
        again = await gateway.send(*(event(given_id, number) for number in range(7)))
        rows = await replayed(gateway, 7)
    assert [row["event_id"] for row in rows] == [f"e{number}" for number in range(7)]
    assert {row["listener"] for row in rows} == {names_of(gateway).listener("ann")}
    assert again.json()["accepted"] + again.json()["duplicates"] == 7
    assert list((home / "spool").iterdir()) == []


# Killed
