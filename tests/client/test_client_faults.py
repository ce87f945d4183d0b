"""The published client, sync and async, against a server that does what the script says."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from quintet_client import (
    AnswerInvalid,
    AnswerLost,
    AsyncQuintet,
    ConnectionFailed,
    Event,
    Quintet,
    Retries,
    TimedOut,
    calls,
    errors,
)
from quintet_client.retries import Budget
from quintet_command.ports import free_ports

GENRES = {"genres": [{"name": "rock", "track_count": 2}], "next_page_token": ""}
RECORDED = {"accepted": 1, "duplicates": 0}
FEATURES = {
    "id": "a", "duration_ms": 1000, "key": 0, "loudness": -5.0, "mode": 1, "tempo": 120.0,
    "time_signature": 4, "acousticness": 0.1, "danceability": 0.2, "energy": 0.3,
    "instrumentalness": 0.4, "liveness": 0.5, "speechiness": 0.6, "valence": 0.7,
}  # fmt: skip
TOKEN = {"access_token": "t1", "token_type": "Bearer", "expires_in": 3600}
QUICK = Retries(attempts=3, first_wait=0.001, most_wait=0.01)
EVENT = Event(recommendation_id="r", track_id="t", kind="like")


def refusal(code: int, reason: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    metadata = {"field": "seeds", "request_id": "of-the-gateway"}
    detail = {"reason": reason, "domain": "quintet", "metadata": metadata}
    body = {"error": {"code": code, "status": "X", "message": "No.", "details": [detail]}}
    return code, body, {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Script:
    """Replies in turn, the last one again and again; and what was asked."""

    url: str = ""
    replies: list[Any] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def says(self, *replies: Any) -> None:
        self.replies = list(replies)

    def next(self) -> Any:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.seen.append((self.command, self.path, headers, content))
            reply = script.next()
            if reply == "hang":
                script.release.wait(60)
            if reply in ("hang", "cut"):
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            status, body, more = reply if isinstance(reply, tuple) else (200, reply, {})
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    script.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def blocking(url: str, **options: Any) -> Iterator[Callable[..., Any]]:
    with Quintet(url, **options) as client:
        yield lambda name, *given, **named: getattr(client, name)(*given, **named)


@contextmanager
def asynchronous(url: str, **options: Any) -> Iterator[Callable[..., Any]]:
    with asyncio.Runner() as runner:

        async def opened() -> AsyncQuintet:
            return AsyncQuintet(url, **options)

        client = runner.run(opened())

        async def called(name: str, *given: Any, **named: Any) -> Any:
            answer = getattr(client, name)(*given, **named)
            return await answer if hasattr(answer, "__await__") else [each async for each in answer]

        yield lambda name, *given, **named: runner.run(called(name, *given, **named))
        runner.run(client.aclose())


@pytest.fixture(params=[blocking, asynchronous], ids=["sync", "async"])
def opened(request, script) -> Iterator[Callable[..., Callable[..., Any]]]:
    """Makes a client of the script's server; closed at the end."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def open_client(url: str = "", **options: Any) -> Callable[..., Any]:
            settings = {"retries": QUICK, "timeout": 10.0, **options}
            return stack.enter_context(request.param(url or script.url, **settings))

        yield open_client


def test_a_refused_call_comes_again_and_keeps_its_request_id(script, opened):
    script.says(refusal(503, "NOT_READY"), refusal(429, "OVERLOADED"), GENRES)
    assert opened()("genres").items[0].name == "rock"
    ids = [headers["x-request-id"] for _, _, headers, _ in script.seen]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_retry_after_is_waited_out(script, opened):
    script.says(refusal(429, "RATE_LIMITED", Retry_After="0.3"), GENRES)
    loop = asyncio.new_event_loop()
    began = loop.time()
    opened()("genres")
    assert loop.time() - began >= 0.3
    loop.close()


def test_a_wait_beyond_the_time_allowed_is_not_begun(script, opened):
    script.says(refusal(429, "RATE_LIMITED", Retry_After="60"))
    with pytest.raises(errors.RateLimited) as caught:
        opened()("genres")
    assert caught.value.retry_after == 60
    assert len(script.seen) == 1


def test_attempts_are_bounded_and_the_last_error_is_raised(script, opened):
    script.says(refusal(503, "UPSTREAM_UNAVAILABLE"))
    with pytest.raises(errors.UpstreamUnavailable, match=r"No\."):
        opened()("genres")
    assert len(script.seen) == 3


def test_an_error_says_reason_field_and_request(script, opened):
    script.says(refusal(404, "SEED_UNKNOWN", X_Request_Id="abc"))
    with pytest.raises(errors.SeedUnknown) as caught:
        opened()("recommend", ["nope"])
    assert (caught.value.code, caught.value.reason) == (404, "SEED_UNKNOWN")
    assert (caught.value.field, caught.value.request_id) == ("seeds", "abc")
    assert "abc" in str(caught.value)
    assert len(script.seen) == 1


def test_a_reason_that_is_newer_than_the_client_raises_the_status(script, opened):
    script.says(refusal(409, "SOMETHING_NEW"))
    with pytest.raises(errors.Conflict) as caught:
        opened()("genres")
    assert caught.value.reason == "SOMETHING_NEW"


def test_feedback_whose_answer_was_lost_is_sent_again_with_the_same_ids(script, opened):
    script.says("cut", RECORDED)
    assert opened()("feedback", [EVENT]).accepted == 1
    (first, second) = [json.loads(content)["events"] for *_, content in script.seen]
    assert first == second
    assert first[0]["event_id"] == EVENT.event_id


def test_a_recommendation_whose_answer_was_lost_is_not_asked_twice(script, opened):
    script.says("cut")
    with pytest.raises(AnswerLost):
        opened()("recommend", ["t1"])
    assert len(script.seen) == 1


def test_feedback_goes_in_batches_and_is_summed(script, opened):
    script.says({"accepted": 500, "duplicates": 0}, {"accepted": 1, "duplicates": 1})
    recorded = opened()("feedback", [EVENT] * 502)
    assert (recorded.accepted, recorded.duplicates) == (501, 1)
    assert [len(json.loads(content)["events"]) for *_, content in script.seen] == [500, 2]


def test_a_call_ends_when_its_time_is_over(script, opened):
    script.says("hang")
    with pytest.raises(TimedOut, match=r"0\.2 s"):
        opened(timeout=0.2)("genres")


def test_nobody_there_is_said_with_the_address(opened):
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1"):
        opened(url)("genres")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"genres": 1}', b"\xff"])
def test_what_is_no_answer_of_the_api_is_said_so(script, opened, body):
    script.says((200, body, {}))
    with pytest.raises(AnswerInvalid, match="/api/v1/genres"):
        opened()("genres")


def test_an_error_of_something_else_on_the_way_is_told_by_its_status(script, opened):
    script.says((503, b"<html>busy</html>", {}))
    with pytest.raises(errors.Unavailable, match="503"):
        opened(retries=Retries(attempts=1))("genres")


def test_an_unknown_field_of_a_newer_gateway_does_not_harm(script, opened):
    script.says({**GENRES, "mood": "blue"})
    assert opened()("genres").genres[0].track_count == 2


def test_pages_follow_each_other(script, opened):
    more = {"genres": [{"name": "jazz", "track_count": 1}], "next_page_token": "n"}
    script.says(more, GENRES)
    assert [genre.name for genre in opened()("genres_all", limit=1)] == ["jazz", "rock"]
    assert [path.partition("?")[2] for _, path, *_ in script.seen] == [
        "limit=1",
        "limit=1&page_token=n",
    ]


def test_a_token_is_fetched_once_and_again_when_it_is_refused(script, opened):
    renewed = {**TOKEN, "access_token": "t2"}
    script.says(TOKEN, GENRES, GENRES, refusal(401, "TOKEN_INVALID"), renewed, GENRES)
    client = opened(client_id="me", client_secret="hush")
    for _ in range(3):
        client("genres")
    asked = [(path, headers.get("authorization")) for _, path, headers, _ in script.seen]
    assert asked == [
        ("/api/token", None),
        ("/api/v1/genres", "Bearer t1"),
        ("/api/v1/genres", "Bearer t1"),
        ("/api/v1/genres", "Bearer t1"),
        ("/api/token", None),
        ("/api/v1/genres", "Bearer t2"),
    ]


def test_a_refused_token_is_renewed_even_where_nothing_is_tried_again(script, opened):
    renewed = {**TOKEN, "access_token": "t2"}
    script.says(TOKEN, refusal(401, "TOKEN_INVALID"), renewed, refusal(401, "TOKEN_INVALID"))
    client = opened(client_id="me", client_secret="hush", retries=Retries(attempts=1))
    with pytest.raises(errors.TokenInvalid):
        client("genres")
    assert [headers.get("authorization") for _, _, headers, _ in script.seen] == [
        *(None, "Bearer t1", None, "Bearer t2")
    ]


def test_a_given_token_is_not_replaced(script, opened):
    script.says(refusal(401, "TOKEN_INVALID"))
    with pytest.raises(errors.TokenInvalid):
        opened(token="abc")("genres")
    assert [headers["authorization"] for _, _, headers, _ in script.seen] == ["Bearer abc"]


def test_a_call_can_answer_with_the_json_as_it_was_sent(script, opened):
    script.says({**GENRES, "mood": "blue"})
    assert opened()("call", calls.genres().as_json()) == {**GENRES, "mood": "blue"}
    script.says((200, b"<html>", {}))
    with pytest.raises(AnswerInvalid):
        opened()("call", calls.genres().as_json())


def test_features_of_unknown_tracks_are_left_out(script, opened):
    script.says({"audio_features": [{**FEATURES, "uri": "quintet:track:a"}, None]})
    found = opened()("audio_features", ["a", "b"])
    assert {name: each.tempo for name, each in found.items()} == {"a": 120.0}
    assert script.seen[0][1] == "/v1/audio-features?ids=a%2Cb"


def test_metrics_come_as_text(script, opened):
    script.says((200, b"quintet_up 1\n", {}))
    assert opened()("metrics") == "quintet_up 1\n"


def test_filters_in_a_mapping_are_left_to_the_gateway(script, opened):
    script.says(refusal(400, "FILTER_RANGE"))
    with pytest.raises(errors.FilterRange):
        opened()("recommend", ["t1"], filters={"min_mood": 1})
    assert json.loads(script.seen[0][3])["filters"] == {"min_mood": 1}


def test_refused_credentials_are_not_tried_again(script, opened):
    script.says((400, {"error": "invalid_client", "error_description": "Invalid client"}, {}))
    with pytest.raises(errors.CredentialsRefused, match="Invalid client"):
        opened(client_id="me", client_secret="wrong")("genres")
    assert len(script.seen) == 1


def test_an_id_cannot_leave_its_path(script, opened):
    script.says(refusal(404, "ID_UNKNOWN"))
    for name in ("../../metrics", "..", "a/b?c#d"):
        with pytest.raises(errors.IdUnknown):
            opened()("track", name)
    assert all(path.startswith("/api/v1/tracks/") for _, path, *_ in script.seen)
    assert all(path.count("/") == 4 and "?" not in path for _, path, *_ in script.seen)


def test_a_client_in_trouble_stops_coming_back():
    budget = Budget(tokens=10)
    allowed = [budget.allows_another() for _ in range(8)]
    assert allowed == [True] * 4 + [False] * 4
    for _ in range(60):
        budget.succeeded()
    assert budget.allows_another()


def test_settings_that_do_not_go_together_are_refused():
    for options in ({"client_id": "a"}, {"token": "t", "client_id": "a", "client_secret": "b"}):
        with pytest.raises(ValueError, match=r"together|not both"):
            Quintet(**options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="above 0"):
        Quintet(timeout=0)
