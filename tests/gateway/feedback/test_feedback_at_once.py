"""Many batches of events at once, and the same events many times."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.fakes.feedback import (
    EVENTS,
    FEEDBACK,
    event,
    running,
)


async def test_requests_at_once_are_each_answered_for_themselves(gateway):
    given_id = await gateway.recommend()
    good = [gateway.send(event(given_id, n)) for n in range(40)]
    bad = [gateway.send(event("nope", 100 + n)) for n in range(10)]
    same = [gateway.send(event(given_id, 1000)) for _ in range(10)]
    answers = await asyncio.gather(*good, *bad, *same)
    assert [a.status_code for a in answers] == [200] * 40 + [404] * 10 + [200] * 10
    assert sum(a.json()["accepted"] for a in answers[50:]) == 1
    assert len(gateway.rows(EVENTS)) == 41


EVENT_IDS = st.sampled_from(["a", "b", "c", "A", "9b2f4c1e-0d51-4a53-8d0e-0a4f1f0a7c11"])
BATCHES = st.lists(
    st.lists(
        st.tuples(EVENT_IDS, st.sampled_from(["play", "skip", "like"]), st.sampled_from("123")),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Sends batches to a gateway of its own, in a loop of its own, that lives for all examples."""
    home = tmp_path_factory.mktemp("batches")
    loop = asyncio.new_event_loop()
    context = running(home / "home", f"sqlite:///{home / 'quintet.db'}")
    gateway = loop.run_until_complete(context.__aenter__())

    def send(batches: list[list[tuple[str, str, str]]], prefix: str) -> list[tuple[int, int]]:
        async def all_of_them() -> list[tuple[int, int]]:
            given_id = await gateway.recommend()
            counts = []
            for batch in batches:
                events = [
                    event(given_id, 0, event_id=f"{prefix}{i}", kind=k, track_id=f"t{t}")
                    for i, k, t in batch
                ]
                response = await gateway.client.post(FEEDBACK, json={"events": events})
                counts.append((response.json()["accepted"], response.json()["duplicates"]))
            return counts

        return loop.run_until_complete(all_of_them())

    send.gateway = gateway  # type: ignore[attr-defined]
    yield send
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=BATCHES)
def test_however_often_events_come_each_is_stored_once_and_as_first_sent(sender, batches):
    # Not drawn: Hypothesis repeats what it draws, and the database remembers.
    prefix = uuid4().hex[:12]
    counts = sender(batches, prefix)
    first: dict[str, tuple[str, str]] = {}
    for batch, (accepted, duplicates) in zip(batches, counts, strict=True):
        before = len(first)
        for name, kind, track in batch:
            first.setdefault(f"{prefix}{name}", (kind, f"t{track}"))
        assert accepted == len(first) - before
        assert accepted + duplicates == len(batch)
    stored = {
        row["event_id"]: (row["kind"], row["track_id"])
        for row in sender.gateway.rows(EVENTS)
        if row["event_id"].startswith(prefix)
    }
    assert stored == first


# Without the database
