"""How a command says that it cannot do what was asked: one line, exit code 2."""

import contextlib
from collections.abc import Iterator

from typer.exceptions import TyperException


class CommandFailed(TyperException):
    """What was asked cannot be done; the message is one line for a person, naming the remedy."""

    exit_code = 2


@contextlib.contextmanager
def failing_on(*expected: type[Exception]) -> Iterator[None]:
    """Turn exceptions whose message is for a person into `CommandFailed`.

    Raises:
        CommandFailed: With the message of the exception.
    """
    try:
        yield
    except expected as fault:
        raise CommandFailed(str(fault)) from fault
