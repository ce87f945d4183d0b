"""Connections of clients: bounded in time and head, encrypted where there is a certificate."""

import asyncio
import ssl
from functools import partial
from typing import Any, Final, cast

import structlog
from quintet_access.identity import CERTIFICATE, KEY, Identity, IdentityFolder
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quintet_gateway.app.errors import render_overloaded, render_unreadable
from quintet_gateway.app.middleware import secured

_log = structlog.get_logger(__name__)
# Room for a token, cookies of a shared host name and a long query string.
MAX_HEAD_BYTES: Final = 65_536
_POLL_SECONDS: Final = 1.0


def bounded_protocol(client_seconds: float) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol class for connections.

    Args:
        client_seconds: Seconds that a client may take to send a request, or to read on.
    """
    return cast("type[asyncio.Protocol]", partial(_BoundedProtocol, client_seconds))


class _BoundedProtocol(HttpToolsProtocol):
    """Close connections of clients that send or read too slowly, or send too large a head."""

    def __init__(self, client_seconds: float, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seconds = client_seconds
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_complete()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Blank lines before a request begin none, and must not keep a connection either.
        self._expect_request()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._expect_request()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._request_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self._seconds, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # An earlier answer is being sent; a second one would be written into it.
            self.transport.close()
            return
        answer = render_unreadable(msg)
        head = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
        lines = b"".join(b"%s: %s\r\n" % pair for pair in (*answer.raw_headers, *secured(False)))
        self.transport.write(head + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        super()._start_asgi_task(cycle, _overloaded if app is service_unavailable else app)

    def _expect_request(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self._seconds, self._give_up)

    def _request_complete(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            # abort, not close: close would wait for a client that does not read.
            self.transport.abort()


async def _overloaded(scope: Any, receive: Any, send: Any) -> None:
    response = render_overloaded()
    response.raw_headers.extend(secured(scope["scheme"] == "https"))
    await response(scope, receive, send)


class HttpsContext:
    """The TLS context of connections; each new one gets the current certificate.

    Args:
        identities: Folder of certificate and key.

    Raises:
        IdentityInvalid: There is no usable certificate.
    """

    def __init__(self, identities: IdentityFolder) -> None:
        self._identities = identities
        self._identity = identities.current()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # RFC 8996 deprecates TLS 1.0 and 1.1.
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        # uvicorn speaks no HTTP/2; without ALPN some clients would try it.
        self.context.set_alpn_protocols(["http/1.1"])
        self._load()

    async def follow(self) -> None:
        """Load a changed certificate, until cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            identity = self._identities.current()
            if identity is not self._identity:
                self._take_up(identity)

    def _take_up(self, identity: Identity) -> None:
        try:
            self._load()
        except (OSError, ssl.SSLError):
            return  # files are being replaced; the next poll finds them whole
        self._identity = identity
        _log.info("certificate taken up", expires=identity.expires.isoformat())

    def _load(self) -> None:
        folder = self._identities.folder
        self.context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
