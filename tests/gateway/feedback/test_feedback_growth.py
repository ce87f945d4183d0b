"""One client that asks for lists without end cannot fill the disk."""

import asyncio

from quintet_store import open_engine, reading
from quintet_store.feedback import recorded_bytes

from tests.fakes.feedback import EVENTS, LISTS, event, running, sqlite_url

BOUND = 1024**2


async def test_recorded_lists_stay_within_the_bound(tmp_path):
    url = sqlite_url(tmp_path)
    async with running(tmp_path, url, feedback_max_bytes=BOUND) as gateway:
        liked = await gateway.recommend("", limit=500)
        assert (await gateway.send(event(liked, 1))).status_code in (200, 202)
        first = await gateway.recommend("", limit=500)
        for _ in range(24):
            last = await gateway.recommend("", limit=500)
        engine = open_engine(url)

        def size() -> int:
            with reading(engine) as connection:
                return recorded_bytes(connection)

        async def settled() -> None:
            while last not in {row["recommendation_id"] for row in gateway.rows(LISTS)}:
                await asyncio.sleep(0.05)
            while size() > BOUND:
                await asyncio.sleep(0.05)

        await asyncio.wait_for(settled(), 90)
        engine.dispose()
        kept = {row["recommendation_id"] for row in gateway.rows(LISTS)}
        assert {liked, last} <= kept
        assert first not in kept
        assert len(gateway.rows(EVENTS)) == 1
        metrics = (await gateway.client.get("/metrics")).text
        assert "quintet_feedback_limit_bytes 1.048576e+06" in metrics
