"""What a request costs beside the engine, in ranker and gateway, counted for `make bench-guard`."""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, cast

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_engine.engine import Engine
from quintet_engine.query import Query
from quintet_gateway.adapters import UpstreamClients
from quintet_gateway.app import build
from quintet_gateway.domain import ShownTracks
from quintet_gateway.schemas.catalogue import bare_track
from quintet_gateway.settings import GatewaySettings
from quintet_ranker.adapters import RegisteredModels
from quintet_ranker.domain import Recommender
from quintet_ranker.servicer import RankerServicer
from quintet_servicekit.logs import configure_logs

PATH = "/api/v1/recommendations"
Asked = Sequence[ranker_pb2.RecommendTracksRequest]


def counted(engine: Engine, queries: Sequence[Query]) -> dict[str, int]:
    """Count the calls and bytes of warm requests: medians over some queries.

    Returns:
        `ranker_calls`: From the request's message to the answer's, the engine included.
        `message_bytes`: Of the ranker's answer.
        `gateway_calls`: From the body to the answer's bytes, calls of services apart.
        `answer_bytes`: Of the gateway's answer.
    """
    asked = [_request_of(query) for query in queries]
    with contextlib.ExitStack() as stack:
        # A log line is part of a request's cost, and none of them is of interest here.
        quiet = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stderr(quiet))
        configure_logs("bench-guard")
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return asyncio.run(_counted(engine, asked, home))


async def _counted(engine: Engine, asked: Asked, home: Path) -> dict[str, int]:
    servicer = _servicer(engine)

    async def rank(request: ranker_pb2.RecommendTracksRequest) -> tuple[int, bytes]:
        return await _calls_of(_written(servicer.RecommendTracks(request, None)))

    for request in asked:  # warms up
        await rank(request)
    ranked = [await rank(request) for request in asked]
    answers = {
        request.seeds[0].track_id: answer
        for request, (_, answer) in zip(asked, ranked, strict=True)
    }
    services = cast(UpstreamClients, _Recorded(answers))
    app = build(GatewaySettings(home=home, auth="off"), services)
    bodies = [
        json.dumps({"seeds": [seed.track_id for seed in request.seeds]}).encode()
        for request in asked
    ]
    for body in bodies:
        await _asked(app, body)
    shown = [await _calls_of(_asked(app, body)) for body in bodies]
    return {
        "ranker_calls": int(statistics.median(calls for calls, _ in ranked)),
        "message_bytes": int(statistics.median(len(answer) for _, answer in ranked)),
        "gateway_calls": int(statistics.median(calls for calls, _ in shown)),
        "answer_bytes": int(statistics.median(len(answer) for _, answer in shown)),
    }


def _request_of(query: Query) -> ranker_pb2.RecommendTracksRequest:
    seeds = [profile_pb2.Seed(track_id=seed.name, weight=seed.weight) for seed in query.seeds]
    return ranker_pb2.RecommendTracksRequest(
        seeds=seeds, limit=query.limit, max_per_artist=3, include_features=True, language="en"
    )


def _servicer(engine: Engine) -> RankerServicer:
    """Make the ranker's methods, which rank on the calling thread here."""

    async def at_once(work: Callable[[], Any]) -> Any:
        return work()

    source: Any = SimpleNamespace(value=engine, registry_unavailable=False)
    recommender = Recommender(source, at_once, at_once)
    return RankerServicer(source, recommender, RegisteredModels(None))


class _Recorded:
    """Upstream services that answer at once: what the ranker answered, and bare tracks."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        # Written beforehand, as the gateway's cache of tracks has them.
        ranked = map(ranker_pb2.RecommendTracksResponse.FromString, answers.values())
        ids = [track.track_id for ranking in ranked for track in ranking.tracks]
        self._tracks = ShownTracks("guard", {name: bare_track(name) for name in [*answers, *ids]})

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        return ranker_pb2.RecommendTracksResponse.FromString(
            self._answers[request.seeds[0].track_id]
        )

    async def build_profile(
        self, _request: profile_pb2.BuildProfileRequest
    ) -> profile_pb2.BuildProfileResponse:
        statistics_ = [
            profile_pb2.AttributeStatistic(
                attribute=profile_pb2.Attribute.ValueType(number), mean=0.5, spread=0.25, known=1.0
            )
            for number in profile_pb2.Attribute.values()
            if number
        ]
        return profile_pb2.BuildProfileResponse(profile=profile_pb2.Profile(statistics=statistics_))

    async def shown_tracks(self, _ids: Sequence[str]) -> ShownTracks:
        return self._tracks


async def _written(answer: Awaitable[Any]) -> bytes:
    message: bytes = (await answer).SerializeToString()
    return message


async def _asked(app: Any, body: bytes) -> bytes:
    """Send one request to the application, and return the body of its answer.

    Raises:
        RuntimeError: The answer is not 200.
    """
    answer = bytearray()
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        answer.extend(message.get("body", b""))

    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"},
        **{"path": PATH, "raw_path": PATH.encode(), "root_path": "", "query_string": b""},
        **{"scheme": "http", "headers": headers, "client": ("127.0.0.1", 1), "state": {}},
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"the gateway answered {status}: {bytes(answer[:300])!r}")
    return bytes(answer)


async def _calls_of(work: Coroutine[Any, Any, bytes]) -> tuple[int, bytes]:
    """Count the calls of a coroutine that waits for nothing, without those of the event loop."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        answer = await work
    finally:
        sys.setprofile(None)
    return count, answer
