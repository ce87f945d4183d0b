"""Impressions of recommended lists: written behind the answer, never lost without a count."""

import asyncio

from prometheus_client import REGISTRY

from tests.fakes.feedback import (
    LISTS,
    SHOWN,
    detail_of,
    event,
    running,
    sqlite_url,
)


def dropped(cause: str) -> float:
    found = REGISTRY.get_sample_value("quintet_impressions_dropped_total", {"cause": cause})
    return found or 0.0


async def test_a_database_that_is_away_stops_no_recommendation_and_comes_back(tmp_path):
    path = tmp_path / "data" / "quintet.db"
    path.parent.write_text("in the way", encoding="utf-8")
    async with running(tmp_path / "home", f"sqlite:///{path}") as gateway:
        given_id = await gateway.recommend("ann")
        export = await gateway.client.get("/api/v1/listeners/ann/export")
        assert detail_of(export)[:2] == (503, "STORE_UNAVAILABLE")
        assert export.headers["retry-after"] == "1"
        assert str(path) not in export.text
        path.parent.unlink()
        async with asyncio.timeout(60):
            while (await gateway.send(event(given_id))).json()["degraded"]:
                await asyncio.sleep(0.05)  # until the database is tried again
        assert len(gateway.rows(SHOWN)) == 3


async def test_impressions_beyond_the_queue_are_counted_never_silent(tmp_path):
    (tmp_path / "data").write_text("in the way", encoding="utf-8")
    before, stopped = dropped("overflow"), dropped("stopped")
    url = f"sqlite:///{tmp_path / 'data' / 'quintet.db'}"
    async with running(tmp_path / "home", url, max_waiting_impressions=500) as gateway:
        for _ in range(3):
            await gateway.recommend(limit=200)
        assert dropped("overflow") == before + 200
    assert dropped("stopped") == stopped + 400


async def test_what_waits_is_written_when_the_gateway_stops(tmp_path):
    async with running(tmp_path / "home", sqlite_url(tmp_path)) as gateway:
        ids = {await gateway.recommend() for _ in range(20)}
    assert {row["recommendation_id"] for row in gateway.rows(LISTS)} == ids


async def test_impressions_are_written_without_any_feedback(on_sqlite):
    given_id = await on_sqlite.recommend()
    async with asyncio.timeout(60):
        while not on_sqlite.rows(LISTS):
            await asyncio.sleep(0.05)  # until the writer has had its turn
    assert [row["recommendation_id"] for row in on_sqlite.rows(LISTS)] == [given_id]


# Many at once
