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

# Probes have no token, and a state contains nothing of the catalogue.
_OPEN: Final = "/grpc.health."
# Reflection describes every method, and its streams stay open: it needs a token as reads do.
_REFLECTION: Final = "/grpc.reflection."
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
        if handler is None:
            return None
        method: str = handler_call_details.method
        metadata = dict(handler_call_details.invocation_metadata or ())
        offered = metadata.get("authorization")
        # An invalid token is denied everywhere, so that readiness finds out that tokens fail.
        if offered is None and method.startswith(_OPEN):
            return handler
        admitted = self._admit(offered, _scope_of(method))
        if isinstance(admitted, AppError):
            return _denied(admitted, handler)
        # Each call runs in a task, whose context ends with it.
        CALLER.set(admitted)
        return handler

    def _admit(self, header: str | bytes | None, needed: Scope | None) -> Caller | AppError:
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
        if needed is not None and needed not in caller.scopes:
            return PermissionDenied(
                Reason.SCOPE_MISSING,
                f"The access token does not have the scope {needed.value}.",
                metadata={"scope": needed.value},
            )
        return caller


def _scope_of(method: str) -> Scope | None:
    """Choose the scope that a method needs; None if any valid token suffices."""
    if method.startswith(_OPEN):
        return None
    return Scope.READ if method.startswith(_REFLECTION) else scope_of(method)


def _denied(error: AppError, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
    """Answer a call with an error at once, without waiting for its message.

    A call that is not authenticated must not hold a slot for as long as its caller likes.
    """

    async def deny(_requests: Any, _context: Any) -> Any:
        # Raised inside the call, because the standard interceptor converts it there.
        raise error

    ends = (handler.request_deserializer, handler.response_serializer)
    return grpc.stream_unary_rpc_method_handler(deny, *ends)
