"""A listener's memory in their lists: over HTTP, from real events, and without the service."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_memory.adapters import StoredMemories
from quintet_memory.servicer import MemoryServicer
from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_store.reopening import Database

from tests.fakes.feedback import Running, Upstream, detail_of, event, running, sqlite_url

LISTS = "/api/v1/recommendations"


class Remembering(Upstream):
    """A ranker that keeps to the filters, and the memory service's own methods."""

    def __init__(self) -> None:
        super().__init__()
        self.servicer: Any = None
        self.asked: list[Any] = []

    async def recommend(self, request: Any) -> Any:
        # A copy: what is liked is cleared once the list is made.
        self.asked.append(ranker_pb2.RecommendTracksRequest.FromString(request.SerializeToString()))
        found = await super().recommend(request)
        left = [t for t in found.tracks if t.track_id not in request.filters.excluded_track_ids]
        del found.tracks[:]
        found.tracks.extend(left)
        for rank, track in enumerate(found.tracks, 1):
            track.rank = rank
            track.heard = track.track_id in request.heard_track_ids
        return found

    async def exclusions(self, request: Any) -> Any:
        return await self._memory().GetExclusions(request, None)

    async def preferences(self, request: Any) -> Any:
        return await self._memory().GetPreferences(request, None)

    def _memory(self) -> Any:
        if self.servicer is None:
            raise NotReady(Reason.UPSTREAM_UNAVAILABLE, "down")
        return self.servicer


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    url = sqlite_url(tmp_path)
    upstream = Remembering()
    memories, threads = StoredMemories(Database(url), 10, 60), BoundedThreadPool(1, "test", 8)
    async with running(tmp_path / "home", url, upstream=upstream) as started:
        upstream.servicer = MemoryServicer(memories, threads)
        yield started
    await threads.close()
    memories.close()


async def listed(gateway: Running, **body: Any) -> list[str]:
    asked = {"seeds": ["s1"], "limit": 5, "listener": "ann", **body}
    answer = await gateway.client.post(LISTS, json=asked)
    assert answer.status_code == 200, answer.text
    tracks = answer.json()["tracks"]
    assert [track["rank"] for track in tracks] == list(range(1, len(tracks) + 1))
    return [track["track"]["id"] for track in tracks]


async def act(gateway: Running, *acts: tuple[str, str]) -> None:
    given = await gateway.recommend("ann", limit=9)
    for number, (track, kind) in enumerate(acts):
        sent = event(given, number, track_id=track, kind=kind, event_id=f"{given[:8]}-{number}")
        assert (await gateway.send(sent)).status_code == 200


def later() -> str:
    """The next second: memories count in whole seconds."""
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat()


async def test_what_was_heard_is_left_out_moved_down_or_allowed(gateway: Running) -> None:
    everything = await listed(gateway)
    await act(gateway, ("t1", "play"), ("t3", "skip"), ("t4", "like"))
    assert await listed(gateway) == ["t2", "t4", "t5"]
    assert await listed(gateway, heard="less") == ["t2", "t4", "t5", "t1", "t3"]
    assert await listed(gateway, heard="allow") == everything
    assert await listed(gateway, listener="bob") == everything


async def test_a_listen_before_the_window_counts_no_longer(gateway: Running) -> None:
    given = await gateway.recommend("ann", limit=9)
    old = event(given, 1, kind="play", occurred_at="2026-01-01T00:00:00Z")
    assert (await gateway.send(old)).status_code == 200
    assert "t1" in await listed(gateway)
    assert "t1" not in await listed(gateway, heard_days=3650)


async def test_dislikes_and_banned_artists_never_return(gateway: Running) -> None:
    await act(gateway, ("t1", "dislike"), ("t2", "like"), ("t2", "dislike"), ("t3", "dislike"))
    body = {"listener": "ann", "artist_id": "x"}
    await gateway.client.put("/api/v1/feedback/banned-artists", json=body)
    for heard in ("exclude", "less", "allow"):
        assert await listed(gateway, heard=heard) == ["t4", "t5"]
        assert gateway.upstream.asked[-1].filters.excluded_artist_ids == ["x"]
    # A listener changes their mind.
    given = await gateway.recommend("bob", limit=9)
    again = event(given, 9, track_id="t3", listener="ann", occurred_at=later())
    assert (await gateway.send(again)).status_code == 200
    assert await listed(gateway, heard="allow") == ["t3", "t4", "t5"]


async def test_what_is_liked_reaches_the_ranker_and_is_not_recorded(gateway: Running) -> None:
    await act(gateway, ("t1", "play"), ("t3", "skip"), ("t4", "like"), ("t5", "dislike"))
    recorded: list[Any] = []
    gateway.app.state.recorder._on_recorded = recorded.append
    await listed(gateway)
    liked = gateway.upstream.asked[-1].preferences
    columns = zip(liked.track_ids, liked.plays, liked.skips, liked.opinions, strict=True)
    rounded = {name: tuple(round(each, 2) for each in values) for name, *values in columns}
    assert rounded == {"t1": (1, 0, 0), "t3": (0, 1, 0), "t4": (0, 0, 1), "t5": (0, 0, -1)}
    assert all(0 <= days < 1 for days in liked.days)
    (kept,) = recorded
    assert not kept.request.HasField("preferences")
    await listed(gateway, listener="bob")
    assert not gateway.upstream.asked[-1].HasField("preferences")


async def test_a_listener_without_a_memory_asks_for_todays_list(gateway: Running) -> None:
    await listed(gateway, listener=None)
    await listed(gateway, listener="new", heard="less")
    first, second = gateway.upstream.asked[-2:]
    assert first == second


async def test_the_next_list_is_as_if_an_undone_signal_had_never_been_given(
    gateway: Running,
) -> None:
    given = await gateway.recommend("ann", limit=9)
    everything = await listed(gateway)
    for number, kind in enumerate(("play", "skip", "dislike")):
        sent = event(given, number, kind=kind)
        assert (await gateway.send(sent)).status_code == 200
        assert "t1" not in await listed(gateway)
        await gateway.client.delete(f"/api/v1/feedback/e{number}")
        assert await listed(gateway) == everything
    assert not gateway.upstream.asked[-1].known_track_ids


async def test_what_the_listener_heard_or_judged_is_known_to_the_ranker(gateway: Running) -> None:
    await act(gateway, ("t1", "play"), ("t3", "skip"), ("t4", "like"))
    await listed(gateway, discovery=0.3)
    asked = gateway.upstream.asked[-1]
    assert (set(asked.known_track_ids), asked.discovery) == ({"t1", "t3", "t4"}, 0.3)
    await listed(gateway)
    assert gateway.upstream.asked[-1].discovery == DEFAULT_DISCOVERY
    refused = await gateway.client.post(LISTS, json={"seeds": ["s1"], "discovery": 1.2})
    assert refused.json()["error"]["message"] == "discovery must be 0 to 1; got 1.2"


async def test_a_deleted_listener_gets_todays_list_again(gateway: Running) -> None:
    everything = await listed(gateway)
    await act(gateway, ("t1", "dislike"))
    assert await listed(gateway) != everything
    await gateway.client.delete("/api/v1/listeners/ann")
    assert await listed(gateway) == everything


async def test_without_the_memory_service_lists_are_made_and_say_so(gateway: Running) -> None:
    gateway.upstream.servicer = None
    for listener, degraded in (("ann", ["memory"]), (None, [])):
        body = {"seeds": ["s1"], "limit": 2, "listener": listener}
        answer = (await gateway.client.post(LISTS, json=body)).json()
        assert (len(answer["tracks"]), answer["degraded"]) == (2, degraded)


async def test_the_web_api_takes_the_same_options(gateway: Running) -> None:
    await act(gateway, ("t1", "play"))

    async def ids(**query: Any) -> list[str]:
        answer = await gateway.client.get(
            "/v1/recommendations",
            params={"seed_tracks": "4" * 22, "limit": 2, **query},
            headers={"Quintet-Listener": "ann"},
        )
        assert answer.status_code == 200, answer.text
        return [track["id"] for track in answer.json()["tracks"]]

    assert "t1" not in await ids()
    assert (await ids(heard="allow"))[0] == "t1"


@pytest.mark.parametrize(
    ("options", "field"),
    [({"heard": "never"}, "heard"), ({"heard_days": 0}, "heard_days"),
     ({"heard_days": 3651}, "heard_days")],
)  # fmt: skip
async def test_a_wrong_option_is_named(gateway: Running, options, field) -> None:
    answer = await gateway.client.post(LISTS, json={"seeds": ["s1"], **options})
    assert detail_of(answer)[0::2] == (400, field)
