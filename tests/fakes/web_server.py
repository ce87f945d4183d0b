"""A small web server for tests: each path has a function that answers."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent; `query` has the last value of each parameter, `queries` all of them."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    queries: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the server sends back."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """A running server: its address, what answers, and the requests so far."""

    address: str
    answer: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)


@contextmanager
def web_server(answer: Callable[[Request], Answer], host: str = "127.0.0.1") -> Iterator[Web]:
    """Starts a server on a free port; JSON bodies are written as JSON, bytes as they are."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            queries = parse_qs(parts.query, True)
            query = {name: values[-1] for name, values in queries.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, query, headers, body, queries)
            web.requests.append(request)
            given = web.answer(request)
            data = given.body if isinstance(given.body, bytes) else json.dumps(given.body).encode()
            data = b"" if given.status == 204 else data
            self.send_response(given.status)
            kind = "text/html" if isinstance(given.body, bytes) else "application/json"
            for name, value in {"content-type": kind, **given.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    web = Web(f"http://{host}:{server.server_port}", answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
