"""Checks that request bodies and query parameters share, and the error that a broken rule gives."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from quintet_contract.limits import MAX_NAME
from quintet_text.id_patterns import NAME_PATTERN, is_name

STRICT: Final = ConfigDict(strict=True, extra="forbid")
# A double holds every whole number up to 2^53; above, JSON may have lost the last digits.
_MAX_EXACT_INTEGER: Final = 2**53
_TEXT_RULE: Final = (
    "must be text that can be written as UTF-8; it has half of a surrogate pair, such as \\ud800"
)


def rule_error(reason: str, message: str, field: str = "") -> PydanticCustomError:
    """Build the error of a broken rule; `app.errors.field_error` puts the field's path before it.

    Args:
        reason: A name of `quintet_servicekit.errors.Reason`.
        message: What the field must be.
        field: The last part of the field's path, for a validator of the model above the field.
    """
    # pydantic reads curly brackets as placeholders, and the message may quote the caller's text.
    text = message.replace("{", "(").replace("}", ")")
    return PydanticCustomError(reason, text, {"field": field})


def within(reason: str, low: float, high: float) -> Callable[[float], float]:
    """Make a validator of a closed range; its error names both ends and the value."""

    def check(value: float) -> float:
        # Compared before it is formatted: a whole number of 400 digits has no float.
        if not low <= value <= high:
            try:
                shown = f"{value:g}"
            except OverflowError:
                shown = "a number beyond all bounds"
            raise rule_error(reason, f"must be {low:g} to {high:g}; got {shown}")
        return value

    return check


def bounds(low: float, high: float) -> Any:
    """Document in OpenAPI a range that `within` checks; pydantic would name another reason."""
    return Field(json_schema_extra={"minimum": low, "maximum": high})


NAME_SCHEMA: Final = {"minLength": 1, "maxLength": MAX_NAME, "pattern": NAME_PATTERN}
"""The rule of `named` in JSON Schema."""
NAME_RULE: Final = f"1 to {MAX_NAME} characters, no control characters, and not only blanks"


def names_something(text: str) -> bool:
    """Return whether a text can be what a track, an artist or a genre is called: `NAME_RULE`."""
    return len(text) <= MAX_NAME and is_name(text)


def named(reason: str) -> Callable[[str], str]:
    """Make a validator of what a track, an artist or a genre is called: `NAME_RULE`."""

    def check(value: str) -> str:
        if not names_something(value):
            raise rule_error(reason, f"must be {NAME_RULE}; got {len(value)} characters")
        return value

    return check


def counted(reason: str, low: int, high: int) -> Callable[[list[Any]], list[Any]]:
    """Make a validator of a list's length."""

    def check(value: list[Any]) -> list[Any]:
        if not low <= len(value) <= high:
            raise rule_error(reason, f"must be {low} to {high}; got {len(value)}")
        return value

    return check


def attribute_values(
    reason: str, ranges: Mapping[str, tuple[float, float]]
) -> Callable[[dict[str, float]], dict[str, float]]:
    """Make a validator of values by attribute, each in the closed range of its attribute."""

    def check(values: dict[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if name not in ranges:
                raise rule_error(reason, f"must be one of {', '.join(ranges)}", name)
            low, high = ranges[name]
            if not (math.isfinite(value) and low <= value <= high):
                raise rule_error(reason, f"must be {low:g} to {high:g}; got {value:g}", name)
        return values

    return check


def _whole_number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_EXACT_INTEGER:
        return int(value)
    return value


Integer = Annotated[int, BeforeValidator(_whole_number)]
"""A whole number, written 38 or, as JSON Schema allows and some programs do, 38.0."""


class StrictBody(BaseModel):
    """Base of JSON bodies: no unknown field, no conversion of types, text that UTF-8 can hold.

    JSON can name half of a surrogate pair, which neither protobuf nor a database stores.
    """

    model_config = STRICT

    @model_validator(mode="before")
    @classmethod
    def _check_text(cls, body: Any) -> Any:
        path = _path_of_broken_text(body)
        if path is not None:
            raise rule_error("REQUEST_MALFORMED", _TEXT_RULE, path or "body")
        return body


def _path_of_broken_text(body: Any) -> str | None:
    """Find the first text with half of a surrogate pair; None if there is none.

    A stack instead of recursion, since the caller decides how deep a body is nested.
    """
    left = [("", body)]
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            if not _is_utf8(value):
                return path
        elif isinstance(value, dict):
            for name, each in value.items():
                if isinstance(name, str) and not _is_utf8(name):
                    # The name itself cannot be written into the error.
                    return path
                left.append((f"{path}.{name}" if path else str(name), each))
        elif isinstance(value, list):
            left.extend((f"{path}[{number}]", each) for number, each in enumerate(value))
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
