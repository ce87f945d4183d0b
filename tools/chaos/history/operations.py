"""A history: what clients asked for under chaos, when, with which outcome, and what was seen after.

The file has one JSON object per line. Times are seconds since 1970, by one clock that never jumps.

| kind | facts |
| --- | --- |
| event | event, listener, track, act |
| undo | event |
| delete | listener |
| export | listener, events: ids in the answer |
| list | version: of the model that the answer names |
| promote | version |
| model | ranker, version: what a ranker serves |
| state | place, entries: what was found there when all was quiet again |
"""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """What the client knows of an operation.

    A failed operation changed nothing. One that is unknown, such as after a time-out, took effect
    or did not, and may do so later.
    """

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Operation:
    """One operation of a client, or one observation.

    Attributes:
        kind: See above.
        start: When it was sent.
        end: When the client got its outcome.
        outcome: What the client got.
        facts: See above.
    """

    kind: str
    start: float
    end: float
    outcome: Outcome = Outcome.OK
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def possible(self) -> bool:
        """Whether it may have taken effect."""
        return self.outcome is not Outcome.FAILED

    @property
    def latest(self) -> float:
        """The latest time at which it may take effect; infinite if the outcome is unknown."""
        return inf if self.outcome is Outcome.UNKNOWN else self.end


class HistoryFile:
    """Appends operations to a file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, operation: Operation) -> None:
        """Write an operation."""
        with self._lock:
            self._stream.write(f"{json.dumps(asdict(operation))}\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read_history(lines: Iterable[str]) -> list[Operation]:
    """Read operations, the earliest first.

    Raises:
        ValueError: A line is not an operation.
    """
    operations = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            operations.append(Operation(**{**entry, "outcome": Outcome(entry["outcome"])}))
        except (ValueError, TypeError, KeyError) as fault:
            raise ValueError(f"line {number} is not an operation: {fault}") from fault
    return sorted(operations, key=lambda each: each.start)
