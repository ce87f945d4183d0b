"""Guards a gRPC service: without a valid access token in the metadata, no call comes in."""

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

# Whoever asks for health or for the service's description learns nothing of the catalogue.
_OPEN: Final = ("/grpc.health.", "/grpc.reflection.")
CALLER: Final[ContextVar[Caller | None]] = ContextVar("caller", default=None)
"""Who makes the call being answered; None where everybody may call."""


def guards(auth: str, host: str, home: Path) -> Sequence[grpc.aio.ServerInterceptor]:
    """Returns the interceptors that a service needs for its setting of QUINTET_AUTH.

    Args:
        auth: "off" or "on".
        host: The address the service binds.
        home: QUINTET_HOME; `access/public` of it says which tokens are valid.

    Raises:
        ExposedWithoutAuth: `auth` is off and the host is not a loopback address.
    """
    mode = Auth(auth)
    require_auth_when_exposed(mode, host)
    return (TokenInterceptor(home),) if mode is Auth.ON else ()


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls in that show a token of the gateway, as `authorization`, with the scope needed."""

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
                # Raised where the standard interceptor turns it into a status with its reason.
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
        """Returns who calls, or what keeps them out."""
        token = bearer_token(header if isinstance(header, str) else None)
        if token is None:
            return Unauthenticated(Reason.TOKEN_INVALID, "No token provided.")
        try:
            caller = self._verifier.verify(token)
        except TokenRefused as refused:
            return Unauthenticated(Reason.TOKEN_INVALID, f"{refused}.")
        except AccessFileInvalid:
            return NotReady(Reason.NOT_READY, "Access tokens cannot be checked now.")
        if needed not in caller.scopes:
            return PermissionDenied(
                Reason.SCOPE_MISSING,
                f"The access token does not have the scope {needed.value}.",
                metadata={"scope": needed.value},
            )
        return caller
