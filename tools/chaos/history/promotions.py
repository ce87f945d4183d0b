"""Checks which model versions rankers served, and which lists named, against the promotions."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tools.chaos.history.operations import Operation, Outcome

# A ranker that just restarted may serve a promotion for a moment that no observation meets.
_UNSEEN_SECONDS: Final = 20.0
# Each state of the search is a promotion reached, and the promotions used out of their order.
_State = tuple[int, frozenset[int]]


def unordered_versions(
    operations: Sequence[Operation], final: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Describe each ranker whose versions do not follow the promotions.

    Args:
        operations: The earliest first.
        final: What each ranker serves in the end: ranker, version.
    """
    promotions = [each for each in operations if each.kind == "promote" and each.possible]
    for ranker, seen in _observations(operations).items():
        changes = [seen[0], *(b for a, b in pairwise(seen) if _version(a) != _version(b))]
        states: set[_State] = {(-1, frozenset())}
        for change in changes:
            states = {state for each in states for state in _next(promotions, each, change)}
            if not states:
                yield (
                    f"{ranker} serves {_version(change)} at {change.end:.3f}, "
                    "which follows no promotion in order"
                )
                break
    yield from _not_last(promotions, final)


def _next(promotions: Sequence[Operation], state: _State, change: Operation) -> Iterator[_State]:
    """Yield the states after a ranker has changed to a version."""
    reached, used = state
    fitting = [
        number
        for number, each in enumerate(promotions)
        if _version(each) == _version(change) and each.start <= change.end and number not in used
    ]
    # The earliest that is in order leaves most for later changes.
    yield from ((number, used) for number in [n for n in fitting if n > reached][:1])
    for number in fitting:
        # With an unknown outcome it may have taken effect after later ones.
        if number < reached and promotions[number].outcome is Outcome.UNKNOWN:
            yield reached, used | {number}


def _not_last(promotions: Sequence[Operation], final: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    known = [n for n, each in enumerate(promotions) if each.outcome is Outcome.OK]
    if not known:
        return
    unknown = [each for each in promotions if each.outcome is Outcome.UNKNOWN]
    allowed = {_version(promotions[known[-1]]), *map(_version, unknown)}
    for each in final:
        if each["version"] not in allowed:
            yield f"{each['ranker']} serves {each['version']} in the end, not the last promotion"


def unserved_lists(operations: Sequence[Operation]) -> Iterator[str]:
    """Describe each list whose version no ranker can have served when it was made."""
    seen = list(_observations(operations).values())
    begins = [[each.start for each in one] for one in seen]
    ends = [[each.end for each in one] for one in seen]
    promotions = [each for each in operations if each.kind == "promote" and each.possible]
    for each in operations:
        if each.kind != "list" or each.outcome is not Outcome.OK:
            continue
        served = {
            _version(one[number])
            for one, start, end in zip(seen, begins, ends, strict=True)
            # From the last observation before the list to the first one after it.
            for number in range(
                max(0, bisect_right(end, each.start) - 1),
                min(len(one), bisect_left(start, each.end) + 1),
            )
        }
        recent = {
            _version(one)
            for one in promotions
            if each.start - _UNSEEN_SECONDS <= one.start <= each.end
        }
        if _version(each) not in served | recent:
            yield f"a list of {each.end:.3f} names {_version(each)}, which no ranker served then"


def _observations(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = defaultdict(list)
    for each in operations:
        if each.kind == "model" and each.outcome is Outcome.OK:
            found[each.facts["ranker"]].append(each)
    return found


def _version(operation: Operation) -> str:
    return str(operation.facts["version"])
