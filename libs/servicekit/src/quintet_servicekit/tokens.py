"""Guards a gRPC service: without a valid access token in the metadata, no call comes in."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from quintet_access.files import AccessFileInvalid
from quintet_access.rules import Auth, require_auth_when_exposed
from quintet_access.tokens import TokenRefused, TokenVerifier, bearer_token

from quintet_servicekit.errors import NotReady, Reason, Unauthenticated

# Whoever asks for health or for the service's description learns nothing of the catalogue.
_OPEN: Final = ("/grpc.health.", "/grpc.reflection.")


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
    """Lets calls in whose `authorization` metadata is a bearer token that the gateway made."""

    def __init__(self, home: Path) -> None:
        self._verifier = TokenVerifier(home / "access")

    async def intercept_service(
        self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OPEN):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        refusal = self._refusal(metadata.get("authorization"))
        if refusal is None:
            return handler

        async def refuse(_request: Any, _context: Any) -> Any:
            # Raised where the standard interceptor turns it into a status with its reason.
            raise refusal

        return grpc.unary_unary_rpc_method_handler(
            refuse, handler.request_deserializer, handler.response_serializer
        )

    def _refusal(self, header: str | bytes | None) -> Unauthenticated | NotReady | None:
        token = bearer_token(header if isinstance(header, str) else None)
        if token is None:
            return Unauthenticated(Reason.TOKEN_INVALID, "No token provided.")
        try:
            self._verifier.verify(token)
        except TokenRefused as refused:
            return Unauthenticated(Reason.TOKEN_INVALID, f"{refused}.")
        except AccessFileInvalid:
            return NotReady(Reason.NOT_READY, "Access tokens cannot be checked now.")
        return None
