"""Puts candidates in order, one release per recording, and picks a list from them."""

from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import Bits, Floats, Lists, Numbers
from quintet_engine.kernel.order import falling_key, slot_of, sort_by, table_for
from quintet_engine.kernel.signatures import LISTS, reads, writes
from quintet_engine.kernel.sums import dot

Places = NDArray[np.int64]
Wide = NDArray[np.float64]

# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64
_SIGN: Final = np.uint64(1 << 63)
_ALL: Final = np.uint64(2**64 - 1)


@inlined
def _sort_by_score(scores: Any, order: Any, scratch: Any) -> None:
    """Sort places by their float64 score, the greatest first, equal ones as they are."""
    count = len(scores)
    low, high = np.empty(count, np.uint32), np.empty(count, np.uint32)
    positive = np.empty(count, np.float64)
    for place in range(count):
        # + 0: so that 0.0 and -0.0 have the same bits.
        positive[place] = scores[place] + 0.0
    bits = positive.view(np.uint64)
    for place in range(_U(count)):
        # IEEE 754: positive floats are ordered as their bits are; negative ones the other way
        # round. All bits are inverted, since the greatest comes first.
        key = bits[place] if bits[place] & _SIGN else bits[place] ^ (_ALL ^ _SIGN)
        low[place], high[place] = np.uint32(key), np.uint32(key >> _U(32))
    sort_by(low, order, scratch)
    sort_by(high, order, scratch)


@compiled(
    writes(np.int64)(
        reads(np.int32), reads(np.float64), reads(np.float32), reads(np.int32), types.boolean
    )
)
def best_releases(
    rows: Numbers, scores: Wide, closeness: Floats, recording: Numbers, ascending: bool
) -> Places:
    """Order candidates, the best first, and keep the best release of each recording.

    Args:
        rows: int32 (c,), the candidates.
        scores: float64 (c,), finite.
        closeness: float32 (c,), without NaN; decides among equal scores, then the lower row.
        recording: int32 (n,), the recordings of the catalogue's rows.
        ascending: Whether the rows ascend already.

    Returns:
        Places among the candidates, int64.
    """
    count = len(rows)
    order, scratch = np.empty(count, np.int32), np.empty(count, np.int32)
    keys = np.empty(count, np.uint32)
    for place in range(count):
        order[place] = place
        keys[place] = rows[place]
    if not ascending:
        sort_by(keys, order, scratch)
    for place in range(count):
        keys[place] = falling_key(closeness[place])
    sort_by(keys, order, scratch)
    _sort_by_score(scores, order, scratch)
    table, size = table_for(count), 0
    best = np.empty(count, np.int64)
    for each in order:
        number = recording[rows[each]]
        slot = slot_of(table, number)
        if table[slot] < 0:
            table[slot] = number
            best[size] = each
            size += 1
    return best[:size]


@compiled(types.Array(types.boolean, 1, "C")(LISTS, reads(np.uint8), reads(np.int32)))
def have_any(lists: Lists, marked: Bits, rows: Numbers) -> NDArray[np.bool_]:
    """Check which rows have a marked member, bool (k,).

    Args:
        lists: The members of every row, such as a track's artists.
        marked: uint8, 1 for each marked number.
        rows: int32 (k,).
    """
    result = np.zeros(len(rows), np.bool_)
    for place in range(_U(len(rows))):
        row = _U(rows[place])
        for each in range(_U(lists.starts[row]), _U(lists.starts[row + _U(1)])):
            if marked[_U(lists.members[each])]:
                result[place] = True
                break
    return result


@inlined
def _larger(table: Any, counts: Any) -> Any:
    """Move a table of numbers and their counts to one of twice the size."""
    larger = table_for(len(table) // 2)
    moved = np.zeros(len(larger), np.int32)
    for slot in range(len(table)):
        if table[slot] >= 0:
            place = slot_of(larger, table[slot])
            larger[place], moved[place] = table[slot], counts[slot]
    return larger, moved


@inlined
def _take(artists: Any, row: Any, table: Any, counts: Any, used: Any) -> Any:
    """Count all artists of a row: a guest appearance counts for the guest too."""
    for each in range(artists.starts[row], artists.starts[row + 1]):
        if 2 * used >= len(table):
            table, counts = _larger(table, counts)
        slot = slot_of(table, artists.members[each])
        if table[slot] < 0:
            table[slot] = artists.members[each]
            used += 1
        counts[slot] += 1
    return table, counts, used


@inlined
def _admits(artists: Any, row: Any, table: Any, counts: Any, most: Any) -> Any:
    """Check whether each artist of a row has fewer tracks than the cap, which is 0 for none."""
    if most > 0:
        for each in range(artists.starts[row], artists.starts[row + 1]):
            slot = slot_of(table, artists.members[each])
            if table[slot] >= 0 and counts[slot] >= most:
                return False
    return True


_PLACES: Final = reads(np.int64)


@compiled(
    writes(np.int64)(reads(np.int32), LISTS, _PLACES, _PLACES, types.int64, types.int64),
)
def pick(
    rows: Numbers, artists: Lists, among: Places, before: Places, limit: int, most: int
) -> Places:
    """Pick places in their order, as far as the cap on tracks per artist allows.

    Args:
        rows: int32 (c,), candidates, best first.
        artists: The artists of every row.
        among: int64, ascending, the places that may be picked.
        before: int64, places picked before, which count for the cap.
        limit: How many.
        most: Most tracks that share any artist; 0 for no cap.
    """
    table, used = table_for(64), 0
    counts = np.zeros(len(table), np.int32)
    for place in before:
        table, counts, used = _take(artists, rows[place], table, counts, used)
    picked, size = np.empty(min(limit, len(among)), np.int64), 0
    for place in among:
        if size == len(picked):
            break
        row = rows[place]
        if _admits(artists, row, table, counts, most):
            table, counts, used = _take(artists, row, table, counts, used)
            picked[size] = place
            size += 1
    return picked[:size]


@inlined
def _relevance(scores: Any, among: Any) -> Any:
    """Scale the scores of some places to 0..1; all 1 if they are equal."""
    low, high = np.inf, -np.inf
    for place in among:
        low, high = min(low, scores[place]), max(high, scores[place])
    result = np.ones(len(among))
    if high > low:
        for each in range(len(among)):
            result[each] = (scores[among[each]] - low) / (high - low)
    return result


@compiled(
    writes(np.int64)(
        *(reads(np.int32), reads(np.float64), reads(np.float32, 2), LISTS, _PLACES, _PLACES),
        *(types.int64, types.int64, types.float64),
    )
)
def pick_varied(
    rows: Numbers,
    scores: Wide,
    units: Floats,
    artists: Lists,
    among: Places,
    before: Places,
    limit: int,
    most: int,
    diversity: float,
) -> Places:
    """Pick places by maximal marginal relevance, see `reranking.choose`.

    Args:
        rows: int32 (c,), candidates, best first.
        scores: float64 (c,).
        units: float32 (c, 14), their unit vectors.
        artists: As in `pick`, and so are the further arguments.
        among: Likewise.
        before: Likewise.
        limit: Likewise.
        most: Likewise.
        diversity: 0..1.
    """
    table, used = table_for(64), 0
    counts = np.zeros(len(table), np.int32)
    for place in before:
        table, counts, used = _take(artists, rows[place], table, counts, used)
    worth, width = _relevance(scores, among), units.shape[1]
    # The least cosine there is, so that the first pick goes by relevance alone.
    nearest, free = np.full(len(among), np.float32(-1)), np.ones(len(among), np.bool_)
    picked, size = np.empty(min(limit, len(among)), np.int64), 0
    for _ in range(len(among)):
        if size == len(picked):
            break
        best, most_worth = -1, -np.inf
        for each in range(len(among)):
            value = (1 - diversity) * worth[each] - diversity * np.float64(nearest[each])
            # The first among equals, which has the better rank.
            if free[each] and value > most_worth:
                best, most_worth = each, value
        free[best] = False
        row = rows[among[best]]
        if not _admits(artists, row, table, counts, most):
            continue
        table, counts, used = _take(artists, row, table, counts, used)
        picked[size] = among[best]
        size += 1
        for each in range(len(among)):
            cosine = dot(units, among[each] * width, units, among[best] * width, width)
            nearest[each] = max(nearest[each], cosine)
    return picked[:size]
