"""Who calls over HTTP: tokens of Quintet, which the gateway checks."""

import base64
import hashlib
import json
import time
from collections import OrderedDict
from typing import Any, Final

from mcp.server.auth.provider import AccessToken
from quintet_client import ApiError, AsyncQuintet, QuintetError, calls
from starlette.authentication import AuthenticationError

from quintet_command.mcp_server.gateway import CHECKED

_KEPT_SECONDS: Final = 30.0
"""Tools are not affected: the gateway checks the token of each call."""
_MOST_KEPT: Final = 1_000
_MOST_TOKEN: Final = 4_096


class GatewayVerifier:
    """Checks bearer tokens by asking the gateway for something small with them.

    Args:
        gateway: Sends the token in `CHECKED`.
    """

    def __init__(self, gateway: AsyncQuintet) -> None:
        self._gateway = gateway
        self._kept: OrderedDict[str, tuple[float, AccessToken]] = OrderedDict()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Check a token; None if the gateway denies it.

        Raises:
            AuthenticationError: The gateway does not answer.
        """
        if not token or len(token) > _MOST_TOKEN or not token.isascii():
            return None
        key = hashlib.sha256(token.encode()).hexdigest()
        until, known = self._kept.get(key, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        if not await self._is_valid(token):
            self._kept.pop(key, None)
            return None
        access = access_of(token)
        self._kept[key] = (time.monotonic() + _KEPT_SECONDS, access)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return access

    async def _is_valid(self, token: str) -> bool:
        mark = CHECKED.set(token)
        try:
            await self._gateway.call(calls.genres(limit=1))
        except ApiError as fault:
            # A token without the scope read is valid; 429 says nothing about the token.
            return fault.code != 401
        except QuintetError as fault:
            raise AuthenticationError(f"the gateway does not answer: {fault.message}") from fault
        finally:
            CHECKED.reset(mark)
        return True


def access_of(token: str) -> AccessToken:
    """Read the client, the scopes and the end of a token that the gateway accepted."""
    claims = _claims(token)
    expires = claims.get("exp")
    return AccessToken(
        token=token,
        client_id=str(claims.get("sub", "")),
        scopes=str(claims.get("scope", "")).split(),
        expires_at=int(expires) if isinstance(expires, int | float) else None,
    )


def _claims(token: str) -> dict[str, Any]:
    """Read the claims of a JWT without a check of its signature, which the gateway made."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
