"""The JSON of tracks: kept within bounds, of one catalogue at a time, filled beside requests."""

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet.search.v1 import search_pb2
from quintet_gateway.adapters.track_fragments import TrackFragments
from quintet_gateway.adapters.track_warmer import TrackWarmer
from quintet_servicekit.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotReady,
    Reason,
    ResourceExhausted,
)

MANY = 1 << 40
REAL_SLEEP = asyncio.sleep
DOWN = NotReady(Reason.UPSTREAM_UNAVAILABLE, "down")


class Search:
    """A search service with a catalogue that can be swapped, also between two calls."""

    def __init__(self, tracks=1000, version="cat-1"):
        self.tracks, self.version = tracks, version
        self.asked: list[list[str]] = []
        self.listed: list[int] = []
        self.swaps: list[str] = []
        self.fault: Exception | None = None

    def track(self, name):
        return search_pb2.Track(id=name, title=f"{name} in {self.version}")

    async def lookup(self, ids):
        self.asked.append(list(ids))
        if self.fault:
            raise self.fault
        if self.swaps:
            self.version = self.swaps.pop(0)
        known = {f"t{n}" for n in range(self.tracks)}
        results = [
            search_pb2.TrackResult(track_id=i, track=self.track(i) if i in known else None)
            for i in ids
        ]
        return [search_pb2.BatchGetTracksResponse(results=results, catalogue_version=self.version)]

    async def listing(self, request):
        self.listed.append(request.page_size)
        if self.fault:
            raise self.fault
        version, _, place = request.page_token.partition("/")
        if version and version != self.version:
            raise InvalidInput(Reason.PAGE_TOKEN_INVALID, "another catalogue")
        first = int(place or 0)
        last = min(self.tracks, first + request.page_size)
        return search_pb2.ListTracksResponse(
            tracks=[self.track(f"t{n}") for n in range(first, last)],
            next_page_token=f"{self.version}/{last}" if last < self.tracks else "",
            catalogue_version=self.version,
        )


def cache_of(search, most_bytes=MANY, most_tracks=MANY):
    return TrackFragments(search.lookup, most_bytes, most_tracks)


def titles(shown):
    return {name: orjson.loads(one)["title"] for name, one in shown.json.items()}


async def test_search_is_asked_only_for_what_is_not_kept():
    search = Search()
    cache = cache_of(search)
    first = await cache.get(["t1", "t2", "t1"])
    second = await cache.get(["t2", "t3", "t1"])
    third = await cache.get(["t3", "t1"])
    assert search.asked == [["t1", "t2"], ["t3"]]
    assert titles(second) == {f"t{n}": f"t{n} in cat-1" for n in (1, 2, 3)}
    assert (first.version, second.complete, len(third.json)) == ("cat-1", True, 2)


async def test_an_id_that_the_catalogue_lacks_is_asked_for_once():
    search = Search()
    cache = cache_of(search)
    for _ in range(2):
        shown = await cache.get(["t1", "gone"])
        assert (list(shown.json), shown.complete) == (["t1"], True)
    assert search.asked == [["t1", "gone"]]


@pytest.mark.parametrize(
    "fault", [DOWN, DeadlineExceeded(Reason.DEADLINE, "late"),
              ResourceExhausted(Reason.OVERLOADED, "full")],
)  # fmt: skip
async def test_without_search_what_is_kept_is_shown(fault):
    search = Search()
    cache = cache_of(search)
    await cache.get(["t1"])
    search.fault = fault
    whole, part = await cache.get(["t1"]), await cache.get(["t1", "t2"])
    assert (whole.complete, part.complete) == (True, False)
    assert list(part.json) == ["t1"]


async def test_a_request_that_search_rejects_is_an_error():
    search = Search()
    search.fault = InvalidInput(Reason.ID_COUNT, "too many")
    with pytest.raises(InvalidInput):
        await cache_of(search).get(["t1"])


async def test_old_and_new_tracks_are_never_shown_together():
    search = Search()
    cache = cache_of(search)
    await cache.get(["t1", "t2"])
    search.version = "cat-2"
    shown = await cache.get(["t1", "t2", "t3"])
    assert set(titles(shown).values()) == {f"t{n} in cat-2" for n in (1, 2, 3)}
    assert (shown.version, shown.complete) == ("cat-2", True)
    # Once more for all: the answer for the missing one was of the new catalogue.
    assert search.asked[1:] == [["t3"], ["t1", "t2"]]


async def test_a_catalogue_that_changes_with_every_call_gives_tracks_of_one_version():
    search = Search()
    cache = cache_of(search)
    await cache.get(["t1", "t2"])
    search.swaps = [f"cat-{n}" for n in range(2, 9)]
    shown = await cache.get(["t1", "t2", "t3"])
    assert not shown.complete
    assert len({title.partition(" in ")[2] for title in titles(shown).values()}) == 1


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    most_bytes=st.integers(1, 40_000),
    most_tracks=st.integers(1, 60),
)
async def test_the_bounds_hold_and_every_answer_is_whole(sizes, most_bytes, most_tracks):
    search = Search()
    cache = cache_of(search, most_bytes, most_tracks)
    for turn, size in enumerate(sizes):
        ids = [f"t{(turn * 7 + n) % 90}" for n in range(size)]
        shown = await cache.get(ids)
        assert set(shown.json) == set(ids)
        assert len(cache) <= most_tracks
        assert cache.size <= most_bytes


async def test_tracks_used_least_recently_are_dropped_first():
    search = Search()
    cache = cache_of(search, most_tracks=4)
    await cache.get(["t1", "t2", "t3", "t4"])
    await cache.get(["t1"])
    await cache.get(["t5"])
    await cache.get(["t1", "t3", "t4", "t5"])
    assert len(search.asked) == 2
    await cache.get(["t2"])
    assert search.asked[-1] == ["t2"]


async def test_nothing_is_kept_without_room_or_without_a_version():
    search = Search()
    cache = cache_of(search, most_bytes=0)
    unversioned = Search(version="")
    for each in (cache, cache_of(unversioned)):
        for _ in range(2):
            assert len((await each.get(["t1"])).json) == 1
        assert len(each) == 0
    assert len(search.asked) == len(unversioned.asked) == 2


@pytest.fixture
def no_pauses(monkeypatch):
    """Lets the warmer run page by page, and returns what it pauses for."""
    pauses: list[float] = []

    async def sleep(seconds):
        pauses.append(seconds)
        await REAL_SLEEP(0)

    monkeypatch.setattr("quintet_gateway.adapters.track_warmer.asyncio.sleep", sleep)
    return pauses


async def pages(warmer, count, pauses):
    """Runs a warmer for a number of pages."""
    begun = len(pauses)
    task = asyncio.create_task(warmer.run())
    while len(pauses) < begun + count:
        await REAL_SLEEP(0)
    task.cancel()


async def test_the_most_popular_tracks_are_kept_before_a_request_names_them(no_pauses):
    search = Search(tracks=450)
    cache = cache_of(search)
    await pages(TrackWarmer(cache, search.listing), 4, no_pauses)
    assert search.listed[:4] == [200, 200, 200, 1]
    assert len(cache) == 450
    await cache.get([f"t{n}" for n in range(450)])
    assert search.asked == []


async def test_filling_ends_where_a_page_has_no_room(no_pauses):
    search = Search(tracks=1000)
    cache = cache_of(search, most_tracks=500)
    await pages(TrackWarmer(cache, search.listing), 3, no_pauses)
    assert search.listed[:3] == [200, 200, 1]
    assert len(cache) == 400


async def test_a_new_catalogue_is_noticed_and_listed_without_a_request(no_pauses):
    search = Search(tracks=250)
    cache = cache_of(search)
    warmer = TrackWarmer(cache, search.listing)
    await pages(warmer, 3, no_pauses)
    search.version = "cat-2"
    await pages(warmer, 4, no_pauses)
    shown = await cache.get(["t0", "t249"])
    assert set(titles(shown).values()) == {"t0 in cat-2", "t249 in cat-2"}
    assert (len(cache), search.asked) == (250, [])


async def test_a_catalogue_that_changes_while_it_is_listed_is_listed_again(no_pauses):
    search = Search(tracks=450)
    cache = cache_of(search)
    warmer = TrackWarmer(cache, search.listing)
    await pages(warmer, 1, no_pauses)
    search.version = "cat-2"
    await pages(warmer, 4, no_pauses)
    assert (len(cache), (await cache.get(["t0"])).version) == (450, "cat-2")


async def test_filling_goes_on_after_search_was_down(no_pauses):
    search = Search(tracks=100)
    search.fault = DOWN
    cache = cache_of(search)
    warmer = TrackWarmer(cache, search.listing)
    await pages(warmer, 2, no_pauses)
    assert len(cache) == 0
    search.fault = None
    await pages(warmer, 1, no_pauses)
    assert len(cache) == 100
