"""Parts that the calls share: how a request is written, and how an answer is read."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from quintet_client import models
from quintet_client.protocol import Call, Reply

ModelT = TypeVar("ModelT", bound=models.Answer)


def get(path: str, kind: type[ModelT], params: Mapping[str, str] | None = None) -> Call[ModelT]:
    """Build a call that reads."""
    return Call("GET", path, reads(kind), params=params or {})


def created(path: str, kind: type[ModelT], given: Mapping[str, Any]) -> Call[ModelT]:
    """Build a call that makes something new; fields that are None are not sent."""
    body = {name: value for name, value in given.items() if value is not None}
    return Call("POST", path, reads(kind), body=body, idempotent=False)


def reads(kind: type[ModelT]) -> Callable[[Reply], ModelT]:
    """Return what reads the JSON of an answer as a model; it raises `ValidationError`."""
    return lambda reply: kind.model_validate_json(reply.content)


def params_of(**values: str | int | None) -> dict[str, str]:
    """Write the parameters of a query; those that are None or empty are not sent."""
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def fields_of(part: BaseModel) -> dict[str, Any]:
    """Convert a part of a request to JSON, without fields that are None."""
    return part.model_dump(mode="json", exclude_none=True)


def quoted(part: str) -> str:
    """Escape a part of a path."""
    # "." and ".." would be taken for steps through the path.
    return quote(part, safe="").replace(".", "%2E")
