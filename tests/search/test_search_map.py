"""The map of the catalogue: from the index, through search and the gateway."""

import asyncio

import grpc
import httpx
import pyarrow as pa
import pytest
import quintet_gateway.app
import quintet_gateway.settings
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_search.app import build
from quintet_search.domain import search
from quintet_search.settings import SearchSettings
from quintet_servicekit.status import error_of

Part = search_pb2.GetMapRequest


@pytest.fixture
async def stub(serving):
    async with serving() as channel:
        yield search_pb2_grpc.SearchServiceStub(channel)


def table_of(content):
    return pa.ipc.open_file(pa.BufferReader(content)).read_all()


async def test_every_track_is_a_point_of_the_map(stub, made_tracks):
    answer = await stub.GetMap(Part())
    table = table_of(answer.content)
    assert answer.version.startswith("cat-")
    assert answer.total_size == len(answer.content)
    assert table.column("track_id").to_pylist() == [track[0] for track in made_tracks]
    assert table.column("title").to_pylist() == [track[1] for track in made_tracks]
    assert table.column("artist").to_pylist() == [track[2][0] for track in made_tracks]
    assert table.column("genre").to_pylist() == [(track[5] or [""])[0] for track in made_tracks]
    assert (table.schema.field("x").type, table.schema.field("y").type) == (pa.float32(),) * 2


async def test_parts_put_together_are_the_map(stub, monkeypatch):
    whole = await stub.GetMap(Part())
    monkeypatch.setattr(search, "MAP_PART", 1000)
    content = b""
    while len(content) < whole.total_size:
        part = await stub.GetMap(Part(offset=len(content)))
        assert 0 < len(part.content) <= 1000
        content += part.content
    assert content == whole.content
    assert (await stub.GetMap(Part(offset=whole.total_size))).content == b""


async def test_what_the_caller_has_is_not_sent_again(stub):
    version = (await stub.GetMap(Part())).version
    again = await stub.GetMap(Part(known_version=version))
    assert (again.version, again.content) == (version, b"")
    assert (await stub.GetMap(Part(known_version="cat-old"))).content


@pytest.mark.parametrize("offset", [-1, 10**9])
async def test_a_part_outside_the_map_is_refused(stub, offset):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetMap(Part(offset=offset))
    error = error_of(caught.value)
    assert error is not None
    assert error.field == "offset"


@pytest.fixture
async def web(home, tmp_path):
    """A gateway in front of a real search service, and that service."""
    service = build(SearchSettings(home=home, port=0, follow_seconds=0.02))
    await service.start()
    await asyncio.wait_for(service.ready.wait(), 90)
    app = quintet_gateway.app.build(
        quintet_gateway.settings.GatewaySettings(
            home=tmp_path / "gateway", search_address=f"127.0.0.1:{service.port}"
        )
    )
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost"
            ) as client,
        ):
            yield client, service
    finally:
        await service.stop()


async def test_the_gateway_gives_the_map_once_for_each_version(
    web, publish_catalogue, home, made_tracks, monkeypatch
):
    monkeypatch.setattr(search, "MAP_PART", 1500)
    client, _ = web
    first = await client.get("/api/v1/map")
    assert first.headers["content-type"] == "application/vnd.apache.arrow.file"
    assert len(table_of(first.content)) == len(made_tracks)
    etag = first.headers["etag"]
    again = await client.get("/api/v1/map", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    publish_catalogue(home, made_tracks[:5])
    newer = again
    async with asyncio.timeout(20):
        while newer.status_code == 304:
            await asyncio.sleep(0.02)  # between looks at what another task takes up
            newer = await client.get("/api/v1/map", headers={"If-None-Match": etag})
    assert len(table_of(newer.content)) == 5
    assert newer.headers["etag"] != etag


async def test_without_search_there_is_no_map_but_a_reason(web):
    client, service = web
    await service.stop()
    answer = await client.get("/api/v1/map")
    assert answer.status_code == 503
    assert answer.json()["error"]["details"][0]["reason"] == "UPSTREAM_UNAVAILABLE"
