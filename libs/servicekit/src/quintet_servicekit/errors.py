"""The one error tree that crosses process boundaries, in plain Python.

AppError
├── InvalidInput        the caller sent something outside the allowed range
├── NotFound            a named thing does not exist
├── Unauthenticated     no valid credentials
├── PermissionDenied    valid credentials, not enough rights
├── Conflict            the state does not allow it
├── ResourceExhausted   a limit on rate, size or load was reached
├── NotReady            the process cannot answer yet, or an upstream is away
└── DeadlineExceeded    the time allowed ran out

Each member maps once to gRPC (`status.py`) and once to HTTP (the gateway); a test walks the tree.
"""

from collections.abc import Mapping
from enum import StrEnum

DOMAIN = "quintet"


class Reason(StrEnum):
    """Closed list of stable error reasons; `docs/errors.md` documents each with an example."""

    SEED_COUNT = "SEED_COUNT"
    SEED_UNKNOWN = "SEED_UNKNOWN"
    WEIGHT_RANGE = "WEIGHT_RANGE"
    TARGET_RANGE = "TARGET_RANGE"
    FILTER_RANGE = "FILTER_RANGE"
    LIMIT_RANGE = "LIMIT_RANGE"
    DIVERSITY_RANGE = "DIVERSITY_RANGE"
    ARTIST_CAP_RANGE = "ARTIST_CAP_RANGE"
    ID_COUNT = "ID_COUNT"
    ID_UNKNOWN = "ID_UNKNOWN"
    QUERY_LENGTH = "QUERY_LENGTH"
    PAGE_SIZE_RANGE = "PAGE_SIZE_RANGE"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    EVENT_COUNT = "EVENT_COUNT"
    EVENT_RANGE = "EVENT_RANGE"
    LISTENER_INVALID = "LISTENER_INVALID"
    RECOMMENDATION_UNKNOWN = "RECOMMENDATION_UNKNOWN"
    TRACK_UNKNOWN = "TRACK_UNKNOWN"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    METHOD_UNSUPPORTED = "METHOD_UNSUPPORTED"
    TOKEN_INVALID = "TOKEN_INVALID"
    SCOPE_MISSING = "SCOPE_MISSING"
    RATE_LIMITED = "RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    NOT_READY = "NOT_READY"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    DEADLINE = "DEADLINE"
    STATE_CONFLICT = "STATE_CONFLICT"
    INTERNAL = "INTERNAL"


class AppError(Exception):
    """An error whose message a user may read.

    Args:
        reason: The stable reason, for programs.
        message: The text for people; names the field and the allowed range.
        field: The request field at fault, or an empty string.
        metadata: Further facts, such as the allowed range, as strings.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})


class InvalidInput(AppError):
    """The caller sent something outside the allowed range."""


class NotFound(AppError):
    """A named thing does not exist."""


class Unauthenticated(AppError):
    """There are no valid credentials."""


class PermissionDenied(AppError):
    """The credentials are valid but do not allow this."""


class Conflict(AppError):
    """The present state does not allow this."""


class ResourceExhausted(AppError):
    """A limit on rate, size or load was reached; `metadata["retry_after"]` gives seconds."""


class NotReady(AppError):
    """The process cannot answer yet, or an upstream is away; trying again may help."""


class DeadlineExceeded(AppError):
    """The time allowed ran out."""


def overloaded(
    message: str = "More requests come than are answered; try again soon.",
) -> ResourceExhausted:
    """Returns the error of whoever has no room for more now; a second later there may be."""
    return ResourceExhausted(Reason.OVERLOADED, message, metadata={"retry_after": "1"})
