"""Authentication and rate limits: issue tokens to clients, verify them, count calls."""

import asyncio
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string
from quintet_access.clients import ClientFolder
from quintet_access.keys import TOKEN_SECONDS, KeyFolder
from quintet_access.rules import Auth
from quintet_access.tokens import (
    Caller,
    Scope,
    ServiceToken,
    TokenIssuer,
    TokenRefused,
    TokenVerifier,
    bearer_token,
)
from quintet_servicekit.errors import (
    PermissionDenied,
    Reason,
    ResourceExhausted,
    Unauthenticated,
    overloaded,
)

_log = structlog.get_logger(__name__)
# Argon2 takes 64 MiB and some 50 ms of a core for each check of a secret.
_PARALLEL_CHECKS: Final = 2
# Beyond these, callers get 429 at once: each would wait most of a second for its turn.
_WAITING_CHECKS: Final = 32
# The caller of every request while authentication is off.
ANYONE: Final = Caller("anyone", frozenset(Scope))


@dataclass(frozen=True)
class AccessRules:
    """How callers are authenticated and limited.

    Attributes:
        auth: Whether callers need a token.
        folder: The access folder.
        rate_limit: Calls allowed to one client, such as "1200/minute"; empty for no limit.
        token_rate_limit: Token requests allowed to one address; empty for no limit.
        failure_rate_limit: Failed requests allowed to one address; empty for no limit.
        rate_limit_storage: Where counts are kept: `async+memory://` or `async+redis://host:port`.
    """

    auth: Auth
    folder: Path
    rate_limit: str = "1200/minute"
    token_rate_limit: str = "60/minute"
    rate_limit_storage: str = "async+memory://"
    failure_rate_limit: str = "300/minute"


class Gatekeeper:
    """Decide who may call; every denial is an exception with its reason."""

    def __init__(self, rules: AccessRules) -> None:
        self._open = rules.auth is Auth.OFF
        self._clients = ClientFolder(rules.folder)
        self._verifier = TokenVerifier(rules.folder)
        # With authentication off, clients that insist on a token get one that nothing checks.
        self._issuer = TokenIssuer.ephemeral()
        if not self._open:
            keys = KeyFolder(rules.folder)
            keys.ensure()
            self._issuer = TokenIssuer(keys.signing_key)
        self._service_token = ServiceToken(self._issuer, "gateway")
        self._limiter = _Limiter(rules.rate_limit_storage)
        # Without authentication the gateway listens on loopback only, where a limit would slow down
        # benchmarks and protect no one.
        self._limit = _limit(rules.rate_limit) if not self._open else None
        self._token_limit = _limit(rules.token_rate_limit) if not self._open else None
        self._failure_limit = _limit(rules.failure_rate_limit) if not self._open else None
        self._checks = asyncio.Semaphore(_PARALLEL_CHECKS)
        self._waiting = 0

    @property
    def is_open(self) -> bool:
        """Whether authentication is off."""
        return self._open

    def service_metadata(self) -> tuple[tuple[str, str], ...]:
        """Make the gRPC metadata that authenticates the gateway to upstream services."""
        return () if self._open else self._service_token.metadata()

    def renew_service_token(self) -> bool:
        """Replace the token that a service denied; False if there is none, or it is new."""
        return not self._open and self._service_token.renew()

    async def admit(self, authorization: str | None, needed: Scope = Scope.READ) -> Caller:
        """Identify a caller and count its call.

        Args:
            authorization: The Authorization header.
            needed: The scope that the token must have.

        Raises:
            Unauthenticated: There is no token, or it is not valid.
            PermissionDenied: The token does not have the scope.
            ResourceExhausted: The client is over its rate limit; `retry_after` says for how long.
        """
        if self._open:
            return ANYONE
        token = bearer_token(authorization)
        if token is None:
            message = "Only valid bearer authentication supported"
            raise Unauthenticated(
                Reason.TOKEN_INVALID, message if authorization else "No token provided"
            )
        try:
            caller = self._verifier.verify(token)
        except TokenRefused as refused:
            raise Unauthenticated(Reason.TOKEN_INVALID, str(refused)) from refused
        # Before the count: a denied call should not use up the client's limit.
        if needed not in caller.scopes:
            raise PermissionDenied(
                Reason.SCOPE_MISSING,
                "Insufficient client scope",
                metadata={"scope": needed.value},
            )
        await self._limiter.count(self._limit, "client", caller.name)
        return caller

    async def count_token_request(self, address: str) -> None:
        """Count a request for a token, before its body is read.

        Raises:
            ResourceExhausted: The address is over its limit.
        """
        await self._limiter.count(self._token_limit, "token", address)

    async def count_failure(self, address: str) -> None:
        """Count a request without a valid token, or to an unknown path.

        Raises:
            ResourceExhausted: The address is over its limit.
        """
        await self._limiter.count(self._failure_limit, "failure", address)

    async def check_failures(self, address: str) -> None:
        """Check the failed requests of an address without counting one.

        Raises:
            ResourceExhausted: The address is over its limit.
        """
        await self._limiter.count(self._failure_limit, "failure", address, hit=False)

    async def issue(self, client_id: str, secret: str, address: str) -> str | None:
        """Exchange a client's credentials for a token; None if they are wrong.

        Raises:
            ResourceExhausted: Too many secrets are being checked.
        """
        if self._open:
            return self._issuer.issue(client_id or "anyone", 0, [scope.value for scope in Scope])
        # Counted before the secret is checked, which is the expensive part.
        if self._waiting >= _WAITING_CHECKS:
            raise overloaded("Too many ask for a token at once")
        self._waiting += 1
        try:
            async with self._checks:
                # In a thread: Argon2 would block the event loop for all requests.
                client = await asyncio.to_thread(self._clients.authenticate, client_id, secret)
        finally:
            self._waiting -= 1
        if client is None:
            _log.warning("credentials refused", address=address)
            return None
        return self._issuer.issue(client.client_id, client.generation, client.scopes)


class _Limiter:
    """Count calls in a moving window; if the storage is down, callers are admitted."""

    def __init__(self, storage: str) -> None:
        made = storage_from_string(storage)
        if not isinstance(made, Storage):
            raise ValueError(f"rate limits need an async+ storage; got {storage}")
        self._limiter = MovingWindowRateLimiter(made)

    async def count(
        self, limit: RateLimitItem | None, kind: str, name: str, *, hit: bool = True
    ) -> None:
        """Count one call, or only check the count.

        Raises:
            ResourceExhausted: The call is over the limit.
        """
        if limit is None:
            return
        try:
            count = self._limiter.hit if hit else self._limiter.test
            if await count(limit, kind, name):
                return
            window = await self._limiter.get_window_stats(limit, kind, name)
        except Exception as fault:  # every storage raises its client library's errors
            _log.error("rate limits cannot be counted", error=type(fault).__name__)
            return
        # Retry-After takes whole seconds; 0 would invite a retry within the same window.
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise ResourceExhausted(
            Reason.RATE_LIMITED,
            "API rate limit exceeded",
            metadata={"retry_after": str(seconds)},
        )


def _limit(text: str) -> RateLimitItem | None:
    return parse(text) if text else None


__all__ = ["ANYONE", "TOKEN_SECONDS", "AccessRules", "Auth", "Caller", "Gatekeeper", "Scope"]
