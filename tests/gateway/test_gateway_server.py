"""The gateway over real gRPC servers on port 0, with fake domains behind them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_explain import Fact, Kind, Reference, ReferenceKind
from quintet_gateway.app import build
from quintet_gateway.schemas.catalogue import (
    ArtistsResponse,
    GenresResponse,
    LegacyTrack,
    ModelResponse,
    SearchResponse,
    Track,
)
from quintet_gateway.schemas.errors import ErrorResponse
from quintet_gateway.schemas.recommendation_response import (
    LegacyRankedResponse,
    RecommendationsResponse,
)
from quintet_gateway.settings import GatewaySettings
from quintet_servicekit.errors import AppError, InvalidInput, NotFound, Reason
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.server import Endpoint, Service

from tests.fakes.reasons import reasons_of
from tests.oracle.reasons.reasons_json import reasons_json

RECOMMENDATIONS = "/api/v1/recommendations"
JSON = {"content-type": "application/json"}
KNOWN = {f"t{number}" for number in range(600)}
VERSIONS = ranker_pb2.Versions(model_version="m", index_version="i", catalogue_version="c")


def track(name: str) -> search_pb2.Track:
    artist = search_pb2.ArtistReference(id="a1", name="Ann")
    return search_pb2.Track(id=name, title=f"Song {name}", artists=[artist], popularity=7)


@dataclass
class Behind:
    """What the fakes were asked and how they misbehave."""

    requests: list[Any] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    fault: Exception | None = None
    profile_hangs: bool = False
    ranker_hangs: bool = False
    catalogue: str = "c"
    lists: bool = False

    def hear(self, request: Any) -> None:
        self.requests.append(request)
        self.request_ids.append(REQUEST_ID.get())
        if self.fault is not None:
            raise self.fault

    def last(self, kind: type) -> Any:
        return next(r for r in reversed(self.requests) if isinstance(r, kind))


class FakeSearch(search_pb2_grpc.SearchServiceServicer):
    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def SearchTracks(self, request, _context):
        self._behind.hear(request)
        match = search_pb2.TrackMatch(
            track=track("t1"), score=2.5, recommendable=True, source=search_pb2.SOURCE_CATALOGUE
        )
        return search_pb2.SearchTracksResponse(
            matches=[match], next_page_token="n", total_size=9, catalogue_version="c"
        )

    async def BatchGetTracks(self, request, _context):
        self._behind.hear(request)
        assert len(request.track_ids) <= 500
        results = [
            search_pb2.TrackResult(track_id=name, track=track(name) if name in KNOWN else None)
            for name in request.track_ids
        ]
        return search_pb2.BatchGetTracksResponse(
            results=results, catalogue_version=self._behind.catalogue
        )

    async def ListTracks(self, request, _context):
        tracks = [track(name) for name in sorted(KNOWN)] if self._behind.lists else []
        return search_pb2.ListTracksResponse(
            tracks=tracks[: request.page_size], catalogue_version=self._behind.catalogue
        )

    async def SearchArtists(self, request, _context):
        self._behind.hear(request)
        return search_pb2.SearchArtistsResponse(
            artists=[search_pb2.Artist(id="a1", name="Ann", track_count=3)], total_size=1
        )

    async def BatchGetArtists(self, request, _context):
        raise NotImplementedError

    async def GetMap(self, request, _context):
        raise NotImplementedError

    async def ResolveNames(self, request, _context):
        raise NotImplementedError

    async def ListGenres(self, request, _context):
        self._behind.hear(request)
        return search_pb2.ListGenresResponse(genres=[search_pb2.Genre(name="rock", track_count=2)])


class FakeProfile(profile_pb2_grpc.ProfileServiceServicer):
    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def BuildProfile(self, request, _context):
        if self._behind.profile_hangs:
            await asyncio.Event().wait()
        self._behind.hear(request)
        energy = profile_pb2.AttributeStatistic(
            attribute=profile_pb2.ATTRIBUTE_ENERGY, mean=0.5, spread=0.1
        )
        return profile_pb2.BuildProfileResponse(
            profile=profile_pb2.Profile(statistics=[energy], standardiser_version="std-1")
        )

    async def BatchGetAudioFeatures(self, request, _context):
        raise NotImplementedError


T0 = Reference(0, ReferenceKind.TRACK, "t0", "Song t0", "A")
REASONS = reasons_of(
    "By A, whose “Song t0” you picked.",
    [
        Fact(
            Kind.SAME_ARTIST, Reference(0, ReferenceKind.TRACK, "t0", "Song t0", "A"), 0.5, name="A"
        )
    ],
    closest_seed="t0",
    contributions=1,
)


(WRITTEN,) = reasons_json([REASONS])


class FakeRanker(ranker_pb2_grpc.RankerServiceServicer):
    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def RecommendTracks(self, request, _context):
        if self._behind.ranker_hangs:
            await asyncio.Event().wait()
        self._behind.hear(request)
        tracks = [
            ranker_pb2.RankedTrack(
                track_id=f"t{n}",
                rank=n,
                score=-n,
                reasons_json=b"" if request.omit_reasons else WRITTEN,
            )
            for n in range(1, request.limit + 1)
        ]
        return ranker_pb2.RecommendTracksResponse(
            tracks=tracks, versions=VERSIONS, pool=ranker_pb2.PoolSizes(initial=600)
        )

    async def GetModel(self, request, _context):
        self._behind.hear(request)
        return ranker_pb2.GetModelResponse(versions=VERSIONS, kind="bootstrap")

    async def ListModels(self, request, _context):
        raise NotImplementedError

    async def HoldChallenger(self, request, _context):
        self._behind.hear(request)
        return ranker_pb2.HoldChallengerResponse(held=True)


def services_of(behind: Behind) -> dict[str, Service]:
    parts: dict[str, tuple[Any, Any, str]] = {
        "search": (
            search_pb2_grpc.add_SearchServiceServicer_to_server,
            FakeSearch(behind),
            "quintet.search.v1.SearchService",
        ),
        "profile": (
            profile_pb2_grpc.add_ProfileServiceServicer_to_server,
            FakeProfile(behind),
            "quintet.profile.v1.ProfileService",
        ),
        "ranker": (
            ranker_pb2_grpc.add_RankerServiceServicer_to_server,
            FakeRanker(behind),
            "quintet.ranker.v1.RankerService",
        ),
    }

    def service(add: Any, servicer: Any, name: str) -> Service:
        return Service(name, lambda server: add(servicer, server), Endpoint(grace=0.1))

    return {name: service(*part) for name, part in parts.items()}


@dataclass
class Running:
    client: httpx.AsyncClient
    behind: Behind
    services: dict[str, Service]


@contextlib.asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncIterator[Running]:
    behind = Behind()
    services = services_of(behind)
    for service in services.values():
        await service.start()
        await asyncio.wait_for(service.ready.wait(), 90)
    addresses: dict[str, Any] = {f"{n}_address": f"127.0.0.1:{s.port}" for n, s in services.items()}
    app = build(GatewaySettings(home=home, **{**addresses, "budget_seconds": 10, **settings}))
    transport = httpx.ASGITransport(app)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            yield Running(client, behind, services)
    finally:
        for service in services.values():
            await service.stop()


@pytest.fixture
async def gateway(tmp_path) -> AsyncIterator[Running]:
    async with running(tmp_path) as started:
        yield started


def detail_of(response: httpx.Response) -> tuple[int, str, str]:
    """Returns status, reason and field of an answer that must have the one shape of errors."""
    error = ErrorResponse.model_validate(response.json()).error
    assert error.code == response.status_code
    (detail,) = error.details
    assert detail.metadata["request_id"] == response.headers["x-request-id"]
    return response.status_code, detail.reason, detail.metadata.get("field", "")


async def test_five_seeds_bring_a_ranked_explained_list(gateway):
    body = {"seeds": ["t10", "t11", {"artist_id": "a1"}, {"genre": "rock", "weight": 2}, "t12"]}
    response = await gateway.client.post(RECOMMENDATIONS, json=body)
    answer = RecommendationsResponse.model_validate(response.json())
    assert response.status_code == 200
    assert [each.rank for each in answer.tracks] == list(range(1, 51))
    assert answer.tracks[0].track.title == "Song t1"
    assert answer.tracks[0].reasons is not None
    assert answer.tracks[0].reasons.closest_seed.title == "Song t0"
    fact = answer.tracks[0].reasons.facts[0]
    assert (fact.kind, fact.name, fact.weight) == ("same_artist", "A", 0.5)
    assert fact.reference is not None
    assert (fact.reference.seed, fact.reference.name) == (0, "Song t0")
    assert answer.profile["energy"].mean == 0.5
    assert answer.degraded == []
    assert answer.versions.model == "m"
    assert [seed.weight for seed in answer.seeds] == [1, 1, 1, 2, 1]


async def test_five_hundred_tracks_are_looked_up_in_parts(gateway):
    body = {"seeds": [f"t{n}" for n in range(501, 506)], "limit": 500, "reasons": False}
    answer = (await gateway.client.post(RECOMMENDATIONS, json=body)).json()
    assert all(item["track"]["title"] for item in answer["tracks"])
    assert all(seed["track"]["title"] for seed in answer["seeds"])
    assert answer["tracks"][0]["reasons"] is None


async def test_without_profile_the_answer_says_so_and_is_counted(gateway):
    def degraded() -> float:
        return REGISTRY.get_sample_value("quintet_degraded_total", {"part": "profile"}) or 0.0

    before = degraded()
    await gateway.services["profile"].stop()
    response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["t1"]})
    assert (response.status_code, response.json()["degraded"]) == (200, ["profile"])
    assert degraded() == before + 1


async def test_a_profile_that_hangs_leaves_time_for_the_ranker(tmp_path):
    async with running(tmp_path, budget_seconds=0.8) as gateway:
        gateway.behind.profile_hangs = True
        response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["t1"]})
    assert (response.status_code, response.json()["degraded"]) == (200, ["profile"])


async def test_without_search_ids_are_still_recommended(gateway):
    await gateway.services["search"].stop()
    response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["t1"], "limit": 2})
    answer = RecommendationsResponse.model_validate(response.json())
    assert answer.degraded == ["search"]
    assert [(item.track.id, item.track.title) for item in answer.tracks] == [("t1", ""), ("t2", "")]


async def test_without_ranker_the_caller_is_told_when_to_come_again(gateway):
    await gateway.services["ranker"].stop()
    response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["t1"]})
    assert detail_of(response)[:2] == (503, "UPSTREAM_UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
    assert "127.0.0.1" not in response.text


async def test_a_ranker_that_hangs_is_given_up_within_the_budget(tmp_path):
    async with running(tmp_path, budget_seconds=0.3) as gateway:
        gateway.behind.ranker_hangs = True
        response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["t1"]})
    assert detail_of(response)[:2] == (504, "DEADLINE")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (NotFound(Reason.SEED_UNKNOWN, "no x", field="seeds"), (404, "SEED_UNKNOWN", "seeds")),
        (InvalidInput(Reason.LIMIT_RANGE, "no", field="limit"), (400, "LIMIT_RANGE", "limit")),
    ],
)
async def test_what_a_service_refuses_reaches_the_caller(gateway, fault: AppError, expected):
    gateway.behind.fault = fault
    assert detail_of(await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["x"]})) == expected


async def test_a_fault_behind_tells_nothing_of_itself(gateway):
    gateway.behind.fault = RuntimeError("secret /etc/path")
    response = await gateway.client.post(RECOMMENDATIONS, json={"seeds": ["x"]})
    assert detail_of(response)[:2] == (500, "INTERNAL")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"seeds": []}', (400, "SEED_COUNT", "seeds")),
        (json.dumps({"seeds": ["a"] * 6}).encode(), (400, "SEED_COUNT", "seeds")),
        (b'{"seeds":["a"],"weights":{"energy":NaN}}', (400, "WEIGHT_RANGE", "weights.energy")),
        (b'{"seeds":["a"],"limit":0}', (400, "LIMIT_RANGE", "limit")),
        (b'{"seeds":["a"],"limit":501}', (400, "LIMIT_RANGE", "limit")),
        (
            b'{"seeds":["a"],"filters":{"min_energy":0.9,"max_energy":0.1}}',
            (400, "FILTER_RANGE", "filters.min_energy"),
        ),
        (b'{"seeds":["a"],"lmit":5}', (400, "REQUEST_MALFORMED", "lmit")),
        (b"{", (400, "REQUEST_MALFORMED", "body")),
        (b"\xff\xfe", (400, "REQUEST_MALFORMED", "body")),
        (b"[" * 100_000, (400, "REQUEST_MALFORMED", "")),
        (b"", (400, "REQUEST_MALFORMED", "body")),
        (b"x" * 10_000_000, (413, "REQUEST_TOO_LARGE", "body")),
    ],
    ids=[
        "no seed",
        "six seeds",
        "NaN weight",
        "limit 0",
        "limit 501",
        "min above max",
        "unknown field",
        "broken JSON",
        "not UTF-8",
        "deep nesting",
        "empty",
        "10 MB",
    ],
)
async def test_bad_bodies_name_reason_and_field(gateway, content, expected):
    response = await gateway.client.post(RECOMMENDATIONS, content=content, headers=JSON)
    assert detail_of(response) == expected
    assert gateway.behind.requests == []


async def test_a_large_body_without_a_length_is_stopped_while_it_comes(gateway):
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 100_000

    response = await gateway.client.post(RECOMMENDATIONS, content=pieces(), headers=JSON)
    assert detail_of(response) == (413, "REQUEST_TOO_LARGE", "body")
    assert sent < 20


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/search?q=a&limit=0", (400, "LIMIT_RANGE", "limit")),
        ("/api/v1/search?q=a&limit=51", (400, "LIMIT_RANGE", "limit")),
        (f"/api/v1/search?q={'a' * 257}", (400, "QUERY_LENGTH", "q")),
        ("/api/v1/search?source=tape", (400, "REQUEST_MALFORMED", "source")),
        ("/search", (400, "QUERY_LENGTH", "query")),
        ("/api/v1/tracks/nope", (404, "ID_UNKNOWN", "id")),
        ("/nope", (404, "ROUTE_UNKNOWN", "")),
        ("/api/v1/nope", (404, "ROUTE_UNKNOWN", "")),
        (RECOMMENDATIONS, (405, "METHOD_UNSUPPORTED", "")),
    ],
)
async def test_bad_addresses_name_reason_and_field(gateway, path, expected):
    assert detail_of(await gateway.client.get(path)) == expected


async def test_a_wrong_method_says_which_are_right(gateway):
    response = await gateway.client.get(RECOMMENDATIONS)
    assert response.headers["allow"] == "POST"


async def test_a_wrong_method_says_all_methods_that_the_document_has_for_the_path(gateway):
    document = (await gateway.client.get("/openapi.json")).json()
    several = 0
    for path, operations in document["paths"].items():
        documented = {method.upper() for method in operations}
        response = await gateway.client.request("TRACE", path.replace("{id}", "t1"))
        assert response.status_code == 405, path
        allowed = {each.strip() for each in response.headers["allow"].split(",")}
        assert documented <= allowed <= {*documented, "HEAD", "OPTIONS"}, path
        several += len(documented) > 1
    assert several >= 2


async def test_search_passes_everything_on(gateway):
    address = "/api/v1/search?q=hotel&limit=7&page_token=p&source=both"
    response = await gateway.client.get(address)
    answer = SearchResponse.model_validate(response.json())
    assert (answer.tracks[0].track.title, answer.next_page_token, answer.total) == (
        "Song t1",
        "n",
        9,
    )
    sent = gateway.behind.last(search_pb2.SearchTracksRequest)
    assert sent == search_pb2.SearchTracksRequest(
        query="hotel", page_size=7, page_token="p", source=search_pb2.SOURCE_BOTH
    )


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/tracks/t5", Track),
        ("/api/v1/artists?q=ann", ArtistsResponse),
        ("/api/v1/genres", GenresResponse),
        ("/api/v1/model", ModelResponse),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_answers_have_the_documented_shape(gateway, path, shape, slash):
    base, _, query = path.partition("?")
    response = await gateway.client.get(f"{base}{slash}?{query}")
    assert response.status_code == 200
    shape.model_validate(response.json())


async def test_head_is_answered_where_get_is(gateway):
    got = await gateway.client.get("/api/v1/genres")
    head = await gateway.client.head("/api/v1/genres")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_the_original_search_gives_a_plain_list(gateway):
    (found,) = (await gateway.client.get("/search?query=hotel")).json()
    assert LegacyTrack.model_validate(found).track_name == "Song t1"


async def test_the_original_ranking_takes_ids_and_gives_tracks(gateway):
    body = {"track_ids": ["t1", "t2"], "limit": 3}
    response = await gateway.client.post("/recommend_ranked", json=body)
    answer = LegacyRankedResponse.model_validate(response.json())
    assert [each.track_id for each in answer.recommendations] == ["t1", "t2", "t3"]
    assert gateway.behind.last(ranker_pb2.RecommendTracksRequest).omit_reasons


async def test_ready_only_while_all_three_serve(gateway):
    ready = await gateway.client.get("/readyz")
    assert (ready.status_code, ready.json()["not_ready"]) == (200, [])
    await gateway.services["ranker"].stop()
    response = await gateway.client.get("/readyz")
    assert (response.status_code, response.json()["not_ready"]) == (503, ["ranker"])
    assert (await gateway.client.get("/healthz")).status_code == 200


async def test_a_request_id_goes_through_all_hops(gateway):
    with structlog.testing.capture_logs() as lines:
        response = await gateway.client.post(
            RECOMMENDATIONS, json={"seeds": ["t1"]}, headers={"x-request-id": "mine-1"}
        )
    assert response.headers["x-request-id"] == response.json()["request_id"] == "mine-1"
    # The gateway's own looks at the ranker, which have ids of their own, may come between.
    assert gateway.behind.request_ids.count("mine-1") == 3
    (line,) = [each for each in lines if each["event"] == "http"]
    assert (line["route"], line["status"]) == (RECOMMENDATIONS, 200)
    assert line["ms"] > 0


@pytest.mark.parametrize("offered", ["a b", "x" * 129, "a\tb", '"'])
async def test_an_unsafe_request_id_is_replaced(gateway, offered):
    response = await gateway.client.get("/healthz", headers={"x-request-id": offered})
    assert response.headers["x-request-id"] != offered
    assert len(response.headers["x-request-id"]) == 32


async def test_a_preflight_is_answered(gateway):
    headers = {
        "origin": "http://localhost:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    response = await gateway.client.options(RECOMMENDATIONS, headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_metrics_are_labelled_by_template_and_not_by_id(gateway):
    await gateway.client.get("/api/v1/tracks/t7")
    await gateway.client.get("/some/unknown/path")
    text = (await gateway.client.get("/metrics")).text
    assert 'route="/api/v1/tracks/{id}"' in text
    assert 'route="unmatched"' in text
    assert "t7" not in text


async def test_every_route_of_ours_is_documented_with_its_errors(gateway):
    document = (await gateway.client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        if not path.startswith(("/api/v1", "/search", "/recommend_ranked")):
            continue
        for operation in methods.values():
            answers = operation["responses"]
            assert "422" not in answers or "400" in answers
            for code in {"400", "401", "404", "413", "429", "500", "503", "504"} & set(answers):
                example = answers[code]["content"]["application/json"]["example"]
                assert ErrorResponse.model_validate(example).error.code == int(code)
    body = document["paths"][RECOMMENDATIONS]["post"]["requestBody"]
    assert len(body["content"]["application/json"]["examples"]) == 2


async def test_the_page_needs_no_network(gateway):
    page = await gateway.client.get("/docs")
    assert "https://cdn" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{name}" in page.text
        assert (await gateway.client.get(f"/docs/assets/{name}")).status_code == 200
