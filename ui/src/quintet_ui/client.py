"""The gateway as the page sees it: HTTP, every call with a deadline, every failure by kind."""

import ssl
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import httpx

from quintet_ui.answers import Recommendations, Track

_MOST_BYTES: Final = 64 * 1024 * 1024
_CONNECT_SECONDS: Final = 1.0
_COVER_SECONDS: Final = 0.7
_TOKEN_RESERVE_SECONDS: Final = 60.0


class Fault(StrEnum):
    """What can go wrong between page and gateway, as far as a listener can tell."""

    OFFLINE = "offline"
    SLOW = "slow"
    UNREADY = "unready"
    LIMITED = "limited"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    REFUSED = "refused"


_BY_STATUS: Final = {
    401: Fault.DENIED,
    403: Fault.DENIED,
    429: Fault.LIMITED,
    502: Fault.UNREADY,
    503: Fault.UNREADY,
    504: Fault.SLOW,
}
_BY_REASON: Final = {
    "SEED_UNKNOWN": Fault.UNKNOWN,
    "ID_UNKNOWN": Fault.UNKNOWN,
    "ROUTE_UNKNOWN": Fault.ABSENT,
}
PASSING: Final = frozenset({Fault.OFFLINE, Fault.SLOW, Fault.UNREADY, Fault.LIMITED})
"""Faults that go away by themselves, so that asking again makes sense."""


class GatewayFault(Exception):
    """The gateway did not answer, or not with what was asked.

    Attributes:
        fault: What went wrong.
        reason: The gateway's own reason (docs/errors.md); empty without an answer.
    """

    def __init__(self, fault: Fault, reason: str = "", message: str = "") -> None:
        super().__init__(message or fault.value)
        self.fault = fault
        self.reason = reason


class Gateway:
    """Calls the gateway.

    Args:
        base: Its address.
        seconds: How long a whole answer may take.
        auth: Adds the authorisation to each request.
        transport: How to get there; the network where None.
        authorities: File with the authorities trusted for it; the system's where empty.
    """

    def __init__(
        self,
        base: str,
        seconds: float = 2.5,
        auth: httpx.Auth | None = None,
        transport: httpx.BaseTransport | None = None,
        authorities: str = "",
    ) -> None:
        self._seconds = seconds
        self._http = httpx.Client(
            base_url=base,
            auth=auth,
            transport=transport,
            timeout=httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
            verify=ssl.create_default_context(cafile=authorities) if authorities else True,
            # The gateway is near; a proxy for the internet must not stand between.
            trust_env=False,
        )

    def search(self, text: str, limit: int) -> list[Track]:
        """Returns tracks that match, best first; the most popular ones for an empty text."""
        answer = self._json("GET", "/api/v1/search", params={"q": text, "limit": str(limit)})
        return [match["track"] for match in answer["tracks"] if match["recommendable"]]

    def track(self, track_id: str) -> Track:
        """Returns a track by id."""
        path = f"/api/v1/tracks/{_quoted(track_id)}"
        answer: Track = self._json("GET", path)
        return answer

    def audio_features(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Returns the audio features of up to 100 tracks by id; unknown ones are left out."""
        # Covers are drawn from them: no listener waits for those.
        response = self._call(
            "GET", "/v1/audio-features", params={"ids": ",".join(ids)}, seconds=_COVER_SECONDS
        )
        answer = _parsed(*response)
        return {item["id"]: item for item in answer["audio_features"] if item is not None}

    def recommend(self, body: Mapping[str, Any]) -> Recommendations:
        """Returns a ranked and explained list."""
        answer: Recommendations = self._json("POST", "/api/v1/recommendations", body=body)
        return answer

    def send_feedback(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Hands over what a listener did; the gateway counts an event once by its id."""
        self._call("POST", "/api/v1/feedback", body={"events": list(events)}, seconds=1.0)

    def forget(self, listener: str) -> None:
        """Deletes what is stored of a listener."""
        self._call("DELETE", f"/api/v1/listeners/{_quoted(listener)}")

    def get(self, path: str) -> Any:
        """Returns the JSON of a path, for what only one section of a page reads."""
        return self._json("GET", path)

    def readiness(self) -> dict[str, str]:
        """Returns the state of each service behind the gateway by name."""
        response, content = self._send("GET", "/readyz", seconds=self._seconds)
        if response.status_code not in (200, 503):
            raise _fault_of(response, content)
        return dict(_parsed(response, content)["services"])

    def metrics(self) -> str:
        """Returns the gateway's metrics in Prometheus' text format."""
        return self._call("GET", "/metrics")[1].decode()

    def catalogue_map(self, etag: str = "") -> tuple[str, bytes] | None:
        """Returns the map's version and bytes; None where `etag` is still the newest."""
        headers = {"If-None-Match": etag} if etag else {}
        response, content = self._send(
            "GET", "/api/v1/map", headers=headers, seconds=4 * self._seconds
        )
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        if response.is_error:
            raise _fault_of(response, content)
        return response.headers.get("etag", ""), content

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Any:
        return _parsed(*self._call(method, path, params=params, body=body))

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        seconds: float | None = None,
    ) -> tuple[httpx.Response, bytes]:
        response, content = self._send(
            method, path, params=params, body=body, seconds=seconds or self._seconds
        )
        if response.is_error:
            raise _fault_of(response, content)
        return response, content

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        seconds: float,
    ) -> tuple[httpx.Response, bytes]:
        """Sends a request and reads the whole answer before the deadline.

        Raises:
            GatewayFault: Nobody answers, or not in time.
        """
        deadline = time.monotonic() + seconds
        limit = httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        try:
            with self._http.stream(
                method, path, params=params, json=body, headers=headers, timeout=limit
            ) as response:
                return response, _read(response, deadline)
        except httpx.TimeoutException as fault:
            raise GatewayFault(Fault.SLOW) from fault
        except httpx.HTTPError as fault:
            raise GatewayFault(Fault.OFFLINE) from fault


class ClientCredentials(httpx.Auth):
    """Asks the gateway for a token (RFC 6749, section 4.4) and renews it before it ends.

    Args:
        token_url: Where tokens are given.
        client_id: The client's id.
        secret: The client's secret.
    """

    requires_response_body = True

    def __init__(self, token_url: str, client_id: str, secret: str) -> None:
        self._token_url = token_url
        self._basic = httpx.BasicAuth(client_id, secret)
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the token; asks for a new one where there is none, or it is refused once."""
        if time.monotonic() >= self._until:
            yield from self._renew()
        response = yield self._authorised(request)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._token:
            yield from self._renew()
            yield self._authorised(request)

    def _authorised(self, request: httpx.Request) -> httpx.Request:
        # Without a token the gateway says itself what is missing.
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        asked = httpx.Request("POST", self._token_url, data={"grant_type": "client_credentials"})
        response = yield next(self._basic.auth_flow(asked))
        if response.is_success:
            answer = response.json()
            with self._lock:
                self._token = answer["access_token"]
                self._until = time.monotonic() + answer["expires_in"] - _TOKEN_RESERVE_SECONDS


class BearerToken(httpx.Auth):
    """Adds a token that somebody else renews."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Reads an answer that may come in drops: httpx limits each read, not their sum."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise GatewayFault(Fault.SLOW)
        if size > _MOST_BYTES:
            raise GatewayFault(Fault.REFUSED, message="The answer is too large.")
    return b"".join(parts)


def _parsed(response: httpx.Response, content: bytes) -> Any:
    if not response.headers.get("content-type", "").startswith("application/json"):
        raise GatewayFault(Fault.OFFLINE, message="That address answers, but not as a gateway.")
    return httpx.Response(200, content=content).json()


def _fault_of(response: httpx.Response, content: bytes) -> GatewayFault:
    """Returns an answer that is an error as a fault; its reason decides before its status."""
    try:
        error = httpx.Response(200, content=content).json()["error"]
        reason = error["details"][0]["reason"] if error.get("details") else ""
        message = str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        reason, message = "", ""
    fault = _BY_REASON.get(reason) or _BY_STATUS.get(response.status_code)
    if fault is None:
        fault = Fault.ABSENT if response.status_code == httpx.codes.NOT_FOUND else Fault.REFUSED
    return GatewayFault(fault, str(reason), message)


def _quoted(text: str) -> str:
    return quote(text, safe="")
