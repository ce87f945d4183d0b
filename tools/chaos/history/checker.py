"""Checks a history offline: `violations(operations)` lists each broken promise.

The promises, each a rule below:

- Each acknowledged event is stored once. One with an unknown outcome is stored once or not at all.
- After a deletion was acknowledged, no event of the listener from before it is in any place.
- An event that was undone is seen nowhere, and its row has neither act nor track.
- Memory, export and training rows contain what the stored events say, and nothing else.
- A ranker serves promotions in their order, each once at most, and the last one in the end.
- A list names a version that a ranker served at that time.

An operation takes effect between its start and its end; one with an unknown outcome at any time
after its start, or never. Where the order of two operations is open, every order is allowed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tools.chaos.history.operations import Operation, Outcome
from tools.chaos.history.promotions import unordered_versions, unserved_lists

# The store writes times in milliseconds, cut off.
_CUT_SECONDS: Final = 0.002
UNDONE: Final = "undone"
DATABASE, MEMORY, SPOOL, EXPORT, TRAINING, MODELS = (
    *("database", "memory", "spool", "export", "training", "models"),
)
PLACES: Final = (DATABASE, MEMORY, SPOOL, EXPORT, TRAINING, MODELS)
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """A broken promise: the rule, and what broke it."""

    rule: str
    text: str


class History:
    """Operations by what they are about."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.attempts: dict[str, list[Operation]] = defaultdict(list)
        self.undos: dict[str, list[Operation]] = defaultdict(list)
        self.deletes: dict[str, list[Operation]] = defaultdict(list)
        self.exports: list[Operation] = []
        self.places: dict[str, list[Entry]] = {}
        for each in operations:
            if each.kind == "event":
                self.attempts[each.facts["event"]].append(each)
            elif each.kind == "undo" and each.possible:
                self.undos[each.facts["event"]].append(each)
            elif each.kind == "delete" and each.possible:
                self.deletes[each.facts["listener"]].append(each)
            elif each.kind == "export" and each.outcome is Outcome.OK:
                self.exports.append(each)
            elif each.kind == "state":
                self.places[each.facts["place"]] = each.facts["entries"]

    def deletes_of(self, event: str) -> list[Operation]:
        """List the deletions of an event's listener that may have taken effect."""
        return self.deletes[self.attempts[event][0].facts["listener"]]

    def must_be_stored(self, event: str) -> bool:
        """Decide whether an attempt was acknowledged that no deletion may have come after."""
        acknowledged = [each for each in self.attempts[event] if each.outcome is Outcome.OK]
        last = max((each.latest for each in self.deletes_of(event)), default=0.0)
        return any(each.start >= last for each in acknowledged)

    def deleted_by(self, event: str, seen: float) -> Operation | None:
        """Find a deletion, acknowledged by a time, that came after every attempt."""
        last = max((each.latest for each in self.attempts[event] if each.possible), default=0.0)
        return next(
            (
                each
                for each in self.deletes_of(event)
                if each.outcome is Outcome.OK and last <= each.start and each.end <= seen
            ),
            None,
        )

    def undone_by(self, event: str, seen: float) -> bool:
        """Decide whether an undo was acknowledged by a time, and no deletion made room again."""
        first = self.attempts[event][0].start
        if any(each.latest > first for each in self.deletes_of(event)):
            return False
        return any(each.outcome is Outcome.OK and each.end <= seen for each in self.undos[event])


Rule = Callable[[History], Iterator[str]]


def _complete(history: History) -> Iterator[str]:
    """Require a state of every place."""
    yield from (f"nothing says what is in {each}" for each in PLACES if each not in history.places)


def _known(history: History) -> Iterator[str]:
    """Require that each event in a place was sent, did not fail, and is there once."""
    for place in (DATABASE, EXPORT, SPOOL):
        counts = Counter(each["event"] for each in history.places.get(place, ()))
        for event, count in counts.items():
            if not any(each.possible for each in history.attempts.get(event, ())):
                yield f"{event} is in {place}, but was not accepted"
            if count > 1:
                yield f"{event} is in {place} {count} times"
    for read in history.exports:
        for event, count in Counter(read.facts["events"]).items():
            sent = [each for each in history.attempts.get(event, ()) if each.possible]
            if not any(each.start <= read.end for each in sent):
                yield f"{event} was exported before it was sent"
            elif sent[0].facts["listener"] != read.facts["listener"]:
                yield f"{event} of {sent[0].facts['listener']} was exported with another listener"
            if count > 1:
                yield f"{event} was exported {count} times at once"


def _stored(history: History) -> Iterator[str]:
    """Require that each acknowledged event is in the database, as it was sent."""
    rows = {each["event"]: each for each in history.places.get(DATABASE, ())}
    for event, attempts in history.attempts.items():
        row = rows.get(event)
        if row is None:
            if history.must_be_stored(event):
                yield f"{event} was acknowledged and is not in the database"
            continue
        sent = attempts[0].facts
        if row["listener"] != sent["listener"]:
            yield f"{event} is stored for {row['listener']}, not for {sent['listener']}"
        acts = {sent["act"]} | ({UNDONE} if history.undos[event] else set())
        if row["act"] not in acts:
            yield f"{event} is stored as {row['act']}, not as {sent['act']}"


def _deleted(history: History) -> Iterator[str]:
    """Forbid events from before an acknowledged deletion, after it."""
    places = (DATABASE, SPOOL, EXPORT)
    entries = [(place, each) for place in places for each in history.places.get(place, ())]
    yield from _seen_after(history, "deleted", history.deleted_by, entries)
    for each in history.places.get(DATABASE, ()):
        for delete in history.deletes.get(each["listener"], ()):
            received = each["received"]
            if delete.outcome is Outcome.OK and received < delete.start - _CUT_SECONDS:
                yield f"{each['event']} was received before a deletion and is stored after it"


def _undone(history: History) -> Iterator[str]:
    """Forbid an event to be seen after its undo was acknowledged."""
    rows = history.places.get(DATABASE, ())
    entries = [(f"{DATABASE} as {each['act']}", each) for each in rows if each["act"] != UNDONE]
    yield from _seen_after(history, "undone", history.undone_by, entries)


def _seen_after(
    history: History,
    done: str,
    ended_by: Callable[[str, float], object],
    entries: Sequence[tuple[str, Entry]],
) -> Iterator[str]:
    """Report entries in the end, and in exports, of events that had been deleted or undone.

    Args:
        history: All operations.
        done: What was done to the event, for the report.
        ended_by: Whether an event, by its name, ended before a time.
        entries: The last entries that were read, each with its place.
    """
    last = [(each["event"], float("inf"), f"is in {place}") for place, each in entries]
    exported = [
        (event, read.start, "was exported later")
        for read in history.exports
        for event in sorted(set(read.facts["events"]))
    ]
    for event, seen, where in last + exported:
        if event in history.attempts and ended_by(event, seen):
            yield f"{event} was {done} and {where}"


def _derived(history: History) -> Iterator[str]:
    """Require that memory, exports and training rows come from stored events."""
    rows = [each for each in history.places.get(DATABASE, ()) if each["act"] != UNDONE]
    signals = {(each["listener"], each["track"], each["signal"]) for each in rows}
    memory = history.places.get(MEMORY, ())
    remembered = {(each["listener"], each["track"], each["signal"]) for each in memory}
    yield from (f"the memory has {each}, which no event gives" for each in remembered - signals)
    yield from (f"the memory lacks {each} of an event" for each in signals - remembered)
    exported = {each["event"] for each in history.places.get(EXPORT, ())}
    stored = {each["event"] for each in rows}
    yield from (f"{each} is exported, but not stored" for each in exported - stored)
    yield from (f"{each} is stored, but not exported" for each in stored - exported)
    tracks = {(each["listener"], each["track"]) for each in rows}
    for each in history.places.get(TRAINING, ()):
        if (each["listener"], each["track"]) not in tracks:
            yield f"training has {each['track']} of {each['listener']}, which no event gives"


def _drained(history: History) -> Iterator[str]:
    """Require that no event waits in the spool."""
    for each in history.places.get(SPOOL, ()):
        yield f"{each['event']} still waits in the spool"


def _ordered(history: History) -> Iterator[str]:
    """Require that rankers serve promotions in their order, and the last in the end."""
    yield from unordered_versions(history.operations, history.places.get(MODELS, ()))


def _listed(history: History) -> Iterator[str]:
    """Require that a list names a version that a ranker served at that time."""
    yield from unserved_lists(history.operations)


RULES: Final[Mapping[str, Rule]] = {
    "complete": _complete,
    "known": _known,
    "stored once": _stored,
    "stays deleted": _deleted,
    "stays undone": _undone,
    "derived": _derived,
    "drained": _drained,
    "promotions in order": _ordered,
    "lists name what was served": _listed,
}


def violations(operations: Sequence[Operation]) -> list[Violation]:
    """List every broken promise of a history; empty if it is correct."""
    history = History(sorted(operations, key=lambda each: each.start))
    return [Violation(name, text) for name, rule in RULES.items() for text in rule(history)]
