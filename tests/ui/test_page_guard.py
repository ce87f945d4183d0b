"""The page's server attacked from outside: other websites, unused routes, too much of all."""

import contextlib
import socket
import sys
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_command.ports import free_ports
from quintet_ui.guard import is_known_host, is_own_origin
from quintet_ui.server import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.ui.patience import WAIT_SECONDS
from tools.processes import Processes, environment_without

STREAM = "/_stcore/stream"
# Records the address of every connection and of every look-up of a name, in any thread.
RECORDER = """
import os, sys

def note(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
    elif event == "socket.sendto":
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = arguments[0]
    else:
        return
    host = address[0] if isinstance(address, tuple) else address
    with open(os.environ["EGRESS"], "a", encoding="utf-8") as file:
        file.write(f"{host}\\n")

sys.addaudithook(note)
"""


class Page:
    """A page of its own, with a record of the addresses it connects to."""

    def __init__(self, url, egress, log):
        self.url = url
        self.log = log
        self.port = int(url.rsplit(":", 1)[1])
        self.egress = egress

    def foreign(self):
        """The addresses beyond this machine that the process used."""
        hosts = set(self.egress.read_text(encoding="utf-8").split()) if self.egress.exists() else ()
        return {host for host in hosts if host not in {"127.0.0.1", "::1", "localhost"}}

    def get(self, path, method="GET", **options):
        return httpx.request(method, f"{self.url}{path}", trust_env=False, **options)

    def session(self, origin="own", host=None):
        """Opens a WebSocket as a browser does."""
        host = host or f"127.0.0.1:{self.port}"
        return connect(
            f"ws://{host}{STREAM}",
            sock=socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS),
            origin=self.url if origin == "own" else origin,
            subprotocols=[Subprotocol("streamlit")],
            open_timeout=WAIT_SECONDS,
        )

    def raw(self, head, body=b""):
        """Sends bytes and returns the status line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head + body)
            return connection.makefile("rb").readline()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page in a process, without a gateway; at most two sessions."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "sitecustomize.py").write_text(RECORDER, encoding="utf-8")
    port, gateway = free_ports(2)
    environment = {
        **environment_without("QUINTET_", "SPOTIPY_", "STREAMLIT_"),
        "PYTHONPATH": str(folder),
        "EGRESS": str(folder / "egress"),
        "QUINTET_UI_PORT": str(port),
        "QUINTET_GATEWAY_PORT": str(gateway),
        "QUINTET_UI_HOSTS": "music.example",
        "QUINTET_UI_MAX_SESSIONS": "2",
    }
    url = f"http://127.0.0.1:{port}"
    with Processes(folder / "logs", environment) as processes:
        processes.start("ui", [sys.executable, "-m", "quintet_ui"])
        processes.await_answer(f"{url}/_stcore/health", 60)
        yield Page(url, folder / "egress", folder / "logs" / "ui.log")


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(request):
    yield
    if "page" in request.fixturenames:
        assert request.getfixturevalue("page").foreign() == set()


FOREIGN = [
    "http://evil.example",
    "https://evil.example:8501",
    "null",
    "http://127.0.0.1.evil.example",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_socket_of_another_website_is_denied_before_streamlit_sees_it(page, origin):
    began = time.monotonic()
    with pytest.raises(InvalidStatus) as denied:
        page.session(origin)
    assert denied.value.response.status_code == 403
    # Streamlit would look up this machine's address meanwhile: a second for each of two tries.
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config", "/favicon.png"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_request_of_another_website_is_denied(page, origin, path):
    answer = page.get(path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost.evil.example"])
def test_a_name_that_points_here_without_our_knowledge_is_denied(page, host):
    """DNS rebinding: to the browser, the page and the attacker's website are one origin."""
    host = host.format(port=page.port)
    assert page.get("/", headers={"Host": host}).status_code == 421
    with pytest.raises(InvalidStatus) as denied:
        page.session(f"http://{host}", host)
    assert denied.value.response.status_code == 421


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("own", None),
        (None, None),
        ("http://music.example", "music.example"),
        ("https://music.example", "music.example:443"),
        ("http://music.example:80", "music.example"),
        ("http://192.0.2.7:8501", "192.0.2.7:8501"),
        ("http://[2001:db8::7]:8501", "[2001:db8::7]:8501"),
    ],
)
def test_the_pages_own_origin_gets_a_session(page, origin, host):
    with page.session(origin, host) as session:
        session.ping().wait(60)
    headers = {} if host is None else {"Host": host}
    assert page.get("/_stcore/host-config", headers=headers).status_code == 200


def test_a_request_without_a_single_host_is_denied(page):
    for lines in (b"", b"Host: a\r\nHost: 127.0.0.1\r\n", b"Host: u@127.0.0.1\r\n"):
        line = page.raw(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        assert line.split()[1] in {b"400", b"421"}, line


def test_an_upload_is_denied_before_its_body_is_read(page):
    length = 202 * 1024 * 1024
    head = (
        f"PUT /_stcore/upload_file/session/file HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
    )
    # The answer is here although the body never comes.
    assert page.raw(head.encode()).split()[1] == b"404"


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/upload_file/a/b",
        "/_stcore/metrics",
        "/_stcore/script-health-check",
        "/_stcore/bidi-components/quintet_search/x.js",
        "/_stcore/agent/interact",
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/mcp",
        "/_stcore/stream",
        "/component/quintet/index.html",
        "/app/static/page.py",
        "/media/../secrets",
        "/static/%2e%2e/index.html",
        "/static/js/..%2f..%2findex.html",
        "/auth/login",
        "/oauth2callback",
        "/nothing/here.js",
        "//evil.example/%2e%2e",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_what_the_page_does_not_use_is_not_there(page, method, path):
    assert page.get(path, method).status_code == 404


@pytest.mark.parametrize("path", ["/", "/operator", "/_stcore/health", "/_stcore/host-config"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_what_the_page_uses_is_only_read(page, method, path):
    answer = page.get(path, method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_no_other_website_may_embed_or_steer_the_page(page):
    assert page.get("/_stcore/host-config").json()["allowedOrigins"] == []


def test_too_large_a_message_ends_its_session(page):
    with page.session() as session:
        session.send(b"\0" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("message", [b"\xff\xff\xff", "text"])
def test_a_message_that_is_none_of_streamlits_ends_its_session_alone(page, message):
    with page.session() as attacked, page.session() as other:
        attacked.send(message)
        with pytest.raises(ConnectionClosed):
            attacked.recv(20)
        other.ping().wait(60)


def test_more_sessions_than_allowed_are_asked_to_come_back(page):
    with page.session() as first, page.session() as second:
        with pytest.raises(InvalidStatus) as full:
            page.session()
        assert full.value.response.status_code == 503
        assert full.value.response.headers["retry-after"] == "30"
        first.ping().wait(60)
        second.ping().wait(60)
        # Everything but a session still works.
        assert page.get("/_stcore/health").status_code == 200
    with page.session() as session:
        session.ping().wait(60)


def test_too_large_a_head_is_denied(page):
    line = b"Cookie: " + b"a" * (MAX_HEAD_BYTES + 1)
    host = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n".encode()
    assert page.raw(host + line).split()[1] == b"400"


def test_endless_trailers_end_the_connection_in_silence(page):
    # Other tests of this page send damaged messages, which Streamlit logs.
    before = len(page.log.read_text(encoding="utf-8"))
    with socket.create_connection(("127.0.0.1", page.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n".encode()
        )
        trailers = (b"x: " + b"a" * MAX_HEAD_BYTES + b"\r\n") * 1000
        with pytest.raises(ConnectionError):
            connection.sendall(trailers)
    assert page.get("/_stcore/health").status_code == 200
    assert "Traceback" not in page.log.read_text(encoding="utf-8")[before:]


def test_a_visit_runs_the_page_and_asks_no_other_machine(page):
    with page.session() as session:
        rerun = BackMsg()
        rerun.rerun_script.query_string = "seat=1~t1&go=1"
        session.send(rerun.SerializeToString())
        received = b""
        while b"script_finished" not in received and b"Quintet" not in received:
            received += session.recv(30)
    # The record works: the page asked for its gateway.
    assert "127.0.0.1" in page.egress.read_text(encoding="utf-8")


@given(
    st.text(st.characters(exclude_characters=":"), max_size=40),
    st.sampled_from(["", ":8501", ":443"]),
)
def test_no_text_but_a_known_name_or_an_address_is_a_known_host(name, port):
    known = is_known_host(f"{name}{port}", {"music.example"})
    if known:
        bare = name.lower().rstrip(".")
        numbers = bare.split(".")
        address = len(numbers) == 4 and all(each.isdigit() for each in numbers)
        assert bare == "music.example" or bare.endswith("localhost") or address


@given(st.text(max_size=30), st.sampled_from(["127.0.0.1:8501", "music.example", "[::1]:8501"]))
def test_an_origin_of_another_host_is_never_our_own(text, host):
    for origin in (text, f"http://{text}", f"https://{host}{text}", f"http://{text}@{host}"):
        if is_own_origin(origin, host):
            scheme, _, place = origin.partition("://")
            assert scheme in {"http", "https"}
            # Case aside, only the port that the scheme implies may be added.
            assert place.lower().removesuffix({"http": ":80", "https": ":443"}[scheme]) == host
