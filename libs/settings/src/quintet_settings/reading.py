"""Reads settings from the environment, and secrets also from the files that it names.

Docker, Kubernetes and systemd hand secrets over as files: what is in the environment is shown by
`docker inspect` and goes to every child process.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource
from quintet_text.decoding import NotText, decode

HTTP_ADDRESS: Final = r"^(https?://\S+)?$"
"""Pattern of an HTTP address; an empty text means no address."""
FILE_SUFFIX: Final = "_FILE"
# Bytes of a secret's file; keys and passwords need some hundred.
_MOST_BYTES: Final = 64 * 1024
_ENV: Final = "env:"
_FILE: Final = "file:"
_CONFIDENTIAL: Final = "confidential"
Confidential = Annotated[str, _CONFIDENTIAL]
"""Text that may hold a secret, such as an address with a password in it."""
FIXED: Final = "fixed"
"""Marks a field that no operator needs to change: `Annotated[float, FIXED]`.

The environment does not set it; a test may, as an argument.
"""


SettingsT = TypeVar("SettingsT", bound="EnvironmentSettings")


class SettingsInvalid(ValueError):
    """A variable holds a value that cannot be used; the message is one line and names it."""


class SecretUnreadable(ValueError):
    """NAME_FILE cannot be used; the message is one line without any content of the file."""

    def __init__(self, setting: str, said: str) -> None:
        super().__init__(f"{setting}: {said}")
        self.setting = setting
        self.said = said


class EnvironmentSettings(BaseSettings):
    """Settings from environment variables; a `SecretStr` or `Confidential` one also by NAME_FILE.

    Raises:
        ValidationError: A value is out of range; or NAME_FILE names nothing that can be read, or
            stands beside NAME. `first_fault` says which setting it is, and never its value.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the files of secrets, and leave fields out that the environment must not set."""
        # A file goes before an empty variable.
        files, environment = _SecretFiles(settings_cls), _Environment(settings_cls)
        return init_settings, files, environment, dotenv_settings, file_secret_settings


class _Environment(EnvSettingsSource):
    """Read the environment but for `FIXED` fields."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Give a field's text, its key and whether it is JSON; no text for a `FIXED` field."""
        if is_fixed(field):
            return None, field_name, False
        return super().get_field_value(field, field_name)


class _SecretFiles(PydanticBaseSettingsSource):
    """Read secrets from the files that NAME_FILE variables name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read the file of one field: its secret or None, the field's key, and False: no JSON."""
        key = field.validation_alias if isinstance(field.validation_alias, str) else field_name
        if not _is_secret(field):
            return None, key, False
        name = _variable(self.settings_cls, field_name, field)
        try:
            return from_file(name, os.environ), key, False
        except SecretUnreadable as fault:
            raise _fault(self.settings_cls.__name__, fault) from None

    def __call__(self) -> dict[str, Any]:
        """Read the files of all secret fields, by the fields' keys."""
        fields = self.settings_cls.model_fields.items()
        found = (self.get_field_value(field, name) for name, field in fields)
        return {key: value for value, key, _ in found if value is not None}


def load(settings: type[SettingsT]) -> SettingsT:
    """Read settings from the environment, with one line on the first wrong value.

    Raises:
        SettingsInvalid: A value is out of range; the message names the variable, not its value.
    """
    try:
        return settings()
    except ValidationError as fault:
        prefix = settings.model_config.get("env_prefix", "")
        raise SettingsInvalid(first_fault(fault, prefix)) from fault


def from_file(name: str, environment: Mapping[str, str]) -> str | None:
    """Read the secret in the file that NAME_FILE names; None if NAME_FILE is not set.

    Raises:
        SecretUnreadable: There is no such file, it holds no secret, or NAME is set too.
    """
    given = {each.upper(): value for each, value in environment.items()}
    setting = f"{name}{FILE_SUFFIX}"
    path = given.get(setting, "")
    if not path:
        return None
    if given.get(name, ""):
        raise SecretUnreadable(setting, f"is given and {name} too; unset one of them")
    return _content(setting, path)


def secret_at(place: str, environment: Mapping[str, str]) -> str:
    """Read a secret from the place that a person named: `env:NAME` or `file:PATH`.

    NAME_FILE in the environment names a file too, as for settings.

    Raises:
        SecretUnreadable: There is no secret; the message names the place.
    """
    if place.startswith(_FILE):
        path = place.removeprefix(_FILE)
        return _content(path, path)
    name = place.removeprefix(_ENV)
    secret = from_file(name.upper(), environment) or environment.get(name, "")
    if not secret:
        raise SecretUnreadable(name, f"holds no secret; set it, or {name}{FILE_SUFFIX} to a file")
    return secret


def secret_names(settings: type[BaseSettings]) -> set[str]:
    """List the variables of a settings class that may come from a file."""
    return {
        _variable(settings, name, field)
        for name, field in settings.model_fields.items()
        if _is_secret(field)
    }


def first_fault(fault: ValidationError, prefix: str) -> str:
    """Describe the first wrong setting in one line, without its value, which may be a secret.

    Args:
        fault: What reading the settings raised.
        prefix: The settings' `env_prefix`.
    """
    first = fault.errors(include_input=False, include_context=False, include_url=False)[0]
    if not first["loc"]:
        return first["msg"]
    field = str(first["loc"][0])
    setting = field if field.isupper() else f"{prefix}{field.upper()}"
    return f"{setting}: {first['msg']}"


def _content(setting: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        # Neither a byte-order mark, with which editors on Windows begin a file, nor the line break
        # at its end is part of the secret.
        text = decode(content).rstrip("\r\n")
    except NotText:
        raise SecretUnreadable(setting, "must name a file of UTF-8 text") from None
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no path"
        raise SecretUnreadable(setting, f"names what cannot be read: {why}") from None
    if len(content) > _MOST_BYTES:
        raise SecretUnreadable(setting, f"must name a file of at most {_MOST_BYTES} bytes")
    if not text or "\0" in text:
        raise SecretUnreadable(setting, "must name a file that holds the secret and nothing else")
    return text


def is_fixed(field: FieldInfo) -> bool:
    """Decide whether the environment leaves a field alone; see `FIXED`."""
    return FIXED in field.metadata


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or _CONFIDENTIAL in field.metadata


def _variable(settings: type[BaseSettings], field_name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    return f"{settings.model_config.get('env_prefix', '')}{field_name.upper()}"


def _fault(title: str, fault: SecretUnreadable) -> ValidationError:
    error = PydanticCustomError("secret_file", "{said}", {"said": fault.said})
    details = InitErrorDetails(type=error, loc=(fault.setting,), input=None)
    return ValidationError.from_exception_data(title, [details], hide_input=True)
