"""Answers and errors under `/v1`, in the shape of Spotify's Web API."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import grpc
import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from quintet_servicekit.errors import (
    AppError,
    NotReady,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.status import error_of

from quintet_gateway.schemas import web_api as shape
from quintet_gateway.schemas.errors import status_of

_log = structlog.get_logger(__name__)

_DESCRIPTIONS: Final = {
    400: "A parameter breaks its rule",
    401: "No valid access token",
    403: "The token does not allow this",
    404: "Unknown id",
    429: "Too many requests; retry after the seconds in Retry-After",
    503: "Not ready, or an upstream service is unavailable",
    504: "The request's time budget ran out",
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": shape.Error, "description": text} for status, text in _DESCRIPTIONS.items()
}


def json_response(content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Write a JSON answer in Spotify's content type."""
    body = orjson.dumps(content)
    return Response(body, media_type="application/json; charset=utf-8", headers=headers)


def described(model: Any, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Document a route: its answer, its errors, and the parameters that it reads by itself."""
    return {
        "responses": {**ERRORS, 200: {"model": model}},
        "openapi_extra": {"parameters": list(parameters)} if parameters else None,
    }


def failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Write an error in Spotify's shape."""
    body = orjson.dumps({"error": {"status": status, "message": message}})
    return Response(body, status, headers=headers, media_type="application/json; charset=utf-8")


def failure_of(error: AppError) -> Response:
    """Write an `AppError` in Spotify's shape, with its headers."""
    status, _ = status_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = (
            f'Bearer realm="quintet", error="invalid_token", error_description="{error.message}"'
        )
    if isinstance(error, ResourceExhausted | NotReady):
        headers["Retry-After"] = error.metadata.get("retry_after", "1")
    return failure(status, error.message, headers)


class WebApiRoute(APIRoute):
    """A route that answers every failure in Spotify's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except AppError as error:
                return failure_of(error)
            # Spotify's clients show the message; FastAPI's list of faults does not fit the shape.
            except RequestValidationError:
                return failure(400, "Invalid request")
            except TimeoutError:
                return failure(
                    504,
                    "The answer took longer than the time allowed; allow more time or try again.",
                )
            except grpc.aio.AioRpcError as fault:
                return _upstream_failure(fault)

        return guarded


def _upstream_failure(fault: grpc.aio.AioRpcError) -> Response:
    error = error_of(fault)
    if isinstance(error, Unauthenticated | PermissionDenied):
        # The caller's token was valid: the keys of gateway and service differ.
        _log.error("a service rejects the gateway's token", code=fault.code().name)
        return failure(503, "A service that this one calls is unavailable; try again in a second.")
    if error is not None:
        return failure_of(error)
    _log.error("fault of an upstream service", code=fault.code().name, exc_info=fault)
    return failure(500, f"Internal error; quote request id {REQUEST_ID.get() or 'none'}.")
