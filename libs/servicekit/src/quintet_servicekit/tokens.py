"""Authenticate the calls of a gRPC service by the access token in their metadata."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import grpc
from quintet_access.files import AccessFileInvalid
from quintet_access.rules import Auth, require_auth_when_exposed
from quintet_access.scopes import scope_of
from quintet_access.tokens import Caller, Scope, TokenRefused, TokenVerifier, bearer_token

from quintet_servicekit.errors import (
    AppError,
    NotReady,
    PermissionDenied,
    Reason,
    Unauthenticated,
)

# Health and reflection contain nothing of the catalogue, and probes have no token.
_OPEN: Final = ("/grpc.health.", "/grpc.reflection.")
CALLER: Final[ContextVar[Caller | None]] = ContextVar("caller", default=None)
"""The authenticated caller of the current call; None if authentication is off."""


def guards(auth: str, host: str, home: Path) -> Sequence[grpc.aio.ServerInterceptor]:
    """Choose the interceptors of a service by its setting of QUINTET_AUTH.

    Args:
        auth: "off" or "on".
        host: The address that the service binds.
        home: QUINTET_HOME; its folder `access/public` holds the keys that verify tokens.

    Raises:
        ExposedWithoutAuth: `auth` is off and the host is not a loopback address.
    """
    mode = Auth(auth)
    require_auth_when_exposed(mode, host)
    return (TokenInterceptor(home),) if mode is Auth.ON else ()


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Reject calls without a valid token of the gateway that has the scope of the method."""

    def __init__(self, home: Path) -> None:
        self._verifier = TokenVerifier(home / "access")

    async def intercept_service(
        self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(_OPEN):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        admitted = self._admit(metadata.get("authorization"), scope_of(method))

        async def answer(request: Any, context: Any) -> Any:
            if isinstance(admitted, AppError):
                # Raised inside the call, because the standard interceptor converts it there.
                raise admitted
            token = CALLER.set(admitted)
            try:
                return await handler.unary_unary(request, context)
            finally:
                CALLER.reset(token)

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )

    def _admit(self, header: str | bytes | None, needed: Scope) -> Caller | AppError:
        """Verify a call's token; the result is the caller, or the error to answer with."""
        token = bearer_token(header if isinstance(header, str) else None)
        if token is None:
            return Unauthenticated(
                Reason.TOKEN_INVALID,
                "No access token. Send one as metadata: authorization: Bearer TOKEN.",
            )
        try:
            caller = self._verifier.verify(token)
        except TokenRefused as refused:
            return Unauthenticated(Reason.TOKEN_INVALID, f"{refused}.")
        except AccessFileInvalid:
            return NotReady(
                Reason.NOT_READY, "Access tokens cannot be checked now; try again in a second."
            )
        if needed not in caller.scopes:
            return PermissionDenied(
                Reason.SCOPE_MISSING,
                f"The access token does not have the scope {needed.value}.",
                metadata={"scope": needed.value},
            )
        return caller
