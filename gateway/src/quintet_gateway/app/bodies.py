"""Read the bodies of requests before the requests count as being answered."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from fastapi import Response
from quintet_servicekit.errors import AppError, InvalidInput, Reason, overloaded
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_gateway.proxies import address_key

# nginx's code for a client that hung up; it is only logged, since nobody receives the answer.
_CLIENT_CLOSED: Final = 499


class Bodies:
    """Read each body to its end, in separate limits, and pass the request on as a whole.

    A client that sends slowly thus holds neither a place among the requests being answered nor
    anything of a service. Reading has room for everyone: if too many are being read, the oldest
    one is given up, first that of an address that has too many. A fast client is never the oldest.

    Args:
        app: The wrapped application.
        most_bytes: The largest body accepted.
        render: Renders an error in the shape of its path.
        most: Bodies read at once.
        most_per_address: Bodies of one address read at once.
        most_bytes_in_all: Bytes held of bodies that are being read.
    """

    def __init__(
        self,
        app: ASGIApp,
        most_bytes: int,
        render: Callable[[str, AppError], Response],
        most: int = 256,
        most_per_address: int = 64,
        most_bytes_in_all: int = 64 * 1024 * 1024,
    ) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._render = render
        self._most = most
        self._most_per_address = most_per_address
        self._most_in_all = max(most_bytes_in_all, most_bytes)
        self._held_bytes = 0
        # In the order of their start.
        self._reads: dict[asyncio.Timeout, str] = {}
        self._by_address: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        try:
            if not length.isdecimal() or int(length) > self._most_bytes:
                raise self._too_large()
            if int(length) or "transfer-encoding" in headers:
                body = await self._read(address_key(scope.get("quintet.address", "")), receive)
                if body is None:
                    scope.setdefault("state", {})["status"] = _CLIENT_CLOSED
                    return
                receive = _replayed(body, receive)
        except AppError as error:
            response = self._render(scope["path"], error)
            # The rest of the body may still be on its way.
            response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _read(self, address: str, receive: Receive) -> bytes | None:
        """Read a body; None if the client hung up.

        Raises:
            InvalidInput: The body is too large, or too slow while others wait.
            ResourceExhausted: All bodies together take too much memory.
        """
        body = bytearray()
        self._make_room(address)
        try:
            async with asyncio.timeout(None) as patience:
                self._reads[patience] = address
                self._by_address[address] += 1
                try:
                    return await self._pieces(body, receive)
                finally:
                    self._held_bytes -= len(body)
                    del self._reads[patience]
                    self._by_address[address] -= 1
                    if not self._by_address[address]:
                        del self._by_address[address]
        except TimeoutError:
            message = "The body arrived too slowly while many others were sent; send it again."
            raise InvalidInput(Reason.REQUEST_MALFORMED, message, field="body") from None

    async def _pieces(self, body: bytearray, receive: Receive) -> bytes | None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")
            body += piece
            self._held_bytes += len(piece)
            if len(body) > self._most_bytes:
                raise self._too_large()
            if self._held_bytes > self._most_in_all:
                raise overloaded()
            if not message.get("more_body", False):
                return bytes(body)

    def _make_room(self, address: str) -> None:
        """Give up the oldest read if there are too many."""
        if self._by_address[address] >= self._most_per_address:
            oldest = next(read for read, whose in self._reads.items() if whose == address)
        elif len(self._reads) >= self._most:
            oldest = next(iter(self._reads))
        else:
            return
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())

    def _too_large(self) -> InvalidInput:
        message = f"The body must be at most {self._most_bytes} bytes."
        return InvalidInput(Reason.REQUEST_TOO_LARGE, message, field="body")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the whole body as one message, then what else the connection reports."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
