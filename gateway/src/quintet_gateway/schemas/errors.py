"""Errors outside `/v1` in the shape of AIP-193, and their documentation in OpenAPI."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict
from quintet_servicekit.errors import (
    AppError,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    NotReady,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    Unauthenticated,
)

STATUSES: Final[Mapping[type[AppError], tuple[int, str]]] = {
    InvalidInput: (400, "INVALID_ARGUMENT"),
    Unauthenticated: (401, "UNAUTHENTICATED"),
    PermissionDenied: (403, "PERMISSION_DENIED"),
    NotFound: (404, "NOT_FOUND"),
    Conflict: (409, "FAILED_PRECONDITION"),
    ResourceExhausted: (429, "RESOURCE_EXHAUSTED"),
    NotReady: (503, "UNAVAILABLE"),
    DeadlineExceeded: (504, "DEADLINE_EXCEEDED"),
}
# HTTP has more specific status codes for these than the status of their class.
_BY_REASON: Final[Mapping[Reason, int]] = {
    Reason.METHOD_UNSUPPORTED: 405,
    Reason.REQUEST_TOO_LARGE: 413,
    Reason.RANGE_UNSATISFIABLE: 416,
}


def status_of(error: AppError) -> tuple[int, str]:
    """Map an error to its HTTP status and the canonical name of its gRPC status."""
    # The nearest class of the table: subclasses inherit the status.
    code, name = STATUSES[next(kind for kind in type(error).__mro__ if kind in STATUSES)]
    return _BY_REASON.get(error.reason, code), name


class ErrorDetail(BaseModel):
    """The reason of an error, for programs; `reason` is stable."""

    model_config = ConfigDict(extra="forbid")
    reason: str
    domain: Literal["quintet"]
    metadata: dict[str, str]


class ErrorBody(BaseModel):
    """An error for people, with its details for programs."""

    model_config = ConfigDict(extra="forbid")
    code: int
    status: str
    message: str
    details: list[ErrorDetail]


class ErrorResponse(BaseModel):
    """An error; `details[0].reason` is stable, `message` is for people."""

    model_config = ConfigDict(extra="forbid")
    error: ErrorBody


def example(code: int, status: str, reason: str, message: str, field: str = "") -> dict[str, Any]:
    """Build an example of an error for the OpenAPI page."""
    metadata = {"request_id": "3f0c2a9d5b7e4c1f8a6d0e9b2c4f7a10"} | (
        {"field": field} if field else {}
    )
    detail = {"reason": reason, "domain": "quintet", "metadata": metadata}
    return {
        "error": {"code": code, "status": status, "message": message, "details": [detail]},
    }


_EXAMPLES: Final[dict[int, tuple[str, dict[str, Any]]]] = {
    400: (
        "A field breaks its rule; it and the allowed range are named",
        example(400, "INVALID_ARGUMENT", "LIMIT_RANGE", "limit must be 1 to 500; got 501", "limit"),
    ),
    401: (
        "There is no valid access token",
        example(401, "UNAUTHENTICATED", "TOKEN_INVALID", "No token provided"),
    ),
    403: (
        "The access token does not have the scope",
        example(403, "PERMISSION_DENIED", "SCOPE_MISSING", "Insufficient client scope"),
    ),
    404: (
        "The id is not in the catalogue",
        example(
            404,
            "NOT_FOUND",
            "SEED_UNKNOWN",
            "The catalogue does not have track 'nope'.",
            "seeds",
        ),
    ),
    409: (
        "The present state does not allow it; the message says what to do",
        example(
            409,
            "FAILED_PRECONDITION",
            "STATE_CONFLICT",
            "This listener has banned 1,000 artists, the most allowed; lift a ban first.",
        ),
    ),
    413: (
        "The body is too large",
        example(
            413,
            "INVALID_ARGUMENT",
            "REQUEST_TOO_LARGE",
            "The body must be at most 1048576 bytes.",
        ),
    ),
    416: (
        "The range begins after the last byte; Content-Range has the length",
        example(
            416,
            "INVALID_ARGUMENT",
            "RANGE_UNSATISFIABLE",
            "The range begins after the last byte; the file has 4153600 bytes.",
            "Range",
        ),
    ),
    429: (
        "Too many requests; retry after the seconds in Retry-After",
        example(429, "RESOURCE_EXHAUSTED", "RATE_LIMITED", "API rate limit exceeded"),
    ),
    500: (
        "An internal fault; the log has its cause under the request id",
        example(500, "INTERNAL", "INTERNAL", "Internal error; quote request id 3f0c2a9d5b7e."),
    ),
    503: (
        "A service is unavailable or not ready; retry after the seconds in Retry-After",
        example(
            503,
            "UNAVAILABLE",
            "UPSTREAM_UNAVAILABLE",
            "A service that this one calls is unavailable; try again in a second.",
        ),
    ),
    504: (
        "The request's time budget ran out",
        example(
            504,
            "DEADLINE_EXCEEDED",
            "DEADLINE",
            "The answer took longer than the time allowed; allow more time or try again.",
        ),
    ),
}


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Document a route's errors for OpenAPI, each with an example."""
    return {
        code: {
            "model": ErrorResponse,
            "description": _EXAMPLES[code][0],
            "content": {"application/json": {"example": _EXAMPLES[code][1]}},
        }
        for code in codes
    }
