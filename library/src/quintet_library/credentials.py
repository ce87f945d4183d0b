"""Read the password or key of a source from where it is kept: a variable or a file."""

import os

from quintet_settings import SecretUnreadable, secret_at

from quintet_library.records import SourceFailed


def read_credential(place: str, source: str) -> str:
    """Read a secret; it is never stored, printed or logged.

    Args:
        place: `env:NAME` or `file:PATH`; NAME_FILE in the environment names a file too.
        source: Name of the source, for the message.

    Raises:
        SourceFailed: There is no secret; the message names the place, and no content.
    """
    try:
        return secret_at(place, os.environ)
    except SecretUnreadable as fault:
        raise SourceFailed(f"the password or key of {source or 'the source'}: {fault}") from None
