"""What all bodies of requests have in common: strict about names and types, and whole text."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

STRICT: Final = ConfigDict(strict=True, extra="forbid")
# Beyond this a number of JSON may have lost its last digits.
_MOST_EXACT: Final = 2**53
_RULE: Final = "must be text; half of a surrogate pair is none"


def refuse(reason: str, message: str, field: str = "") -> PydanticCustomError:
    """Returns the error of a broken rule; the error handler puts the field's path before it.

    Args:
        reason: A name of `quintet_servicekit.errors.Reason`.
        message: What the field must be.
        field: The last part of the field's path, where the validator stands above it.
    """
    # Curly brackets of the caller's own text must not be read as placeholders.
    text = message.replace("{", "(").replace("}", ")")
    return PydanticCustomError(reason, text, {"field": field})


def _whole_number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MOST_EXACT:
        return int(value)
    return value


Integer = Annotated[int, BeforeValidator(_whole_number)]
"""A whole number, written 38 or, as JSON Schema allows and some programs do, 38.0."""


class Body(BaseModel):
    """A body as JSON, whose text can be written as UTF-8: JSON can name half a surrogate pair."""

    model_config = STRICT

    @model_validator(mode="before")
    @classmethod
    def _is_whole_text(cls, body: Any) -> Any:
        broken = _broken_text(body)
        if broken is not None:
            raise refuse("REQUEST_MALFORMED", _RULE, broken or "body")
        return body


def _broken_text(body: Any) -> str | None:
    """Returns where half of a surrogate pair stands first; None where there is none."""
    left = [("", body)]
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            if not _is_whole(value):
                return path
        elif isinstance(value, dict):
            for name, each in value.items():
                if isinstance(name, str) and not _is_whole(name):
                    # The name itself cannot be told.
                    return path
                left.append((f"{path}.{name}" if path else str(name), each))
        elif isinstance(value, list):
            left.extend((f"{path}[{number}]", each) for number, each in enumerate(value))
    return None


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
