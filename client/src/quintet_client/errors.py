"""The exceptions of calls: one tree for HTTP and gRPC.

QuintetError
├── ConnectionFailed    no gateway answers at the address
│   └── CertificateUntrusted    its certificate is not signed by a trusted authority
├── AnswerLost          the connection broke before the answer was complete
├── TimedOut            the time allowed to the call ran out
├── AnswerInvalid       the answer is not one of Quintet's API
└── ApiError            the gateway or a service answered with an error, by status:
    ├── InvalidArgument     (400) SeedCount, LimitRange, …: what was asked breaks a rule
    ├── Unauthenticated     (401) TokenInvalid, CredentialsRefused
    ├── PermissionDenied    (403) ScopeMissing, OriginDenied, PlayDenied
    ├── NotFound            (404) SeedUnknown, IdUnknown, …
    ├── Conflict            (409) StateConflict
    ├── ResourceExhausted   (429) RateLimited, Overloaded
    ├── Internal            (500) InternalFault
    ├── Unavailable         (503) NotReady, UpstreamUnavailable, StoreUnavailable
    └── DeadlineExceeded    (504) Deadline

One class for each reason of the API; a reason that is newer than this package raises its status'
class with the reason in `reason`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import ClassVar, Final


class QuintetError(Exception):
    """A call failed.

    Attributes:
        request_id: The id that this client gave the request; the gateway's logs have it too.
    """

    def __init__(self, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class ConnectionFailed(QuintetError):
    """Nobody answered: the request did not reach a gateway."""


class CertificateUntrusted(ConnectionFailed):
    """The certificate at the address is not signed by a trusted authority; see `ca_file`."""


class AnswerLost(QuintetError):
    """The connection broke after the request was sent; it may have been carried out."""


class TimedOut(QuintetError):
    """The time allowed to the call ran out on this side; it may have been carried out."""


class AnswerInvalid(QuintetError):
    """The answer is too large or not what the API says: is the address that of a gateway?"""


class ApiError(QuintetError):
    """An error that the gateway or a service answered with.

    Attributes:
        code: The HTTP status.
        reason: The stable reason, such as "SEED_UNKNOWN".
        field: The invalid field, such as "seeds[1]"; empty if no field is.
        metadata: Further facts.
        retry_after: Seconds to wait before another try; None if the gateway named none.
    """

    code_of_class: ClassVar[int] = 0
    reason_of_class: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        request_id: str = "",
        *,
        code: int = 0,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, request_id)
        self.code = code or self.code_of_class
        self.reason = reason or self.reason_of_class
        self.metadata = dict(metadata or {})
        self.field = self.metadata.get("field", "")
        self.retry_after = retry_after


class InvalidArgument(ApiError):
    """What was asked breaks a rule; `field` names where, the message the rule."""

    code_of_class = 400


class Unauthenticated(ApiError):
    """There is no valid access token."""

    code_of_class = 401


class PermissionDenied(ApiError):
    """The access token does not allow this."""

    code_of_class = 403


class NotFound(ApiError):
    """A named thing does not exist."""

    code_of_class = 404


class Conflict(ApiError):
    """The present state does not allow this."""

    code_of_class = 409


class ResourceExhausted(ApiError):
    """A limit on rate or load was reached; the request was not carried out."""

    code_of_class = 429


class Internal(ApiError):
    """A fault of the gateway's; its log holds the cause under the request id."""

    code_of_class = 500


class Unavailable(ApiError):
    """The gateway or an upstream service cannot answer now."""

    code_of_class = 503


class DeadlineExceeded(ApiError):
    """The gateway's own time for an answer ran out."""

    code_of_class = 504


class SeedCount(InvalidArgument):
    """There are too few or too many seeds, or a seed names not exactly one thing."""

    reason_of_class = "SEED_COUNT"


class SeedUnknown(NotFound):
    """The catalogue does not have a seed."""

    reason_of_class = "SEED_UNKNOWN"


class WeightRange(InvalidArgument):
    """A weight is out of range or of no attribute."""

    reason_of_class = "WEIGHT_RANGE"


class TargetRange(InvalidArgument):
    """A target is out of range or of no attribute."""

    reason_of_class = "TARGET_RANGE"


class FilterRange(InvalidArgument):
    """A filter is out of range or unknown."""

    reason_of_class = "FILTER_RANGE"


class LimitRange(InvalidArgument):
    """A limit is out of range."""

    reason_of_class = "LIMIT_RANGE"


class DiversityRange(InvalidArgument):
    """Diversity is not between 0 and 1."""

    reason_of_class = "DIVERSITY_RANGE"


class DiscoveryRange(InvalidArgument):
    """The dial from familiar to discover is not between 0 and 1."""

    reason_of_class = "DISCOVERY_RANGE"


class ArtistCapRange(InvalidArgument):
    """The number of tracks of one artist is out of range."""

    reason_of_class = "ARTIST_CAP_RANGE"


class IdCount(InvalidArgument):
    """There are too few or too many ids."""

    reason_of_class = "ID_COUNT"


class IdUnknown(NotFound):
    """The catalogue does not have this id."""

    reason_of_class = "ID_UNKNOWN"


class QueryLength(InvalidArgument):
    """A query is too long."""

    reason_of_class = "QUERY_LENGTH"


class PageSizeRange(InvalidArgument):
    """A page size is out of range."""

    reason_of_class = "PAGE_SIZE_RANGE"


class PageTokenInvalid(InvalidArgument):
    """A page token is not one of this query, or of a catalogue that is gone."""

    reason_of_class = "PAGE_TOKEN_INVALID"


class SourceUnavailable(InvalidArgument):
    """The gateway has no such source, such as Spotify without credentials."""

    reason_of_class = "SOURCE_UNAVAILABLE"


class EventCount(InvalidArgument):
    """There are too few or too many events."""

    reason_of_class = "EVENT_COUNT"


class EventRange(InvalidArgument):
    """A field of an event is out of range."""

    reason_of_class = "EVENT_RANGE"


class ListenerInvalid(InvalidArgument):
    """A listener's id is malformed."""

    reason_of_class = "LISTENER_INVALID"


class EventUnknown(NotFound):
    """The client has sent no event of this id."""

    reason_of_class = "EVENT_UNKNOWN"


class RecommendationUnknown(NotFound):
    """A recommendation's id was never issued, or is older than the retention."""

    reason_of_class = "RECOMMENDATION_UNKNOWN"


class TrackUnknown(NotFound):
    """An event's track is neither in the catalogue nor was it in that list."""

    reason_of_class = "TRACK_UNKNOWN"


class CursorInvalid(InvalidArgument):
    """The cursor of a radio session was altered, or is of another gateway or too old."""

    reason_of_class = "CURSOR_INVALID"


class PathEnds(InvalidArgument):
    """Both ends of a path are the same recording."""

    reason_of_class = "PATH_ENDS"


class PathNotFound(NotFound):
    """There is no path: an end has no audio features, or too few tracks are left."""

    reason_of_class = "PATH_NOT_FOUND"


class AudioUnavailable(NotFound):
    """No source has the track's audio now: its file is gone, or its server does not answer."""

    reason_of_class = "AUDIO_UNAVAILABLE"


class PlayDenied(PermissionDenied):
    """No source of the track allows its audio to be played."""

    reason_of_class = "PLAY_DENIED"


class RangeUnsatisfiable(InvalidArgument):
    """The range begins after the last byte of the audio."""

    code_of_class = 416
    reason_of_class = "RANGE_UNSATISFIABLE"


class RequestMalformed(InvalidArgument):
    """A request is not what the API takes."""

    reason_of_class = "REQUEST_MALFORMED"


class RequestTooLarge(InvalidArgument):
    """A request's body is too large."""

    code_of_class = 413
    reason_of_class = "REQUEST_TOO_LARGE"


class RouteUnknown(NotFound):
    """There is no such path: is the gateway older than this package?"""

    reason_of_class = "ROUTE_UNKNOWN"


class MethodUnsupported(InvalidArgument):
    """The path does not take this method."""

    code_of_class = 405
    reason_of_class = "METHOD_UNSUPPORTED"


class TokenInvalid(Unauthenticated):
    """There is no access token, or it ran out or was revoked."""

    reason_of_class = "TOKEN_INVALID"


class CredentialsRefused(Unauthenticated):
    """Client id and secret are not valid, so no token is issued."""


class OriginDenied(PermissionDenied):
    """The gateway does not know the host name, or the website, of the request."""

    reason_of_class = "ORIGIN_DENIED"


class ScopeMissing(PermissionDenied):
    """The access token lacks a scope; `metadata["scope"]` says which."""

    reason_of_class = "SCOPE_MISSING"


class RateLimited(ResourceExhausted):
    """This client called too often."""

    reason_of_class = "RATE_LIMITED"


class Overloaded(ResourceExhausted):
    """The gateway or a service is at its limit of parallel requests."""

    reason_of_class = "OVERLOADED"


class NotReady(Unavailable):
    """A service is still starting."""

    reason_of_class = "NOT_READY"


class UpstreamUnavailable(Unavailable):
    """An upstream service of the gateway is unavailable."""

    reason_of_class = "UPSTREAM_UNAVAILABLE"


class StoreUnavailable(Unavailable):
    """The gateway's database is unavailable."""

    reason_of_class = "STORE_UNAVAILABLE"


class Deadline(DeadlineExceeded):
    """The gateway's own time for an answer ran out."""

    reason_of_class = "DEADLINE"


class StateConflict(Conflict):
    """The present state does not allow this."""

    reason_of_class = "STATE_CONFLICT"


class InternalFault(Internal):
    """A fault of the gateway's; its log holds the cause under the request id."""

    reason_of_class = "INTERNAL"


_GENERAL: Final = (
    InvalidArgument,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    Conflict,
    ResourceExhausted,
    Internal,
    Unavailable,
    DeadlineExceeded,
)


@cache
def kinds() -> Mapping[str, type[ApiError]]:
    """Map each reason to its class."""

    def below(kind: type[ApiError]) -> Iterator[type[ApiError]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    return {kind.reason_of_class: kind for kind in below(ApiError) if kind.reason_of_class}


def kind_of(code: int, reason: str) -> type[ApiError]:
    """Choose the class of an error.

    Args:
        code: The HTTP status.
        reason: The reason; one that is not known, or comes with another status than it should,
            gives the class of the status.
    """
    general = next((kind for kind in _GENERAL if kind.code_of_class == code), ApiError)
    known = kinds().get(reason, ApiError)
    # A reason with another status than documented is treated by its status alone.
    fits = known.code_of_class == code or issubclass(known, general)
    return known if fits else general
