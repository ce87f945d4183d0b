"""Asking a server: what is patient, what is denied, and what a person reads."""

import ipaddress
import json
import logging
import socket

import pytest
from quintet_access.media_servers import is_allowed
from quintet_library import http
from quintet_library.http import Limits, ServerClient
from quintet_library.records import SourceFailed

from tests.fakes.web_server import Answer, web_server

NAME = "the Subsonic server"


@pytest.fixture
def waits() -> list[float]:
    return []


def client_of(address: str, waits: list[float], **limits) -> ServerClient:
    return ServerClient(address, NAME, Limits(wait=waits.append, **{"seconds": 5.0, **limits}))


def failure_of(answer: Answer, waits: list[float]) -> str:
    with web_server(lambda _: answer) as web:
        client = client_of(web.address, waits)
        with pytest.raises(SourceFailed) as failed:
            client.get("rest/ping", {"t": "token-in-the-query"})
        client.close()
    assert "\n" not in str(failed.value)
    assert "token-in-the-query" not in str(failed.value)
    return str(failed.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"<html>Sign in</html>"), "answered a web page instead of JSON"),
        (Answer({}, 401), "denied the user, password or key"),
        (Answer({}, 404), "answered HTTP 404"),
        (Answer([1]), "answered no JSON object"),
        (Answer(b"{", headers={"content-type": "application/json"}), "answered no JSON"),
        (Answer(json.loads("[" * 70 + "]" * 70)), "64 levels"),
        (Answer({}, 302, {"location": "http://other.example:4533/x"}), "http://other.example:4533"),
        (Answer({}, 302, {"location": "/rest/ping"}), "redirects in a circle"),
    ],
)
def test_an_answer_that_is_of_no_use_is_one_line_with_the_way_out(answer, reason, waits):
    assert reason in failure_of(answer, waits)
    assert waits == []


def test_a_server_that_is_not_there_is_named(waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        client = client_of(f"http://127.0.0.1:{taken.getsockname()[1]}", waits)
        with pytest.raises(SourceFailed, match=r"cannot be reached: .*check the address"):
            client.get("x")
        client.close()


def test_a_busy_server_is_asked_again_when_it_says(waits):
    answers = [
        Answer({}, 429, {"retry-after": "7"}),
        Answer({}, 503, {"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}),
        Answer({}, 502),
        Answer({"fine": 1}),
    ]
    with web_server(lambda _: answers.pop(0)) as web:
        client = client_of(web.address, waits)
        assert client.get("x") == {"fine": 1}
        client.close()
    assert waits == [7.0, 4.0, 8.0]


def test_what_would_be_made_twice_is_asked_for_once(waits):
    with web_server(lambda _: Answer({}, 503)) as web:
        client = client_of(web.address, waits)
        for ask in (client.get, lambda path, again: client.post(path, {}, again=again)):
            with pytest.raises(SourceFailed, match="answered 503; run the command again later"):
                ask("x", again=False)
        client.close()
    assert (len(web.requests), waits) == (2, [])


def test_a_server_that_stays_busy_ends_the_sync_and_says_that_it_continues(waits):
    assert "answered 503, 4 times in a row; run the sync again" in failure_of(
        Answer({}, 503, {"retry-after": "100000"}), waits
    )
    assert waits == [60.0] * 3


def test_a_server_that_does_not_answer_ends_the_sync(waits):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = client_of(f"http://127.0.0.1:{silent.getsockname()[1]}", waits, seconds=0.05)
        with pytest.raises(SourceFailed, match=r"did not answer within 0\.05 s"):
            client.get("x")
        client.close()


def test_requests_keep_the_gap_that_a_service_asks_for(waits):
    now = [100.0]

    def wait(seconds: float) -> None:
        waits.append(round(seconds, 3))
        now[0] += seconds

    with web_server(lambda _: Answer({})) as web:
        limits = Limits(least_gap=0.5, wait=wait, clock=lambda: now[0])
        client = ServerClient(web.address, NAME, limits)
        for _ in range(3):
            client.get("x")
        client.close()
    assert waits == [0.5, 0.5]


def test_an_answer_is_bounded(waits, monkeypatch):
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    assert "more than 1,000 bytes" in failure_of(Answer({"x": "y" * 2000}), waits)


def test_a_redirect_within_the_server_is_followed_with_its_headers(waits):
    def answer(request):
        if request.path == "/x":
            return Answer({}, 301, {"location": "/y?a=1"})
        return Answer({"key": request.headers.get("authorization"), "a": request.query["a"]})

    with web_server(answer) as web:
        client = ServerClient(web.address, NAME, Limits(wait=waits.append), {"authorization": "k"})
        assert client.get("x") == {"key": "k", "a": "1"}
        client.close()


def test_nothing_is_sent_to_an_address_that_is_denied(waits, monkeypatch):
    """A name may resolve to anything, so the address of the connection decides."""
    monkeypatch.setattr(http, "is_allowed", lambda peer, allowed: peer != "127.0.0.1")
    with web_server(lambda _: Answer({})) as web:
        client = client_of(web.address.replace("127.0.0.1", "localhost"), waits)
        with pytest.raises(SourceFailed, match=r"127\.0\.0\.1.*QUINTET_LIBRARY_ALLOWED_NETWORKS"):
            client.get("x", {"p": "secret"})
        client.close()
        assert web.requests == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.20", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("fd12::1", True),
        ("203.0.113.7", True),
        ("169.254.169.254", False),
        ("169.254.0.1", False),
        ("fe80::1%eth0", False),
        ("::ffff:169.254.169.254", False),
        ("2002:a9fe:a9fe::1", False),
        ("fd00:ec2::254", False),
        ("100.100.100.200", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
    ],
)
def test_addresses_of_metadata_and_of_the_link_are_denied(address, expected):
    assert is_allowed(address, ()) is expected


def test_a_setting_allows_a_network():
    network = ipaddress.ip_network("169.254.7.0/24")
    assert is_allowed("169.254.7.9", (network,))
    assert not is_allowed("169.254.8.9", (network,))
    assert not is_allowed("fe80::1", (network,))


def test_no_log_line_holds_a_query(waits, caplog):
    caplog.set_level(logging.INFO)
    with web_server(lambda _: Answer({})) as web:
        client = client_of(web.address, waits)
        client.get("x", {"t": "token-in-the-query"})
        client.close()
    assert "token-in-the-query" not in caplog.text
