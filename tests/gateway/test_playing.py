"""Radio and paths over HTTP: a gateway over the real services, and the published client."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from quintet_client import AsyncQuintet, RadioEvent
from quintet_client.errors import ApiError
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes import services
from tests.fakes.catalogue import publish_catalogue

RADIO, PATH = "/api/v1/radio", "/api/v1/path"
COUNT = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    publish_catalogue(home, COUNT)
    publish_model(home, parameters=BootstrapParameters(groups=20, rounds=8))
    return home


# One stack of services for the module: starting one takes as long as all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with services.gateway(home) as (client, _):
        yield client


async def answer(gateway: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    got = await gateway.post(path, json=body)
    assert got.status_code == 200, got.text
    found: dict[str, Any] = got.json()
    assert got.headers["Quintet-Recommendation-Id"] == found["recommendation_id"]
    return found


async def rejected(gateway: httpx.AsyncClient, path: str, **body: Any) -> tuple[int, str, str]:
    got = await gateway.post(path, json=body)
    error = got.json()["error"]
    detail = error["details"][0]
    return got.status_code, detail["reason"], detail["metadata"].get("field", "")


def ids(found: dict[str, Any]) -> list[str]:
    return [each["track"]["id"] for each in found["tracks"]]


async def test_a_session_follows_its_listener_across_gateways_that_start_again(home: Path) -> None:
    async with services.gateway(home) as (client, _):
        first = await answer(client, RADIO, seeds=["t001"], limit=10)
    assert [each["position"] for each in first["tracks"]] == list(range(1, 11))
    assert first["tracks"][0]["transition"] is None
    step = first["tracks"][1]["transition"]
    assert step["sentence"].endswith(".")
    assert {fact["kind"] for fact in step["facts"]} <= {"tempo", "key", "energy", "artist", "genre"}
    assert first["seeds"][0]["track"]["title"] == "Song 1"
    events = [
        {"track_id": ids(first)[0], "action": "like"},
        {"track_id": ids(first)[1], "action": "skip"},
        {"track_id": ids(first)[2], "action": "finish"},
    ]
    # Every service has stopped and started again in between.
    async with services.gateway(home) as (client, _):
        second = await answer(client, RADIO, cursor=first["cursor"], events=events, limit=10)
        again = await answer(client, RADIO, cursor=first["cursor"], events=events, limit=10)
    assert ids(second) == ids(again)
    assert not set(ids(first)) & set(ids(second))
    assert [each["position"] for each in second["tracks"]] == list(range(11, 21))
    assert {each["origin"] for each in second["seeds"]} == {"start", "liked", "finished"}
    assert second["avoided"] == [ids(first)[1]]
    assert second["degraded"] == []


async def test_a_small_catalogue_runs_dry_and_says_so(gateway: httpx.AsyncClient) -> None:
    found = await answer(gateway, RADIO, seeds=["t001"], limit=100, reasons=False)
    heard = ids(found)
    while not found["exhausted"]:
        found = await answer(gateway, RADIO, cursor=found["cursor"], limit=100, reasons=False)
        heard += ids(found)
    assert len(heard) == len(set(heard)) == COUNT - 1
    assert (found["remaining"], found["played"]) == (0, COUNT - 1)
    after = await answer(gateway, RADIO, cursor=found["cursor"], limit=100)
    assert (after["tracks"], after["exhausted"]) == ([], True)


async def test_a_path_over_http_has_its_ends_and_sentences_in_both_languages(
    gateway: httpx.AsyncClient,
) -> None:
    found = await answer(gateway, PATH, start="t001", end="t090", length=7)
    assert (ids(found)[0], ids(found)[-1], len(set(ids(found)))) == ("t001", "t090", 7)
    assert found["greatest_step"] == max(e["transition"]["distance"] for e in found["tracks"][1:])
    korean = await answer(gateway, PATH, start="t001", end="t090", length=7, language="ko")
    assert ids(korean) == ids(found)
    sentences = [each["transition"]["sentence"] for each in korean["tracks"][1:]]
    assert all(any("가" <= letter <= "힣" for letter in text) for text in sentences)


async def test_what_the_listener_does_not_want_is_neither_played_nor_on_a_path(
    gateway: httpx.AsyncClient,
) -> None:
    who = "playing-1"
    first = await answer(gateway, RADIO, seeds=["t001"], limit=5, listener=who)
    path = await answer(gateway, PATH, start="t001", end="t090", length=5, listener=who)
    disliked, heard = ids(first)[0], ids(path)[2]
    sent = [
        (first["recommendation_id"], disliked, "dislike"),
        (path["recommendation_id"], heard, "play"),
    ]
    events = [
        {"event_id": f"{who}-{n}", "recommendation_id": given, "track_id": track, "kind": kind}
        for n, (given, track, kind) in enumerate(sent)
    ]
    # Both batches are recorded, so feedback may name them.
    stored = await gateway.post("/api/v1/feedback", json={"events": events})
    assert stored.status_code == 200, stored.text
    everything = await answer(gateway, RADIO, seeds=["t001"], limit=100, listener=who)
    assert disliked not in ids(everything)
    assert heard not in ids(everything)
    options = {"limit": 100, "listener": who, "heard": "less"}
    later = await answer(gateway, RADIO, seeds=["t001"], artist_gap=0, **options)
    assert heard not in ids(later)
    rest = await answer(gateway, RADIO, cursor=later["cursor"], **options)
    assert (ids(rest)[-1], rest["exhausted"]) == (heard, True)
    assert later["discovery"] is None
    assert not any(track["known"] for track in later["tracks"])
    dialled = await answer(gateway, RADIO, seeds=["t001"], limit=20, listener=who, discovery=0.5)
    known = [track["known"] for track in dialled["tracks"]]
    made = dialled["discovery"]
    assert (made["value"], made["known"], made["from_memory"]) == (0.5, sum(known), True)
    assert all(sum(known[:n]) <= n / 2 for n in range(1, 21))
    without = await answer(gateway, PATH, start="t001", end="t090", length=5, listener=who)
    assert heard not in ids(without)
    allowed = await answer(
        gateway, PATH, start="t001", end="t090", length=5, listener=who, heard="allow"
    )
    assert heard in ids(allowed)


WRONG: list[tuple[str, dict[str, Any], tuple[int, str, str]]] = [
    (RADIO, {}, (400, "SEED_COUNT", "seeds")),
    (RADIO, {"seeds": ["t001"], "discovery": 1.5}, (400, "DISCOVERY_RANGE", "discovery")),
    (PATH, {"start": "t001", "end": "t090", "heard": "less"}, (400, "REQUEST_MALFORMED", "heard")),
    (RADIO, {"seeds": ["t001"], "cursor": "x"}, (400, "REQUEST_MALFORMED", "seeds")),
    (RADIO, {"cursor": "x", "artist_gap": 3}, (400, "REQUEST_MALFORMED", "artist_gap")),
    (RADIO, {"cursor": "x"}, (400, "CURSOR_INVALID", "cursor")),
    (RADIO, {"cursor": ""}, (400, "CURSOR_INVALID", "cursor")),
    (RADIO, {"seeds": ["nope"]}, (404, "SEED_UNKNOWN", "seeds")),
    (RADIO, {"seeds": ["t001"], "limit": 101}, (400, "LIMIT_RANGE", "limit")),
    (
        RADIO,
        {"seeds": ["t001"], "events": [{"track_id": "t002", "action": "like"}]},
        (404, "TRACK_UNKNOWN", "events[0].track_id"),
    ),
    (PATH, {"start": "t001", "end": "t001"}, (400, "PATH_ENDS", "end")),
    (PATH, {"start": "t001", "end": "nope"}, (404, "TRACK_UNKNOWN", "end")),
    (PATH, {"start": "t001", "end": "t002", "length": 51}, (400, "LIMIT_RANGE", "length")),
    (
        PATH,
        {"start": "t001", "end": "t002", "filters": {"genres": ["polka"]}},
        (404, "PATH_NOT_FOUND", "filters"),
    ),
]


async def test_each_wrong_request_names_its_field(gateway: httpx.AsyncClient) -> None:
    for path, body, expected in WRONG:
        assert await rejected(gateway, path, **body) == expected, body


async def test_a_cursor_of_another_installation_or_an_altered_one_is_rejected(
    gateway: httpx.AsyncClient,
) -> None:
    cursor = (await answer(gateway, RADIO, seeds=["t001"]))["cursor"]
    half = len(cursor) // 2
    other = "A" if cursor[half] != "A" else "B"
    for altered in (cursor[:-4], cursor[:half] + other + cursor[half + 1 :], cursor + "AAAA"):
        found = await rejected(gateway, RADIO, cursor=altered)
        assert found == (400, "CURSOR_INVALID", "cursor")


async def test_the_published_client_plays_and_finds_paths(gateway: httpx.AsyncClient) -> None:
    transport = gateway._transport
    async with AsyncQuintet("http://localhost", transport=transport, timeout=60) as quintet:
        first = await quintet.radio(["t001"], limit=5)
        liked = RadioEvent(track_id=first.tracks[0].track.id, action="like")
        second = await quintet.radio(cursor=first.cursor, events=[liked], limit=5)
        assert {seed.origin for seed in second.seeds} == {"start", "liked"}
        path = await quintet.path("t001", "t090", length=5)
        assert [each.position for each in path.tracks] == [1, 2, 3, 4, 5]
        with pytest.raises(ApiError, match="end must be another recording") as caught:
            await quintet.path("t001", "t001")
        assert caught.value.reason == "PATH_ENDS"
