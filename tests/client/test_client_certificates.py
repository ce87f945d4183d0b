"""The published client over HTTPS: whose certificate it accepts."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from quintet_access import certificates
from quintet_access.identity import CERTIFICATE, KEY
from quintet_client import AsyncQuintet, CertificateUntrusted, Quintet
from quintet_client.models import Readiness

READY = Readiness(ready=True, services={"search": "SERVING"}, not_ready=())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("certificates") / "ours"
    certificates.create(root, ("gateway",), (), 30)
    return root


@pytest.fixture
def address(folder) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = READY.model_dump_json().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that rejects the certificate hangs up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "gateway" / CERTIFICATE, folder / "gateway" / KEY)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def readiness(address: str, client: type, **options: Any) -> Readiness:
    if client is Quintet:
        with Quintet(address, **options) as quintet:
            return quintet.readiness()

    async def called() -> Readiness:
        async with AsyncQuintet(address, **options) as quintet:
            return await quintet.readiness()

    return asyncio.run(called())


@pytest.mark.parametrize("client", [Quintet, AsyncQuintet])
def test_a_certificate_of_the_named_authority_is_accepted(address, folder, client):
    authority = str(folder / "authority" / "ca.crt")
    assert readiness(address, client, ca_file=authority) == READY


@pytest.mark.parametrize("client", [Quintet, AsyncQuintet])
def test_a_certificate_of_an_unknown_authority_is_named_as_the_reason(address, client):
    with pytest.raises(CertificateUntrusted, match=r"127\.0\.0\.1.*ca_file"):
        readiness(address, client)
