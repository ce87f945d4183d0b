"""Describes settings as environment variables: for `.env.template`, Compose, doctor and docs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from quintet_settings.reading import is_fixed, secret_names


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Attributes:
        name: As in the environment.
        default: As it would be written there; empty for no value.
        meaning: The field's description, with its unit.
        allowed: Range or choices; empty where any text may be a value.
        secret: Whether NAME_FILE may name a file with the value.
    """

    name: str
    default: str
    meaning: str
    allowed: str = ""
    secret: bool = False


def variables_of(settings: type[BaseSettings]) -> Iterator[Variable]:
    """List the variables that a settings class reads, in the order of its fields.

    A field with several aliases gives one variable for each.
    """
    secrets = secret_names(settings)
    for field_name, field in settings.model_fields.items():
        if is_fixed(field):
            continue
        for name in _names(settings, field_name, field):
            yield Variable(
                name,
                _text(field.default),
                field.description or "",
                _allowed(field),
                name in secrets,
            )


def _names(settings: type[BaseSettings], field_name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    if isinstance(alias, str):
        return [alias]
    return [f"{settings.model_config.get('env_prefix', '')}{field_name.upper()}"]


def _text(default: Any) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    return str(default).lower() if isinstance(default, bool) else str(default)


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        *most, last = (str(choice) for choice in get_args(field.annotation))
        return f"{', '.join(most)} or {last}"
    if field.annotation is bool:
        return "true or false"
    low = high = ""
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound):
                low = f"{bound}"
            case Gt(gt=bound):
                low = f"above {bound}"
            case Le(le=bound):
                high = f"{bound}"
            case Lt(lt=bound):
                high = f"below {bound}"
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low and not low.startswith("above") else low or high
