"""Bodies that are read at once mean the same as those that FastAPI reads, or are left to it."""

import json
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_gateway.app.errors import Renderers, install_errors
from quintet_gateway.routes.direct import direct_route
from quintet_gateway.schemas.recommendation_request import BODY_EXAMPLES, RecommendationsBody

JSON = {"content-type": "application/json"}
# Text of a JSON body in which only some parsers see JSON, or not the same value.
ODD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"seeds": ["a"], "seeds": ["b"]}',
    b'{"seeds": ["a"], "limit": NaN}',
    b'{"seeds": ["a"], "limit": 1e400}',
    b'{"seeds": ["a"], "limit": 99999999999999999999}',
    b'{"seeds": ["a"], "weights": {"energy": Infinity}}',
    b'{"seeds": ["a"], "weights": {"energy": 1e-400}}',
    b'{"seeds": ["\\ud800"]}',
    b'{"seeds": ["\\ud83d\\ude00"]}',
    b'{"seeds": ["\xff"]}',
    '{"seeds": ["a"]}'.encode("utf-16"),
    b'\xef\xbb\xbf{"seeds": ["a"]}',
    b"[" * 3_000 + b"]" * 3_000,
]


def written(body: RecommendationsBody) -> Response:
    return Response(body.ranker_request().SerializeToString(deterministic=True))


def app_with(router: APIRouter) -> FastAPI:
    @router.post("/lists")
    async def lists(body: RecommendationsBody) -> Response:
        return written(body)

    app = FastAPI()
    app.include_router(router)
    install_errors(app, Renderers({}))
    return app


async def at_once(_request: Request, body: RecommendationsBody) -> Response:
    return written(body)


DIRECT = app_with(APIRouter(route_class=direct_route(RecommendationsBody, at_once)))
PLAIN = app_with(APIRouter())


async def answers(body: bytes, headers: dict[str, str]) -> list[tuple[int, bytes]]:
    found = []
    for app in (DIRECT, PLAIN):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.post("/lists", content=body, headers=headers)
            found.append((answer.status_code, answer.content))
    return found


@pytest.mark.parametrize("body", ODD)
async def test_odd_bodies_are_answered_as_by_fastapi(body: bytes) -> None:
    direct, plain = await answers(body, JSON)
    assert direct == plain


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "Application/JSON"},
        {"content-type": "application/problem+json"},
    ],
)
async def test_the_type_of_the_content_counts_as_for_fastapi(headers: dict[str, str]) -> None:
    direct, plain = await answers(b'{"seeds": ["a"]}', headers)
    assert direct == plain


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, [], {}, "", 0, -1, 1.5, 38.0, 10**30]),
    st.floats(),
    st.lists(st.sampled_from(["a", "", 5, {}, {"genre": "b", "weight": 2}]), max_size=7),
    st.dictionaries(st.sampled_from(["energy", "min_tempo", "genres", "x"]), st.floats(-1, 300)),
)
FIELDS = st.sampled_from([*RecommendationsBody.model_fields, "unknown"])
BODIES = st.sampled_from([example["value"] for example in BODY_EXAMPLES.values()])


@settings(max_examples=50)
@given(BODIES, st.dictionaries(FIELDS, VALUES, max_size=2))
async def test_any_body_is_answered_as_by_fastapi(example: dict, changes: dict) -> None:
    direct, plain = await answers(json.dumps({**example, **changes}).encode(), JSON)
    assert direct == plain


async def test_a_usual_body_does_not_pass_fastapis_own_reading() -> None:
    async def marked(_request: Request, _body: RecommendationsBody) -> Response:
        return Response(b"at once")

    app = app_with(APIRouter(route_class=direct_route(RecommendationsBody, marked)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.post("/lists", json={"seeds": ["a"]})
    assert answer.content == b"at once"
