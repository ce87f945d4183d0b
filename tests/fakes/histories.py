"""Correct histories made by a small exact model of the product, and faults to put into them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from tools.chaos.history.checker import (
    DATABASE,
    EXPORT,
    MEMORY,
    MODELS,
    SPOOL,
    TRAINING,
    UNDONE,
    History,
)
from tools.chaos.history.operations import Operation, Outcome

ACTS = ("like", "dislike")
VERSIONS = ("m1", "m2", "m3")
EVENTS, LISTENERS, SECONDS = 8, 3, 60.0
Entry = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """An operation to be done: effect says when within its interval, or None for never."""

    kind: str
    number: int
    start: float
    seconds: float
    effect: float
    outcome: Outcome
    happens: bool


WISHES = st.lists(
    st.builds(
        Wish,
        st.sampled_from(("event", "event", "event", "undo", "delete", "export")),
        st.integers(0, EVENTS - 1),
        st.floats(0, SECONDS),
        st.floats(0.1, 8),
        st.floats(0.05, 0.95),
        st.sampled_from((Outcome.OK, Outcome.OK, Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN)),
        st.booleans(),
    ),
    min_size=4,
    max_size=25,
)
PROMOTIONS = st.lists(
    st.tuples(st.sampled_from(VERSIONS), st.floats(0.5, 6), st.sampled_from(list(Outcome))),
    min_size=1,
    max_size=6,
)


def facts_of(event: int) -> Entry:
    return {
        "event": f"e{event}",
        "listener": f"l{event % LISTENERS}",
        "track": f"t{event}",
        "act": ACTS[event % 2],
    }


@dataclass
class Product:
    """The rows of the database, and what operations do to them at their instant."""

    rows: dict[str, Entry] = field(default_factory=dict)
    trained: set[tuple[str, str]] = field(default_factory=set)

    def event(self, wish: Wish, at: float) -> tuple[bool, Entry]:
        facts = facts_of(wish.number)
        row = {**facts, "signal": facts["act"], "received": at}
        self.rows.setdefault(facts["event"], row)
        return True, facts

    def undo(self, wish: Wish, _at: float) -> tuple[bool, Entry]:
        event = f"e{wish.number}"
        if event in self.rows:
            self.rows[event] = {**self.rows[event], "act": UNDONE, "track": "", "signal": ""}
        return event in self.rows, {"event": event}

    def delete(self, wish: Wish, _at: float) -> tuple[bool, Entry]:
        listener = f"l{wish.number % LISTENERS}"
        self.rows = {k: row for k, row in self.rows.items() if row["listener"] != listener}
        return True, {"listener": listener}

    def export(self, wish: Wish, _at: float) -> tuple[bool, Entry]:
        listener = f"l{wish.number % LISTENERS}"
        seen = [row["event"] for row in self.live() if row["listener"] == listener]
        return True, {"listener": listener, "events": seen}

    def live(self) -> list[Entry]:
        return [row for row in self.rows.values() if row["act"] != UNDONE]

    def places(self) -> dict[str, list[Entry]]:
        live = self.live()
        return {
            DATABASE: list(self.rows.values()),
            MEMORY: [{name: row[name] for name in ("listener", "track", "signal")} for row in live],
            EXPORT: [{"event": row["event"], "listener": row["listener"]} for row in live],
            TRAINING: [{"listener": row["listener"], "track": row["track"]} for row in live[::2]],
            SPOOL: [],
        }


def feedback_history(wishes: Sequence[Wish]) -> list[Operation]:
    """Do the operations in the order of their instants, and describe the end."""
    product, done = Product(), []
    for wish in sorted(wishes, key=lambda each: each.start + each.effect * each.seconds):
        end, at = wish.start + wish.seconds, wish.start + wish.effect * wish.seconds
        outcome = wish.outcome
        happens = outcome is Outcome.OK or (outcome is Outcome.UNKNOWN and wish.happens)
        before = dict(product.rows)
        known, facts = getattr(product, wish.kind)(wish, at)
        if not happens:
            product.rows = before
        elif not known:
            outcome = Outcome.FAILED  # nothing to undo
        done.append(Operation(wish.kind, wish.start, end, outcome, facts))
    return [*done, *(_state(place, entries) for place, entries in product.places().items())]


def _state(place: str, entries: Sequence[Any]) -> Operation:
    end = 10 * SECONDS
    return Operation("state", end, end, Outcome.OK, {"place": place, "entries": entries})


def model_history(promotions: Sequence[tuple[str, float, Outcome]], lag: float) -> list[Operation]:
    """Promote one after the other; each ranker follows so many seconds later."""
    done, champions, at = [], [(0.0, "m1")], 0.0
    first = ("m1", 0.5, Outcome.OK)
    for version, seconds, outcome in (first, *promotions, ("m3", 1.0, Outcome.OK)):
        done.append(Operation("promote", at, at + 0.2, outcome, {"version": version}))
        if outcome is not Outcome.FAILED:
            champions.append((at + 0.1, version))
        at += seconds
    seen = []
    for ranker, late in (("ranker-1", lag), ("ranker-2", 2 * lag)):
        for tick in range(int(2 * (at + 2 * lag)) + 2):
            now = 0.1 + tick / 2
            version = [each for moment, each in champions if moment <= max(0.1, now - late)][-1]
            facts = {"ranker": ranker, "version": version}
            seen.append(Operation("model", now, now + 0.01, Outcome.OK, facts))
            seen.append(Operation("list", now, now + 0.02, Outcome.OK, {"version": version}))
    final = [{"ranker": ranker, "version": "m3"} for ranker in ("ranker-1", "ranker-2")]
    return [*done, *seen, _state(MODELS, final)]


# Faults: each changes a correct history, or returns None where it has nothing to change

Fault = Callable[[list[Operation]], list[Operation] | None]


def changed_place(
    operations: Sequence[Operation], place: str, change: Callable[[list[Entry]], list[Entry]]
) -> list[Operation]:
    return [
        replace(each, facts={"place": place, "entries": change(list(each.facts["entries"]))})
        if each.kind == "state" and each.facts["place"] == place
        else each
        for each in operations
    ]


def _first(history: History, fits: Callable[[str], bool]) -> Entry | None:
    """The row that an event had or would have, of the first event that fits."""
    for event, attempts in history.attempts.items():
        if fits(event):
            facts = attempts[0].facts
            return {**facts, "signal": facts["act"], "received": attempts[0].end}
    return None


def _database(history: History, event: str) -> Entry | None:
    return next((row for row in history.places[DATABASE] if row["event"] == event), None)  # type: ignore[return-value]


def lost(operations: list[Operation]) -> list[Operation] | None:
    history = History(operations)
    row = _first(history, history.must_be_stored)
    if row is None:
        return None
    return changed_place(
        operations, DATABASE, lambda rows: [each for each in rows if each["event"] != row["event"]]
    )


def doubled(operations: list[Operation]) -> list[Operation] | None:
    if not History(operations).places[DATABASE]:
        return None
    return changed_place(operations, DATABASE, lambda rows: [*rows, rows[0]])


def _back(place: str) -> Fault:
    def fault(operations: list[Operation]) -> list[Operation] | None:
        history = History(operations)
        row = _first(history, lambda event: history.deleted_by(event, float("inf")) is not None)
        if row is None:
            return None
        return changed_place(operations, place, lambda rows: [*rows, row])

    return fault


def made_up(operations: list[Operation]) -> list[Operation]:
    row = {**facts_of(0), "event": "x", "signal": "like", "received": 1.0}
    return changed_place(operations, DATABASE, lambda rows: [*rows, row])


def failed_is_stored(operations: list[Operation]) -> list[Operation] | None:
    history = History(operations)
    row = _first(history, lambda event: not any(each.possible for each in history.attempts[event]))
    if row is None:
        return None
    return changed_place(operations, DATABASE, lambda rows: [*rows, row])


def undone_is_back(operations: list[Operation]) -> list[Operation] | None:
    history = History(operations)
    row = _first(
        history,
        lambda event: (
            history.undone_by(event, float("inf")) and _database(history, event) is not None
        ),
    )
    if row is None:
        return None
    return changed_place(
        operations,
        DATABASE,
        lambda rows: [row if each["event"] == row["event"] else each for each in rows],
    )


def _first_row_with(**values: str) -> Fault:
    def fault(operations: list[Operation]) -> list[Operation] | None:
        if not History(operations).places[DATABASE]:
            return None
        return changed_place(operations, DATABASE, lambda rows: [{**rows[0], **values}, *rows[1:]])

    return fault


def _without_first(place: str) -> Fault:
    def fault(operations: list[Operation]) -> list[Operation] | None:
        if not History(operations).places[place]:
            return None
        return changed_place(operations, place, lambda rows: rows[1:])

    return fault


def _with(place: str, entry: Mapping[str, Any]) -> Fault:
    return lambda operations: changed_place(operations, place, lambda rows: [*rows, dict(entry)])


def exported_after_deletion(operations: list[Operation]) -> list[Operation] | None:
    history = History(operations)
    row = _first(history, lambda event: history.deleted_by(event, 5 * SECONDS) is not None)
    if row is None:
        return None
    facts = {"listener": row["listener"], "events": [row["event"]]}
    return [*operations, Operation("export", 5 * SECONDS, 5 * SECONDS, Outcome.OK, facts)]


def exported_before_sent(operations: list[Operation]) -> list[Operation]:
    facts = {"listener": "l0", "events": ["e0"]}
    return [*operations, Operation("export", -2.0, -1.0, Outcome.OK, facts)]


def no_state(operations: list[Operation]) -> list[Operation]:
    return [each for each in operations if each.facts.get("place") != MEMORY]


FEEDBACK_FAULTS: Mapping[str, Fault] = {
    "lost": lost,
    "doubled": doubled,
    "deleted row": _back(DATABASE),
    "deleted export": _back(EXPORT),
    "deleted spool": _back(SPOOL),
    "made up": made_up,
    "failed is stored": failed_is_stored,
    "undone is back": undone_is_back,
    "other listener": _first_row_with(listener="l9"),
    "other act": _first_row_with(act="skip"),
    "memory lacks": _without_first(MEMORY),
    "memory has more": _with(MEMORY, {"listener": "l0", "track": "t9", "signal": "like"}),
    "training has more": _with(TRAINING, {"listener": "l0", "track": "t9"}),
    "waits in the spool": _with(SPOOL, {"event": "e0"}),
    "export lacks": _without_first(EXPORT),
    "exported after deletion": exported_after_deletion,
    "exported before it was sent": exported_before_sent,
    "no state": no_state,
}


def served_again(operations: list[Operation]) -> list[Operation] | None:
    """A ranker goes back to a version after the last promotion."""
    if any(each.kind == "promote" and each.outcome is Outcome.UNKNOWN for each in operations):
        return None  # it may have taken effect that late
    facts = {"ranker": "ranker-1", "version": "m1"}
    return [*operations, Operation("model", 900.0, 900.1, Outcome.OK, facts)]


def served_too_early(operations: list[Operation]) -> list[Operation]:
    facts = {"ranker": "ranker-2", "version": "m3"}
    return [Operation("model", -1.0, -0.9, Outcome.OK, facts), *operations]


def never_promoted(operations: list[Operation]) -> list[Operation]:
    return [*operations, Operation("list", 5.0, 5.1, Outcome.OK, {"version": "m9"})]


def named_long_after(operations: list[Operation]) -> list[Operation]:
    return [*operations, Operation("list", 900.0, 900.1, Outcome.OK, {"version": "m1"})]


def other_in_the_end(operations: list[Operation]) -> list[Operation]:
    return changed_place(
        operations, MODELS, lambda rows: [*rows[1:], {"ranker": "ranker-1", "version": "m0"}]
    )


MODEL_FAULTS: Mapping[str, Fault] = {
    "served again": served_again,
    "served too early": served_too_early,
    "never promoted": never_promoted,
    "named long after": named_long_after,
    "other in the end": other_in_the_end,
}
