"""Access tokens: JWTs of one hour, signed by Ed25519, checked without asking anyone."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from quintet_access.files import WatchedFile
from quintet_access.keys import CLOCK_LEEWAY_SECONDS, TOKEN_SECONDS, KeyFolder, SigningKey, new_key

ISSUER: Final = "quintet"
# EdDSA alone: a header that says "none" or HS256 is rejected (RFC 8725, section 3.1).
_ALGORITHM: Final = "EdDSA"
_MAX_TOKEN_LENGTH: Final = 4096
_SERVICE_PREFIX: Final = "service:"
# Seconds after which a denied token may be replaced.
_RENEW_SECONDS: Final = 1.0


class Scope(StrEnum):
    """Name what a token allows."""

    READ = "read"
    FEEDBACK = "feedback"
    LIBRARY = "library"
    PLAYLISTS = "playlists"
    ADMIN = "admin"


class TokenRefused(Exception):
    """A token is not valid; the message may be shown to the caller."""


class TokenExpired(TokenRefused):
    """A token was valid once."""


@dataclass(frozen=True)
class Caller:
    """Who a token speaks for: a client id, or `service:<name>`, and what it allows."""

    name: str
    scopes: frozenset[Scope]


class TokenIssuer:
    """Signs tokens.

    Args:
        signing_key: Returns the key that signs now.
    """

    def __init__(self, signing_key: Callable[[], SigningKey]) -> None:
        self._signing_key = signing_key

    @classmethod
    def ephemeral(cls) -> "TokenIssuer":
        """Return an issuer with a new key that no service trusts, for QUINTET_AUTH=off."""
        return cls(cache(new_key))

    def issue(self, client_id: str, generation: int, scopes: Sequence[str]) -> str:
        """Sign a token for a client; it is valid for one hour."""
        # Imported at first use, here and below: a process without authentication starts sooner
        # without cryptography.
        import jwt

        signing = self._signing_key()
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": client_id,
            "gen": generation,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, signing.key, _ALGORITHM, headers={"kid": signing.kid})


class ServiceToken:
    """The token that one of our processes shows to another; renewed before it expires.

    It allows reading only: nothing that the gateway asks the services for changes anything.

    Its age is measured by a monotonic clock, because a wall clock may be set back: by it, a token
    could expire for everybody else before it is renewed here.

    Args:
        issuer: Signs the tokens.
        service: The name of the process.
    """

    def __init__(self, issuer: TokenIssuer, service: str) -> None:
        self._issuer = issuer
        self._name = _SERVICE_PREFIX + service
        self._token = ""
        self._issued_at = float("-inf")
        # Wall clock minus monotonic clock, which changes only if the wall clock is set.
        self._offset = 0.0

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Authorise a gRPC call: give the metadata to add to it."""
        now = time.monotonic()
        moved = abs(time.time() - now - self._offset) > CLOCK_LEEWAY_SECONDS / 2
        # A key rotated meanwhile checks for longer than this token is used.
        if moved or now >= self._issued_at + TOKEN_SECONDS / 2:
            self._issue(now)
        return (("authorization", f"Bearer {self._token}"),)

    def renew(self) -> bool:
        """Replace a token that a service denied; False if it is so new that it cannot be the cause.

        Many calls fail at the same time, and each new token costs a signature.
        """
        now = time.monotonic()
        if now < self._issued_at + _RENEW_SECONDS:
            return False
        self._issue(now)
        return True

    def _issue(self, now: float) -> None:
        self._token = self._issuer.issue(self._name, 0, [Scope.READ.value])
        self._issued_at = now
        self._offset = time.time() - now


class TokenVerifier:
    """Checks tokens against the public files of an access folder.

    Args:
        folder: The access folder; `public/` is read again whenever it changes, so a key rotated
            or a client revoked counts from the next call.
    """

    def __init__(self, folder: Path) -> None:
        self._keys = KeyFolder(folder)
        self._clients = WatchedFile(folder / "public" / "clients.json")

    def verify(self, token: str) -> Caller:
        """Verify a token and give the client and the scopes in it.

        Raises:
            TokenExpired: Its hour is over.
            TokenRefused: It is malformed, forged, of another algorithm or key, or its client was
                revoked or got another secret since.
        """
        import jwt

        # Before decoding: parsing a token costs time in proportion to its length.
        if len(token) > _MAX_TOKEN_LENGTH:
            raise TokenRefused("Invalid access token")
        try:
            claims = self._decode(token)
        except jwt.ExpiredSignatureError as fault:
            raise TokenExpired("The access token expired") from fault
        except jwt.PyJWTError as fault:
            raise TokenRefused("Invalid access token") from fault
        return self._caller(claims)

    def _decode(self, token: str) -> dict[str, Any]:
        import jwt

        kid = jwt.get_unverified_header(token).get("kid")
        key = self._keys.public_key(kid) if isinstance(kid, str) else None
        if key is None:
            raise jwt.InvalidKeyError("unknown key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=ISSUER,
            options={
                "require": ["exp", "iat", "sub", "aud", "iss"],
                # `_check_times` does it.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        _check_times(claims)
        return claims

    def _caller(self, claims: dict[str, Any]) -> Caller:
        name = str(claims["sub"])
        known = {scope.value for scope in Scope}
        granted = frozenset(Scope(s) for s in str(claims.get("scope", "")).split() if s in known)
        if name.startswith(_SERVICE_PREFIX):
            return Caller(name, granted)
        current = (self._clients.read() or {}).get(name)
        # The generation ends the tokens of an older secret without a list of revoked tokens.
        if current is None or current != claims.get("gen"):
            raise TokenRefused("Invalid access token")
        return Caller(name, granted)


def _check_times(claims: dict[str, Any]) -> None:
    """Check that a token is valid now, give or take `CLOCK_LEEWAY_SECONDS`.

    The library checks the same by a clock that tests cannot set.

    Raises:
        PyJWTError: It is not valid yet, or no longer.
    """
    import jwt

    now = time.time()
    try:
        begins = max(float(claims["iat"]), float(claims.get("nbf", 0)))
        ends = float(claims["exp"])
    except (TypeError, ValueError) as fault:
        raise jwt.InvalidTokenError("a time is not a number") from fault
    # Written so that a NaN is denied.
    if not begins <= now + CLOCK_LEEWAY_SECONDS:
        raise jwt.ImmatureSignatureError("not valid yet")
    if not ends > now - CLOCK_LEEWAY_SECONDS:
        raise jwt.ExpiredSignatureError("expired")


def bearer_token(header: str | None) -> str | None:
    """Read the bearer token of an Authorization header; None if there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
