"""The result of one check of the doctor."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Well; worth a look, while nothing fails; or wrong."""

    WELL = "well"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: The thing that was checked, such as "database".
        state: The judgement.
        said: The observation, one line, without secrets.
        remedy: What to do, one line; empty if all is well.
    """

    name: str
    state: State
    said: str
    remedy: str = ""


def well(name: str, said: str) -> Finding:
    """Report that a thing is well."""
    return Finding(name, State.WELL, said)


def look(name: str, said: str, remedy: str) -> Finding:
    """Report that a thing deserves a look; nothing fails because of it."""
    return Finding(name, State.LOOK, said, remedy)


def wrong(name: str, said: str, remedy: str) -> Finding:
    """Report that a thing is wrong; the command then exits with code 1."""
    return Finding(name, State.WRONG, said, remedy)
