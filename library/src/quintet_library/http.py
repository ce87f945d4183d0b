"""Ask a server for JSON: bounded, patient, and never at an address that no media server has.

A source's address is typed by a person, but a server can redirect, and a name can resolve to
anything. Addresses of cloud metadata and of the link are denied at the moment of the connection,
before anything is sent, so that neither a redirect nor a name that changes gets around it.
"""

import copy
import email.utils
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from quintet_access.media_servers import Network, is_allowed
from quintet_text.bounded_json import Bounds, JsonRefused, loads
from quintet_text.printable import printable

from quintet_library.records import AnsweredError, SourceFailed

MOST_BYTES: Final = 64 * 1024**2
"""Bytes of one answer; a page of 500 songs has some 500 kB."""
_ATTEMPTS: Final = 4
_LONGEST_WAIT: Final = 60.0
_REDIRECTS: Final = 3
_PATIENT: Final = (429, 502, 503, 504)


@dataclass(frozen=True)
class Limits:
    """How a server may be asked.

    Attributes:
        seconds: For a connection, and between two parts of an answer.
        allowed: Networks that count as allowed although they are link-local or metadata.
        least_gap: Seconds between two requests, for a server that limits the rate.
        wait: Waits some seconds; a test passes its own.
        clock: Seconds that only grow.
    """

    seconds: float = 30.0
    allowed: Sequence[Network] = ()
    least_gap: float = 0.0
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class _AddressDenied(Exception):
    """The server is at an address that is not allowed."""


class _Retry(Exception):
    """The server asks for patience."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass
class ServerClient:
    """Ask one server, by GET or POST, for JSON objects.

    Attributes:
        address: `http://HOST:PORT/BASE`, without user, password, query and fragment.
        name: What the server is called in messages, such as "the Subsonic server".
        limits: Time, rate and allowed addresses.
        headers: Sent with each request.
    """

    address: str
    name: str
    limits: Limits = field(default_factory=Limits)
    headers: Mapping[str, str] = field(default_factory=dict)
    _http: httpx.Client = field(init=False, repr=False)
    _next: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        # httpx logs every address with its query, in which Subsonic sends its token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # Proxies of the environment are not used: they would connect where this client may not.
        self._http = httpx.Client(timeout=self.limits.seconds, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def with_headers(self, headers: Mapping[str, str]) -> "ServerClient":
        """Give a client that sends other headers over the same connections."""
        other = copy.copy(self)
        other.headers = headers
        return other

    @property
    def host(self) -> str:
        """The server as it may be shown: scheme, host and port."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def get(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, again: bool = True
    ) -> dict[str, Any]:
        """Ask for a JSON object.

        Args:
            path: Below the address.
            parameters: Of the query; a list is repeated.
            again: Whether to try again while the server is busy or down; False where asking twice
                would make something twice.

        Raises:
            SourceFailed: The server is unreachable, denies, or does not answer with JSON.
        """
        return self._ask("GET", path, dict(parameters or {}), None, again)

    def post(self, path: str, body: Mapping[str, Any], *, again: bool = True) -> dict[str, Any]:
        """Send a JSON object and read the one that is the answer; empty for no content.

        Raises:
            SourceFailed: As `get`.
        """
        return self._ask("POST", path, {}, dict(body), again)

    def _ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, Any],
        body: dict[str, Any] | None,
        again: bool,
    ) -> dict[str, Any]:
        """Try several times while the server is busy or down, as long as it asks for."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._keep_gap()
                return self._once(method, path, parameters, body)
            except _Retry as fault:
                if not again:
                    raise SourceFailed(
                        f"{self.name} at {self.host} {fault}; run the command again later"
                    ) from fault
                if attempt == _ATTEMPTS:
                    raise SourceFailed(
                        f"{self.name} at {self.host} {fault}, {attempt} times in a row; "
                        "run the sync again later, it continues"
                    ) from fault
                self.limits.wait(min(fault.after or 2.0**attempt, _LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    def _keep_gap(self) -> None:
        now = self.limits.clock()
        if self._next > now:
            self.limits.wait(self._next - now)
        self._next = max(now, self._next) + self.limits.least_gap

    def _once(
        self, method: str, path: str, parameters: dict[str, Any], body: dict[str, Any] | None
    ) -> dict[str, Any]:
        url = httpx.URL(f"{self.address.rstrip('/')}/{path}", params=parameters or None)
        try:
            for _ in range(_REDIRECTS + 1):
                status, headers, data = self._send(method, url, body)
                if not 300 <= status < 400 or "location" not in headers:
                    return self._read(status, headers, data)
                url = self._redirected(url, headers["location"])
        except _AddressDenied as fault:
            raise SourceFailed(
                f"{self.name} at {self.host} has the address {fault}, which is for cloud metadata "
                "or this link alone and is denied; if the server really is there, allow it in "
                "QUINTET_LIBRARY_ALLOWED_NETWORKS"
            ) from None
        except httpx.TimeoutException as fault:
            raise _Retry(f"did not answer within {self.limits.seconds:g} s") from fault
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            raise _unreachable(self, fault) from None
        raise SourceFailed(f"{self.name} at {self.host} redirects in a circle")

    def _send(
        self, method: str, url: httpx.URL, body: dict[str, Any] | None
    ) -> tuple[int, httpx.Headers, bytes]:
        request = self._http.build_request(
            method,
            url,
            json=body,
            headers={"accept": "application/json", **self.headers},
            extensions={"trace": self._check_peer},
        )
        response = self._http.send(request, stream=True)
        try:
            data = bytearray()
            for part in response.iter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise SourceFailed(
                        f"{self.name} at {self.host} answered more than {MOST_BYTES:,} bytes"
                    )
            return response.status_code, response.headers, bytes(data)
        finally:
            response.close()

    def _check_peer(self, event: str, info: Mapping[str, Any]) -> None:
        """Look at the address of a new connection before anything is sent over it."""
        if event != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        peer = str(stream.get_extra_info("server_addr")[0])
        if not is_allowed(peer, self.limits.allowed):
            stream.close()
            raise _AddressDenied(peer)

    def _redirected(self, url: httpx.URL, location: str) -> httpx.URL:
        """Follow a redirect within the server; another host would get our credentials."""
        target = url.join(location)
        same = target.host == url.host and (
            (target.scheme, target.port) == (url.scheme, url.port)
            # The usual step from http to https, both at their usual ports.
            or (url.scheme, url.port, target.scheme, target.port) == ("http", None, "https", None)
        )
        if not same:
            shown = printable(f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}", 200)
            raise SourceFailed(
                f"{self.name} at {self.host} redirects to {shown}; if that is the server, add the "
                "source with that address"
            )
        return target

    def _read(self, status: int, headers: httpx.Headers, data: bytes) -> dict[str, Any]:
        if status in _PATIENT:
            raise _Retry(f"answered {status}", _seconds_of(headers.get("retry-after", "")))
        if status in (401, 403):
            raise SourceFailed(
                f"{self.name} at {self.host} denied the user, password or key (HTTP {status}); "
                "check the variable or the file that holds it"
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml") or data[:64].lstrip().startswith(b"<"):
            raise SourceFailed(
                f"{self.name} at {self.host} answered a web page instead of JSON (HTTP {status}); "
                "give the address of the server itself, not of a login page or proxy before it"
            )
        if status >= 400:
            raise AnsweredError(f"{self.name} at {self.host} answered HTTP {status}", status)
        if status == 204:
            return {}
        try:
            answer = loads(data, Bounds(total=MOST_BYTES))
        except JsonRefused as fault:
            raise SourceFailed(f"{self.name} at {self.host} answered no JSON: {fault}") from fault
        if not isinstance(answer, dict):
            raise SourceFailed(f"{self.name} at {self.host} answered no JSON object")
        return answer


def _unreachable(client: ServerClient, fault: Exception) -> SourceFailed:
    # The text of a fault never holds the address with its query; it is cut all the same.
    why = printable(str(fault) or type(fault).__name__, 200)
    return SourceFailed(
        f"{client.name} at {client.host} cannot be reached: {why}; check the address, and that "
        "the server runs"
    )


def _seconds_of(text: str) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, section 10.2.3)."""
    if text.strip().isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
