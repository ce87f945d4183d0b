"""The error classes that services raise and that cross process boundaries, in plain Python.

AppError
├── InvalidInput        the caller sent something outside the allowed range
├── NotFound            an id in the request does not exist
├── Unauthenticated     the credentials are missing or not valid
├── PermissionDenied    a scope is missing, or a website of others calls
├── Conflict            the present state does not allow the operation
├── ResourceExhausted   a limit on rate, size or load was reached
├── NotReady            the process cannot answer yet, or an upstream service is unavailable
└── DeadlineExceeded    the time allowed ran out

Each class has one gRPC code (`status.py`) and one HTTP status (the gateway); a test checks that
none is missing.
"""

from collections.abc import Mapping
from enum import StrEnum

# The `domain` of google.rpc.ErrorInfo: reasons of other systems are not mistaken for ours.
DOMAIN = "quintet"


class Reason(StrEnum):
    """Stable names of errors, for programs; `docs/errors.md` documents each with an example."""

    SEED_COUNT = "SEED_COUNT"
    SEED_UNKNOWN = "SEED_UNKNOWN"
    WEIGHT_RANGE = "WEIGHT_RANGE"
    TARGET_RANGE = "TARGET_RANGE"
    FILTER_RANGE = "FILTER_RANGE"
    LIMIT_RANGE = "LIMIT_RANGE"
    DIVERSITY_RANGE = "DIVERSITY_RANGE"
    DISCOVERY_RANGE = "DISCOVERY_RANGE"
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
    EVENT_UNKNOWN = "EVENT_UNKNOWN"
    RECOMMENDATION_UNKNOWN = "RECOMMENDATION_UNKNOWN"
    TRACK_UNKNOWN = "TRACK_UNKNOWN"
    CURSOR_INVALID = "CURSOR_INVALID"
    PATH_ENDS = "PATH_ENDS"
    PATH_NOT_FOUND = "PATH_NOT_FOUND"
    AUDIO_UNAVAILABLE = "AUDIO_UNAVAILABLE"
    PLAY_DENIED = "PLAY_DENIED"
    RANGE_UNSATISFIABLE = "RANGE_UNSATISFIABLE"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    METHOD_UNSUPPORTED = "METHOD_UNSUPPORTED"
    TOKEN_INVALID = "TOKEN_INVALID"
    SCOPE_MISSING = "SCOPE_MISSING"
    ORIGIN_DENIED = "ORIGIN_DENIED"
    RATE_LIMITED = "RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    NOT_READY = "NOT_READY"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    DEADLINE = "DEADLINE"
    STATE_CONFLICT = "STATE_CONFLICT"
    INTERNAL = "INTERNAL"


class AppError(Exception):
    """An error whose message may be shown to the user.

    Args:
        reason: The stable name of the error.
        message: What is wrong, what is allowed, and what to do.
        field: The request field that is wrong; empty if it is not about one field.
        metadata: Further facts for programs, as strings.
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
    """An id in the request does not exist."""


class Unauthenticated(AppError):
    """The credentials are missing or not valid."""


class PermissionDenied(AppError):
    """The caller may not do this: a scope is missing, or a website of others calls."""


class Conflict(AppError):
    """The present state does not allow the operation."""


class ResourceExhausted(AppError):
    """A limit on rate, size or load was reached; `metadata["retry_after"]` gives seconds."""


class NotReady(AppError):
    """The process cannot answer yet, or an upstream service is unavailable; a retry may help."""


class DeadlineExceeded(AppError):
    """The time allowed ran out."""


def overloaded(
    message: str = "More requests arrive than can be answered; try again in a second.",
) -> ResourceExhausted:
    """Build the error for a full queue; one second later there may be room again."""
    return ResourceExhausted(Reason.OVERLOADED, message, metadata={"retry_after": "1"})
