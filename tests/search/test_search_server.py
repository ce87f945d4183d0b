"""The real search service on port 0, over a real snapshot, through a real channel."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_modelkit.identity import album_id, artist_id
from quintet_search.app import NAME
from quintet_servicekit.errors import InvalidInput, NotReady, Reason
from quintet_servicekit.status import error_of

Search = search_pb2.SearchTracksRequest
# Sent by a client of a later contract.
UNKNOWN_SOURCE: Any = 9


@pytest.fixture
async def stub(serving):
    async with serving() as channel:
        yield search_pb2_grpc.SearchServiceStub(channel)


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = error_of(caught.value)
    assert error is not None
    return error


async def test_a_match_carries_the_whole_track(stub):
    answer = await stub.SearchTracks(Search(query="beyonse"))
    match = answer.matches[0]
    track = match.track
    assert (track.id, track.title, track.album) == ("t01", "Halo", "I Am... Sasha Fierce")
    assert [(a.id, a.name) for a in track.artists] == [(artist_id("Beyoncé"), "Beyoncé")]
    assert track.album_id == album_id("Beyoncé", "I Am... Sasha Fierce")
    assert (track.release_date, track.duration_ms, track.popularity) == ("2008", 200_000, 85)
    assert (track.explicit, list(track.genres)) == (False, ["pop", "r-n-b"])
    assert (track.provenance, track.licence) == ("made", "CC0")
    assert track.cover_url
    assert track.preview_url
    assert match.recommendable
    assert match.source == search_pb2.SOURCE_CATALOGUE == answer.source
    assert answer.catalogue_version.startswith("cat-")
    assert not answer.degraded


async def test_ids_keep_their_order_and_repetitions_and_unknown_ones_are_marked(stub):
    ids = ["t09", "nope", "t02", "t09"]
    answer = await stub.BatchGetTracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
    assert [result.track_id for result in answer.results] == ids
    assert [result.HasField("track") for result in answer.results] == [True, False, True, True]
    assert answer.results[0].track == answer.results[3].track
    assert answer.results[2].track.isrc == "GBUM71029604"


async def test_a_track_is_looked_up_and_searched_by_any_of_its_ids(stub):
    uuid = "0A1B2C3D-0A1B-0A1B-0A1B-0A1B2C3D4E5F"
    address = f"https://musicbrainz.org/recording/{uuid}"
    ids = ["gb-um7-10-29604", uuid, address, "source:home:42", "source:home:43"]
    answer = await stub.BatchGetTracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
    assert [result.track_id for result in answer.results] == ids
    assert [result.track.id for result in answer.results] == ["t02"] * 4 + [""]
    for query in ids[:4]:
        (match,) = (await stub.SearchTracks(Search(query=query))).matches
        assert match.track.id == "t02"


async def test_all_tracks_are_listed_most_popular_first(stub):
    tracks, token = [], ""
    while True:
        page = await stub.ListTracks(search_pb2.ListTracksRequest(page_size=4, page_token=token))
        tracks += page.tracks
        if not (token := page.next_page_token):
            break
    everything = await stub.ListTracks(search_pb2.ListTracksRequest())
    assert tracks == list(everything.tracks)
    assert len({track.id for track in tracks}) == 15
    popularity = [track.popularity for track in tracks]
    assert popularity == sorted(popularity, reverse=True)
    looked_up = await stub.BatchGetTracks(
        search_pb2.BatchGetTracksRequest(track_ids=[track.id for track in tracks])
    )
    assert [result.track for result in looked_up.results] == tracks
    assert looked_up.catalogue_version == everything.catalogue_version == page.catalogue_version
    assert everything.catalogue_version.startswith("cat-")


@pytest.mark.parametrize(("count", "valid"), [(0, False), (1, True), (500, True), (501, False)])
async def test_how_many_tracks_may_be_asked_for(stub, count, valid):
    call = stub.BatchGetTracks(search_pb2.BatchGetTracksRequest(track_ids=["t01"] * count))
    if valid:
        assert len((await call).results) == count
    else:
        error = await refusal(call)
        assert (error.reason, error.field) == (Reason.ID_COUNT, "track_ids")


async def test_artists_are_found_and_looked_up(stub):
    found = await stub.SearchArtists(search_pb2.SearchArtistsRequest(query="que"))
    assert [artist.name for artist in found.artists] == ["Queen"]
    ids = [found.artists[0].id, "nope"]
    answer = await stub.BatchGetArtists(search_pb2.BatchGetArtistsRequest(artist_ids=ids))
    assert answer.results[0].artist == found.artists[0]
    assert not answer.results[1].HasField("artist")
    error = await refusal(
        stub.BatchGetArtists(search_pb2.BatchGetArtistsRequest(artist_ids=["x"] * 51))
    )
    assert (error.reason, error.field) == (Reason.ID_COUNT, "artist_ids")


async def test_genres_are_listed_in_pages(stub):
    names, token = [], ""
    while True:
        page = await stub.ListGenres(search_pb2.ListGenresRequest(page_size=4, page_token=token))
        names += [genre.name for genre in page.genres]
        if not (token := page.next_page_token):
            break
    assert names == sorted(names)
    assert len(names) == 8
    everything = await stub.ListGenres(search_pb2.ListGenresRequest())
    assert [genre.name for genre in everything.genres] == names


async def test_pages_follow_each_other_by_token_or_by_skip(stub):
    first = await stub.SearchTracks(Search(page_size=4))
    second = await stub.SearchTracks(Search(page_size=4, page_token=first.next_page_token))
    skipped = await stub.SearchTracks(Search(page_size=4, skip=4))
    assert [m.track.id for m in second.matches] == [m.track.id for m in skipped.matches]
    assert len({m.track.id for m in [*first.matches, *second.matches]}) == 8
    assert first.total_size == 15
    beyond = await stub.SearchTracks(Search(skip=1000))
    assert (len(beyond.matches), beyond.next_page_token) == (0, "")


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (Search(query="x" * 257), Reason.QUERY_LENGTH, "query"),
        (Search(page_size=-1), Reason.PAGE_SIZE_RANGE, "page_size"),
        (Search(skip=1001), Reason.PAGE_SIZE_RANGE, "skip"),
        (Search(page_token="made up"), Reason.PAGE_TOKEN_INVALID, "page_token"),
        (Search(source=search_pb2.SOURCE_SPOTIFY), Reason.SOURCE_UNAVAILABLE, "source"),
        (Search(source=search_pb2.SOURCE_BOTH), Reason.SOURCE_UNAVAILABLE, "source"),
        (Search(source=UNKNOWN_SOURCE), Reason.SOURCE_UNAVAILABLE, "source"),
    ],
)
async def test_a_bad_request_names_the_field(stub, request_, reason, field):
    error = await refusal(stub.SearchTracks(request_))
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.field) == (reason, field)


async def test_a_token_of_another_query_is_refused(stub):
    first = await stub.SearchTracks(Search(query="genre:rock", page_size=1))
    error = await refusal(
        stub.SearchTracks(Search(query="genre:pop", page_token=first.next_page_token))
    )
    assert error.reason is Reason.PAGE_TOKEN_INVALID


async def test_health_turns_serving_once_a_catalogue_is_there(
    serving, home, made_tracks, publish_catalogue
):
    current = home / "catalogue" / "current"
    current.unlink()
    async with serving(wait=False) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        stub = search_pb2_grpc.SearchServiceStub(channel)
        check = health_pb2.HealthCheckRequest(service=NAME)
        states = health_pb2.HealthCheckResponse
        assert (await health.Check(check)).status == states.NOT_SERVING
        assert isinstance(await refusal(stub.SearchTracks(Search())), NotReady)
        publish_catalogue(home, made_tracks)
        async with asyncio.timeout(20):
            async for answer in health.Watch(check):
                if answer.status == states.SERVING:
                    break
        assert (await stub.SearchTracks(Search(query="queen"))).matches


async def test_reflection_lists_the_service(serving):
    async with serving() as channel:
        make: Any = reflection_pb2_grpc.ServerReflectionStub
        stub = make(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in stub.ServerReflectionInfo(iter([asked])):
            names = [service.name for service in answer.list_services_response.service]
            assert NAME in names
            break


async def test_a_new_catalogue_is_taken_up_without_a_failed_request(
    stub, home, made_tracks, publish_catalogue
):
    before = await stub.SearchTracks(Search(query="zebra"))
    assert not before.matches
    first = await stub.SearchTracks(Search(page_size=2))
    more = [*made_tracks, ("t99", "Zebra", ["Beach House"], "Teen Dream", "2010", ["indie"], 66)]
    version = publish_catalogue(home, more)
    async with asyncio.timeout(20):
        while True:
            answer = await stub.SearchTracks(Search(query="zebra"))
            if answer.catalogue_version == version:
                break
    assert [match.track.id for match in answer.matches] == ["t99"]
    error = await refusal(stub.SearchTracks(Search(page_token=first.next_page_token, page_size=2)))
    assert error.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUINTET_SEARCH_PORT", "many"),
        ("QUINTET_SEARCH_THREADS", "0"),
        ("QUINTET_SEARCH_SPOTIFY_API_URL", "spotify"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(name, value, tmp_path):
    environment = {**os.environ, name: value, "QUINTET_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "quintet_search"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}: ")
    assert done.stderr.count("\n") == 1
