"""State and decisions that both clients share, without input or output."""

import ssl
import threading
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final, TypedDict
from uuid import uuid4

import httpx

from quintet_client.calls import token
from quintet_client.errors import (
    AnswerInvalid,
    AnswerLost,
    CertificateUntrusted,
    ConnectionFailed,
    QuintetError,
    TimedOut,
)
from quintet_client.models import AccessToken
from quintet_client.protocol import Call, Reply
from quintet_client.retries import Budget, Retries, Strategy, strategy

DEFAULT_URL: Final = "http://127.0.0.1:8000"
MOST_BYTES: Final = 64 * 1024 * 1024
"""A larger answer is rejected."""
_KEPT_CONNECTIONS: Final = 20
"""Idle connections that are kept open; opening one costs a round trip, or three with TLS."""
_RENEW_SECONDS: Final = 60.0
"""A token is renewed so many seconds before it expires."""


@dataclass(frozen=True)
class ClientSettings:
    """How a client calls.

    Attributes:
        base_url: The gateway's address.
        timeout: Seconds that a call may take, with all of its tries and waits.
        retries: When a call is tried again.
        token: An access token, or a function that returns one, called before each request.
        client_id: A client's id, for which tokens are fetched and renewed.
        client_secret: Its secret.
        trust_env: Whether HTTP_PROXY and similar variables apply; a gateway is mostly nearby.
        ca_file: PEM file of the authorities that sign the gateway's certificate; empty for those
            of the system.
        connect_timeout: Seconds within which a connection must be open, part of `timeout`.
        max_connections: How many calls run at once; further ones wait, within their `timeout`.
    """

    base_url: str = DEFAULT_URL
    timeout: float = 5.0
    retries: Retries = field(default_factory=Retries)
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    trust_env: bool = False
    ca_file: str = ""
    connect_timeout: float = 2.0
    max_connections: int = 100

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError(f"timeout must be above 0; got {self.timeout}")
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id and client_secret go together")
        if self.client_id and self.token is not None:
            raise ValueError("give a token, or client_id and client_secret, not both")

    def transport_options(self) -> "TransportOptions":
        """Collect the options of both httpx clients: connections, certificates and proxies."""
        return TransportOptions(
            limits=httpx.Limits(
                max_connections=self.max_connections,
                max_keepalive_connections=min(_KEPT_CONNECTIONS, self.max_connections),
            ),
            verify=ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True,
            trust_env=self.trust_env,
        )


class TransportOptions(TypedDict):
    """What `httpx.Client` and `httpx.AsyncClient` take alike."""

    limits: httpx.Limits
    verify: ssl.SSLContext | bool
    trust_env: bool


class Options(TypedDict, total=False):
    """Keyword arguments of both clients; see `ClientSettings`."""

    timeout: float
    retries: Retries
    token: str | Callable[[], str] | None
    client_id: str
    client_secret: str
    trust_env: bool
    ca_file: str
    connect_timeout: float
    max_connections: int


class CallOptions(TypedDict, total=False):
    """Options that can differ from call to call; see `ClientSettings`."""

    timeout: float
    retries: Retries


class Credentials:
    """The access token of a client: given, or fetched for its id and secret and kept."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held = ""
        self._until = 0.0

    def current(self) -> str | None:
        """Find the token to send: empty for none, None if one must be fetched first."""
        given = self._settings.token
        if given is not None:
            return given if isinstance(given, str) else given()
        if not self._settings.client_id:
            return ""
        with self._lock:
            return self._held if time.monotonic() < self._until else None

    def fetch(self) -> Call[AccessToken]:
        """Build the call that fetches a token."""
        return token(self._settings.client_id, self._settings.client_secret)

    def keep(self, fetched: AccessToken) -> str:
        """Keep a fetched token until shortly before it runs out."""
        with self._lock:
            self._held = fetched.access_token
            # Short-lived tokens are renewed at half of their life.
            lives = max(fetched.expires_in - _RENEW_SECONDS, fetched.expires_in / 2)
            self._until = time.monotonic() + lives
        return fetched.access_token

    def can_replace(self, rejected: str) -> bool:
        """Forgets a token that the gateway rejected; returns whether another one can be fetched."""
        with self._lock:
            # Another thread may have fetched a new one already: that one stays.
            if self._held == rejected:
                self._until = 0.0
        return bool(self._settings.client_id)


class Session:
    """The state of one client: its settings, credentials and retry budget."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.credentials = Credentials(settings)
        self.budget = Budget()

    def attempt(self, call: Call[Any], seconds: float | None = None) -> "Attempts":
        """Begin a call: its deadline starts now."""
        return Attempts(call, self, seconds or self.settings.timeout)

    def with_options(self, options: "CallOptions") -> "Session":
        """Copy the session with other options; credentials and budget are shared."""
        other = copy(self)
        other.settings = replace(self.settings, **options)
        return other


class Attempts:
    """One call: its request id, its deadline, and what each of its tries sends.

    Args:
        call: What is called.
        session: For whom.
        seconds: All that it may take.
    """

    def __init__(self, call: Call[Any], session: Session, seconds: float) -> None:
        self._call = call
        self._session = session
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        # All tries share one id, so that logs show them as one call.
        self.request_id = uuid4().hex

    @property
    def strategy(self) -> Strategy:
        """How it is tried again."""
        return strategy(
            self._session.settings.retries,
            self._session.budget,
            self._seconds,
            idempotent=self._call.idempotent,
        )

    def left(self) -> float:
        """Compute the seconds left until the deadline.

        Raises:
            TimedOut: There are none.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimedOut(self._too_long(), self.request_id)
        return left

    def request(self, http: httpx.Client | httpx.AsyncClient, bearer: str) -> httpx.Request:
        """Build the request of one try."""
        call, left = self._call, self.left()
        headers = {
            "X-Request-Id": self.request_id,
            "User-Agent": f"quintet-client/{version('quintet-client')}",
            **call.headers,
        }
        # A token must not leave with calls that do not need it.
        if bearer and call.authorised:
            headers["Authorization"] = f"Bearer {bearer}"
        return http.build_request(
            call.method,
            self._session.settings.base_url.rstrip("/") + call.path,
            params=dict(call.params),
            json=call.body,
            content=call.content,
            data=call.form,
            headers=headers,
            timeout=httpx.Timeout(left, connect=min(self._session.settings.connect_timeout, left)),
        )

    def answer(self, response: httpx.Response, content: bytes) -> Any:
        """Read the typed answer of a response.

        Raises:
            QuintetError: It is an error, or not what the API says.
        """
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = self._call.answer(Reply(response.status_code, headers, content), self.request_id)
        self._session.budget.succeeded()
        return answer

    def take(self, content: bytearray, piece: bytes) -> None:
        """Add a piece of an answer.

        Raises:
            AnswerInvalid: It is too large.
            TimedOut: The time ran out.
        """
        # httpx limits each read, not their sum.
        self.left()
        content += piece
        if len(content) > MOST_BYTES:
            raise AnswerInvalid(f"The answer has more than {MOST_BYTES} bytes", self.request_id)

    def fault(self, fault: httpx.HTTPError | httpx.InvalidURL) -> QuintetError:
        """Convert an error of httpx to one of this package."""
        if "CERTIFICATE_VERIFY_FAILED" in str(fault):
            return CertificateUntrusted(
                f"The certificate of {self._session.settings.base_url} is not signed by a trusted "
                "authority; name its authority's file with ca_file",
                self.request_id,
            )
        # Nothing was sent yet, so any call can be repeated.
        if isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            where = self._session.settings.base_url
            return ConnectionFailed(f"No gateway answers at {where}", self.request_id)
        if isinstance(fault, httpx.TimeoutException):
            return TimedOut(self._too_long(), self.request_id)
        # Sent, but no complete answer: it may have been executed.
        if isinstance(fault, httpx.NetworkError | httpx.RemoteProtocolError):
            return AnswerLost("The connection broke before the answer was whole", self.request_id)
        return QuintetError(f"The request cannot be sent: {fault}", self.request_id)

    def _too_long(self) -> str:
        call = self._call
        return f"{call.method} {call.path} took longer than {self._seconds:g} s"
