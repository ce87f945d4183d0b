"""Read the password or key of a source from where it is kept: a variable or a file."""

import os
from collections.abc import Mapping
from typing import Final

from quintet_settings import SecretUnreadable, from_file

from quintet_library.records import SourceFailed

_ENV: Final = "env:"
_FILE: Final = "file:"


def read_credential(place: str, source: str, environment: Mapping[str, str] | None = None) -> str:
    """Read a secret; it is never stored, printed or logged.

    Args:
        place: `env:NAME` or `file:PATH`; NAME_FILE in the environment names a file too.
        source: Name of the source, for messages.
        environment: Instead of that of this process.

    Raises:
        SourceFailed: There is no secret; the message names the place, and no content.
    """
    given = os.environ if environment is None else environment
    if place.startswith(_FILE):
        path = place.removeprefix(_FILE)
        try:
            return from_file("SECRET", {"SECRET_FILE": path}) or ""
        except SecretUnreadable as fault:
            raise SourceFailed(f"source {source}: the file {path} {_said(fault)}") from None
    name = place.removeprefix(_ENV)
    try:
        secret = from_file(name.upper(), given) or given.get(name, "")
    except SecretUnreadable as fault:
        raise SourceFailed(f"source {source}: {fault}") from None
    if not secret:
        raise SourceFailed(
            f"source {source}: the variable {name}, which holds its password or key, is empty; set "
            f"it, or {name}_FILE to a file that holds it"
        )
    return secret


def _said(fault: SecretUnreadable) -> str:
    # These sentences begin for a setting that names the file.
    said = fault.said.removeprefix("names what ").removeprefix("must name a file ")
    return f"must be one {said}" if fault.said.startswith("must name") else said
