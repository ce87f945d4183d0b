"""The extra `operator`: what all commands need, except those that only ask a gateway."""

import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, ParamSpec

from quintet_command.cli.failure import CommandFailed

P = ParamSpec("P")
# The extra brings this package, and nothing else does.
_SIGN: Final = "quintet_training"


def require_operator(command: str) -> None:
    """Check that the libraries of an operator's command are installed.

    Raises:
        CommandFailed: They are not; the message says what to install.
    """
    if find_spec(_SIGN) is None:
        raise CommandFailed(
            f"{command} needs the extra `operator`, which is not installed; "
            "in the repository, run: uv sync --package quintet-command --extra operator"
        )


def for_operators(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that it asks for the extra before it imports anything of it."""

    # Typer reads names, options and help from the function that `wraps` points at.
    @functools.wraps(command)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        require_operator(f"quintet {command.__name__.replace('_', '-')}")
        command(*args, **kwargs)

    return checked
