"""Connections of clients: bounded in number, time and size, and encrypted with a certificate."""

import asyncio
import ssl
import time
from functools import partial
from typing import Any, Final, cast

import structlog
from quintet_access.identity import CERTIFICATE, KEY, Identity, IdentityFolder
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quintet_gateway.app.errors import render_overloaded, render_unreadable
from quintet_gateway.app.middleware import secured
from quintet_gateway.routes.web_api.middleware import ALWAYS_ANSWERED

_log = structlog.get_logger(__name__)
# Room for a token, cookies of a shared host name and a long query string. A chunked request's
# chunk extensions and trailers count too.
MAX_HEAD_BYTES: Final = 65_536
# Of a chunk: 16 digits of its size, and two line ends.
_CHUNK_BYTES: Final = 20
# Connections beyond the bound that only health and metrics are answered on.
_RESERVE: Final = 32
# A body may take this long in any case; after that it must arrive at the least rate.
_BODY_GRACE_SECONDS: Final = 2.0
_BODY_BYTES_PER_SECOND: Final = 1024
_POLL_SECONDS: Final = 1.0
# On a stop, a request may be on its way on an open connection: so long it is still answered.
_LAST_REQUEST_SECONDS: Final = 1.0


class OpenConnections:
    """Count the connections of one server and close idle ones, oldest first, near the bound.

    Args:
        most: Connections that may have a request at once, and open connections at most, apart
            from a reserve on which health and metrics are answered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[BoundedProtocol] = set()
        # Without a complete request head, by the time since when; a dict keeps that order.
        self._idle: dict[BoundedProtocol, None] = {}
        self.stopping = False
        """Whether the server stops: each connection ends with its next answer."""

    def opened(self, connection: "BoundedProtocol") -> None:
        """Count a new connection; an idle one is closed for it if there are too many."""
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._open) <= self._most:
            return
        # The new one is the last, so it is closed only if all others are at work.
        oldest = next(iter(self._idle))
        if oldest is not connection or len(self._open) > self._most + _RESERVE:
            oldest.close_now()

    def waits(self, connection: "BoundedProtocol") -> None:
        """Note that a connection waits for a next request."""
        if connection in self._open:
            self._idle.pop(connection, None)
            self._idle[connection] = None

    def works(self, connection: "BoundedProtocol") -> None:
        """Note that the head of a request is complete."""
        self._idle.pop(connection, None)

    def closed(self, connection: "BoundedProtocol") -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    @property
    def full(self) -> bool:
        """Whether more connections have a request than may have one."""
        return len(self._open) - len(self._idle) > self._most


def bounded_protocol(client_seconds: float, most: int) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol class for connections.

    Args:
        client_seconds: Seconds that a client may take to send a request, or to read on.
        most: Connections that may have a request at once.
    """
    made = partial(BoundedProtocol, client_seconds, OpenConnections(most))
    return cast("type[asyncio.Protocol]", made)


class BoundedProtocol(HttpToolsProtocol):
    """Close connections of clients that send or read too slowly, or send too large a head."""

    def __init__(
        self, client_seconds: float, others: OpenConnections, *arguments: Any, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._seconds = client_seconds
        self._others = others
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        # Bytes of the request that are not its body: head, chunk extensions, trailers.
        self._overhead = 0
        self._in_trailers = False
        self._body_begins = 0.0
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()
        self._others.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._others.closed(self)
        self._request_complete()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Blank lines before a request begin none, and must not keep a connection either.
        self._expect_request()
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head or the trailers of the request are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_trailers, self._overhead = False, 0
        self._expect_request()

    def on_header(self, name: bytes, value: bytes) -> None:
        # After the head come trailers: headers that no check of the head has seen are dropped.
        if not self._in_trailers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_trailers = True
        self._body_begins, self._body_bytes = time.monotonic(), 0
        self._others.works(self)
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Allow a chunk the bytes that state its size; its extensions count."""
        self._overhead -= _CHUNK_BYTES

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        self._body_bytes += len(body)
        super().on_body(body)
        seconds = time.monotonic() - self._body_begins - _BODY_GRACE_SECONDS
        if seconds > 0 and self._body_bytes < seconds * _BODY_BYTES_PER_SECOND:
            self.close_now()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._request_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and self.cycle.response_complete:
            self._others.waits(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self._seconds, self.close_now)

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

    def shutdown(self) -> None:
        """Answer what was begun; without a request, wait a moment for one that is on its way."""
        self._others.stopping = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LAST_REQUEST_SECONDS, self._end)
        else:
            super().shutdown()

    def _end(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def close_now(self) -> None:
        """Close the connection without waiting for a client that does not read."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._others.full and cycle.scope["path"] not in ALWAYS_ANSWERED:
            cycle.keep_alive = False
            app = _overloaded
        if self._others.stopping:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def _expect_request(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self._seconds, self.close_now)

    def _request_complete(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


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
