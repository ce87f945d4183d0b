"""Prompts read by a language model, a real HTTP server that speaks the protocol."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr
from quintet_prompts.model import SCHEMA

from tests.fakes.services import gateway
from tests.known_secrets import known

WISH = "gloomy tunes in the manner of Metalica for rainy days, none longer than 5 minutes"
FIELDS = ("words", "kind", "name", "artist", "attribute", "value", "min", "max")


def part(**fields: Any) -> dict[str, Any]:
    return {**dict.fromkeys(FIELDS), **fields}


PARTS = [
    part(words="gloomy", kind="prefer", attribute="valence", value=0.2),
    part(words="in the manner of Metalica", kind="like_artist", name="Metalica"),
    part(words="none longer than 5 minutes", kind="range", attribute="duration_ms", max=300_000),
]
ANSWER = json.dumps({"parts": PARTS})


class ModelServer:
    """Answers chat completions as a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.content = ANSWER
        self.status = 200
        self.raw: bytes | None = None
        self.wait = 0.0
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    model: ModelServer

    def do_POST(self) -> None:
        model = self.model
        body = self.rfile.read(int(self.headers["content-length"]))
        model.asked.append((self.path, dict(self.headers), json.loads(body)))
        time.sleep(model.wait)
        completion = {"choices": [{"message": {"role": "assistant", "content": model.content}}]}
        raw = json.dumps(completion).encode() if model.raw is None else model.raw
        self.send_response(model.status)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        try:
            self.wfile.write(raw)
        except ConnectionError:
            # The gateway closes the connection when its time is up.
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def home(embedded_home, tmp_path_factory):
    copy = tmp_path_factory.mktemp("model") / "home"
    shutil.copytree(embedded_home, copy, symlinks=True)
    return copy


async def test_a_model_fills_the_same_query_which_is_checked_and_shown_alike(home, model):
    import jsonschema  # reads a grammar, which takes a second

    jsonschema.validate(json.loads(ANSWER), SCHEMA)
    key = known("sk-local-0123456789abcdef")
    settings = {"prompt_model_url": model.url, "prompt_model_name": "small"}
    async with gateway(home, **settings, prompt_model_key=SecretStr(key)) as (client, _):
        answer = (await client.post("/api/v1/prompts", json={"text": WISH})).json()
        assert (answer["read_by"], answer["model_problem"]) == ("model", "")
        assert answer["query"]["targets"] == {"valence": 0.2}
        assert answer["query"]["filters"] == {"max_duration_ms": 300_000}
        (seed,) = [each for each in answer["parts"] if each["kind"] == "seed"]
        assert seed["correction"] == {"written": "Metalica", "used": "Metallica"}
        # Words that the model left out are listed; none is lost.
        assert [each["words"] for each in answer["not_understood"]] == ["for rainy days"]
        listed = await client.post("/api/v1/recommendations", json={**answer["query"], "limit": 3})
        assert listed.status_code == 200
        # The answer is kept, so that the ids of parts stay the same when one is removed.
        removed = {"text": WISH, "removed": [seed["id"]]}
        left = (await client.post("/api/v1/prompts", json=removed)).json()
        assert left["removed"] == [seed["id"]]
        assert left["query"]["seeds"][0].keys() == {"genre"}
    ((path, headers, body),) = model.asked
    assert path == "/v1/chat/completions"
    assert (
        headers["authorization" if "authorization" in headers else "Authorization"]
        == f"Bearer {key}"
    )
    assert body["model"] == "small"
    assert body["messages"][1] == {"role": "user", "content": WISH}
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"content": "I would play some jazz."}, "not JSON"),
    ({"content": json.dumps({"parts": [part(words="drums", kind="no_explicit")]})}, "words"),
    ({"content": json.dumps({"parts": [part(words="gloomy", kind="volume")]})}, "kind"),
    (
        {"content": json.dumps({"parts": [{**PARTS[0], "value": 7}]})},
        "out of range",
    ),
    ({"content": json.dumps({"parts": [{**PARTS[0], "sql": "x"}]})}, "other fields"),
    ({"status": 500}, "status 500"),
    ({"status": 302}, "status 302"),
    ({"raw": b"{}"}, "not a chat completion"),
    ({"raw": b"x" * 300_000}, "too large"),
    ({"wait": 1.0}, "in time"),
]


async def test_a_model_that_fails_is_named_and_the_parser_reads_the_text(home, model):
    settings = {"prompt_model_url": model.url, "prompt_model_seconds": 0.5}
    async with gateway(home, **settings) as (client, _):
        for changes, why in FAILURES:
            model.content, model.status, model.raw, model.wait = ANSWER, 200, None, 0.0
            for name, value in changes.items():
                setattr(model, name, value)
            answer = await client.post("/api/v1/prompts", json={"text": WISH})
            assert answer.status_code == 200
            read = answer.json()
            assert read["read_by"] == "parser", why
            assert why in read["model_problem"]
            assert read["query"]["seeds"]


async def test_without_a_model_nothing_leaves_the_gateway(home, model):
    async with gateway(home) as (client, _):
        answer = (await client.post("/api/v1/prompts", json={"text": WISH})).json()
    assert (answer["read_by"], answer["model_problem"]) == ("parser", "")
    assert model.asked == []


async def test_a_model_that_is_down_is_named(home):
    async with gateway(home, prompt_model_url="http://127.0.0.1:1/v1") as (client, _):
        answer = (await client.post("/api/v1/prompts", json={"text": WISH})).json()
    assert answer["read_by"] == "parser"
    assert "unreachable" in answer["model_problem"]
