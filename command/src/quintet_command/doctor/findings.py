"""What the doctor says of one thing."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    WELL = "well"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, such as "database".
        state: How it is.
        said: What was found, one line, without secrets.
        remedy: What to do, one line; empty where all is well.
    """

    name: str
    state: State
    said: str
    remedy: str = ""


def well(name: str, said: str) -> Finding:
    """Return that all is well."""
    return Finding(name, State.WELL, said)


def look(name: str, said: str, remedy: str) -> Finding:
    """Return that something deserves a look; nothing fails for it."""
    return Finding(name, State.LOOK, said, remedy)


def wrong(name: str, said: str, remedy: str) -> Finding:
    """Return that something is wrong."""
    return Finding(name, State.WRONG, said, remedy)
