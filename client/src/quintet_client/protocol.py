"""One request and how its answer is read, without any input or output.

Both clients send these; so can a program with an HTTP library of its choice.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Self, TypeVar

from pydantic import ValidationError

from quintet_client.errors import AnswerInvalid, ApiError, CredentialsRefused, QuintetError, kind_of

AnswerT = TypeVar("AnswerT", covariant=True)
OtherT = TypeVar("OtherT")
_OK: Final = frozenset({200})


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Call(Generic[AnswerT]):
    """One request and how its answer is read.

    Attributes:
        method: GET, POST, PUT or DELETE.
        path: Below the gateway's address.
        read: Turns an accepted answer into the typed one.
        params: The query.
        body: Sent as JSON.
        content: Sent as it is, by parts of files alone.
        form: Sent as a form, by the token call alone.
        headers: Beyond those that every request has.
        accepts: The HTTP statuses that `read` understands; others raise.
        idempotent: Whether carrying it out twice is the same as once.
        authorised: Whether an access token goes with it.
    """

    method: str
    path: str
    read: Callable[[Reply], AnswerT]
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepts: frozenset[int] = _OK
    idempotent: bool = True
    authorised: bool = True

    def after(self, page_token: str) -> Self:
        """Ask for the page that a token names."""
        return replace(self, params={**self.params, "page_token": page_token})

    def reading(self, read: Callable[[Reply], OtherT]) -> "Call[OtherT]":
        """Read the same answer in another way, such as with one of its headers."""
        return Call(**{**vars(self), "read": read})

    def as_json(self) -> "Call[Any]":
        """Answer with the parsed JSON as the gateway sent it, without a model.

        For programs that pass the answer on, such as a command with `--json`.
        """
        return self.reading(lambda reply: json.loads(reply.content))

    def answer(self, reply: Reply, request_id: str) -> AnswerT:
        """Read the typed answer from a reply.

        Raises:
            QuintetError: The reply is an error, or not what the API says.
        """
        if reply.status not in self.accepts:
            raise error_of(reply, request_id)
        try:
            return self.read(reply)
        except (ValidationError, ValueError) as fault:
            first = str(fault).splitlines()[0]
            raise AnswerInvalid(
                f"The answer to {self.method} {self.path} is not the API's: {first}", request_id
            ) from fault


def error_of(reply: Reply, request_id: str) -> QuintetError:
    """Build the error of a reply; by its status alone if a proxy wrote the body."""
    retry_after = _seconds(reply.headers.get("retry-after"))
    request_id = reply.headers.get("x-request-id", request_id)
    try:
        document = json.loads(reply.content)
        # The token route answers in the form of OAuth (RFC 6749, section 5.2).
        if "error_description" in document:
            message = str(document["error_description"])
            return CredentialsRefused(message, request_id, code=reply.status)
        facts = document["error"]
        detail = (facts.get("details") or [{}])[0]
        reason, message = str(detail.get("reason", "")), str(facts["message"])
        metadata = {str(k): str(v) for k, v in dict(detail.get("metadata", {})).items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        reason, metadata, message = "", {}, f"The gateway answered {reply.status}"
    # A redirect or an unexpected 2xx: some other server.
    if reply.status < 400:
        return AnswerInvalid(f"The gateway answered {reply.status}", request_id)
    kind: type[ApiError] = kind_of(reply.status, reason)
    return kind(
        message,
        request_id,
        code=reply.status,
        reason=reason,
        metadata=metadata,
        retry_after=retry_after,
    )


def _seconds(text: str | None) -> float | None:
    """Read the seconds of a Retry-After header; None for dates and malformed values."""
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
