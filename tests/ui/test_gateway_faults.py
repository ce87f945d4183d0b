"""How the page classifies what goes wrong between it and the gateway, over real sockets."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from quintet_client import Quintet, QuintetError, Retries
from quintet_ui.faults import Fault, gateway_fault


@contextlib.contextmanager
def serving(answer):
    """Runs a server whose every request is handled by a function."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replying(status, body, kind="application/json"):
    def answer(handler):
        content = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def fault_of(url, seconds=2.0):
    with (
        Quintet(url, timeout=seconds, retries=Retries(attempts=1)) as client,
        pytest.raises(QuintetError) as caught,
    ):
        client.search("x", limit=1)
    return gateway_fault(caught.value)


def test_an_answer_that_comes_in_drops_is_not_waited_for():
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)  # this server is slow; that is what is tested

    with serving(drip) as url:
        began = time.monotonic()
        assert fault_of(url, 0.4).fault is Fault.SLOW
        assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("status", "reason", "fault"),
    [
        (400, "LIMIT_RANGE", Fault.REFUSED),
        (401, "TOKEN_INVALID", Fault.DENIED),
        (403, "SCOPE_MISSING", Fault.DENIED),
        (404, "SEED_UNKNOWN", Fault.UNKNOWN),
        (404, "ROUTE_UNKNOWN", Fault.ABSENT),
        (429, "RATE_LIMITED", Fault.LIMITED),
        (503, "NOT_READY", Fault.UNREADY),
        (504, "DEADLINE", Fault.SLOW),
        (500, "INTERNAL", Fault.REFUSED),
    ],
)
def test_every_failure_has_a_kind_and_keeps_its_reason(status, reason, fault):
    body = json.dumps({"error": {"message": "m", "details": [{"reason": reason}]}})
    with serving(replying(status, body)) as url:
        caught = fault_of(url)
    assert (caught.fault, caught.reason) == (fault, reason)


@pytest.mark.parametrize("body", ["", "null", "[]", '{"error": 1}', "<html>"])
def test_an_error_in_any_other_shape_is_still_a_failure(body):
    with serving(replying(502, body)) as url:
        assert fault_of(url).fault is Fault.UNREADY


def test_something_else_on_the_gateways_port_counts_as_offline():
    with serving(replying(200, "<html></html>", "text/html")) as url:
        assert fault_of(url).fault is Fault.OFFLINE


def test_nobody_on_the_port_is_offline():
    with serving(replying(200, "{}")) as url:
        pass
    assert fault_of(url).fault is Fault.OFFLINE


def test_wrong_credentials_are_denied_although_the_status_is_400():
    body = json.dumps({"error": "invalid_client", "error_description": "Invalid client"})
    with (
        serving(replying(400, body)) as url,
        Quintet(url, client_id="page", client_secret="wrong") as client,
        pytest.raises(QuintetError) as caught,
    ):
        client.search("x", limit=1)
    assert gateway_fault(caught.value).fault is Fault.DENIED
