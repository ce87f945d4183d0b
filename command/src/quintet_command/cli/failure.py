"""How a command says that it cannot do what was asked: one line, exit code 2."""

from typer.exceptions import TyperException


class CommandFailed(TyperException):
    """What was asked cannot be done; the message is one line for a person, naming the remedy."""

    exit_code = 2
