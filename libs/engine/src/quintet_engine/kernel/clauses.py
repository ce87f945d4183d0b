"""Splits the facts of a list into the clauses of its sentences; equal clauses are found once.

Many tracks of a list have the same clauses, and a text takes longer to write than all facts to
compare. The rules are those of `quintet_explain.sentences`: facts about one reference follow each
other without its name, and comparisons with one reference are one clause.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import Bits, Numbers
from quintet_engine.kernel.reasons import (
    ARTISTS_TOGETHER,
    ATTRIBUTE,
    CLOSE_COSINE,
    COMPARED,
    KEY,
    KIND,
    MOST_FACTS,
    NAME,
    OTHER_VALUE,
    REFERENCE,
    RELATION,
    SOUND,
    TARGET,
    TEMPO,
    TOGETHER,
    VALUE,
)
from quintet_engine.kernel.signatures import reads, tuple_of, writes

# What a clause's text depends on: its kind, its reference, its form, and a number for each fact.
_FIRST: Final = 3
_WIDTH: Final = _FIRST + MOST_FACTS
# Above every number of an attribute and of a relation.
_RADIX: Final = 1_000.0


@inlined
def _is_comparison(kind: Any) -> Any:
    return kind in (COMPARED, TEMPO, KEY)


@inlined
def _put_said(
    codes: Any, numbers: Any, size: Any, first: Any, known: Any, same: Any, said: Any
) -> None:
    """Write what the text of the clause that begins with a fact depends on.

    Args:
        codes: int32 (facts, `CODES`), of the track.
        numbers: float64 (facts, `NUMBERS`).
        size: How many facts the track has.
        first: The fact.
        known: Whether the clause before named the reference.
        same: See `clauses`.
        said: float64 (`_WIDTH`,), overwritten.
    """
    kind, reference = codes[first, KIND], codes[first, REFERENCE]
    said[:] = -1.0
    said[0], said[1], said[2] = kind, reference, known
    if _is_comparison(kind):
        said[0], at = COMPARED, _FIRST
        for each in range(size):
            if codes[each, REFERENCE] == reference and _is_comparison(codes[each, KIND]):
                stated = codes[each, KIND] * _RADIX + (codes[each, ATTRIBUTE] + 1)
                said[at] = stated * _RADIX + codes[each, RELATION]
                at += 1
    elif kind == SOUND:
        said[_FIRST] = numbers[first, VALUE] >= CLOSE_COSINE
    elif kind == TARGET:
        said[_FIRST] = codes[first, ATTRIBUTE]
        said[_FIRST + 1], said[_FIRST + 2] = numbers[first, VALUE], numbers[first, OTHER_VALUE]
    else:
        said[_FIRST], said[_FIRST + 1] = codes[first, ATTRIBUTE], same[codes[first, NAME]]
        if kind in (TOGETHER, ARTISTS_TOGETHER):
            said[_FIRST + 2] = numbers[first, VALUE]


@inlined
def _number_of(said: Any, texts: Any, count: Any, heads: Any, following: Any) -> Any:
    """Find the number of a clause among `count` different ones; `count` if it is new.

    Args:
        said: What its text depends on.
        texts: float64 (room, `_WIDTH`), of the clauses so far; a new one is written after them.
        count: How many they are.
        heads: int32 (a power of two,), the last clause of each bucket, or -1; updated.
        following: int32 (room,), the clause before in the same bucket, or -1; updated.
    """
    mixed = np.uint32(0)
    # Values may be too great for a whole number, and hardly differ: the other parts suffice.
    for each in range(_FIRST + 2):
        if said[0] != TARGET and abs(said[each]) < 2e9:
            mixed = (mixed ^ np.uint32(np.int64(said[each]))) * np.uint32(2654435769)
    bucket = np.int64((mixed >> np.uint32(7)) & np.uint32(len(heads) - 1))
    number = heads[bucket]
    while number >= 0:
        equal = True
        for each in range(_WIDTH):
            equal &= texts[number, each] == said[each]
        if equal:
            return np.int64(number)
        number = following[number]
    texts[count] = said
    following[count], heads[bucket] = heads[bucket], count
    return np.int64(count)


@inlined
def _begins_a_clause(codes: Any, fact: Any) -> Any:
    """Check that no comparison with the same reference comes before a fact, if it is one."""
    if _is_comparison(codes[fact, KIND]):
        for each in range(fact):
            if (
                _is_comparison(codes[each, KIND])
                and codes[each, REFERENCE] == codes[fact, REFERENCE]
            ):
                return False
    return True


@compiled(
    tuple_of(writes(np.int32, 2), writes(np.int32), writes(np.int32, 2))(
        *(writes(np.int32, 3), writes(np.float64, 3), writes(np.int32)),
        *(reads(np.uint8), reads(np.int32)),
    )
)
def clauses(
    codes: NDArray[np.int32],
    numbers: NDArray[np.float64],
    sizes: Numbers,
    averages: Bits,
    same: Numbers,
) -> tuple[NDArray[np.int32], Numbers, NDArray[np.int32]]:
    """Split the facts of k tracks into clauses.

    Args:
        codes: int32 (k, facts, `CODES`).
        numbers: float64 (k, facts, `NUMBERS`).
        sizes: int32 (k,), how many facts each track has.
        averages: uint8 (references,), 1 for an artist or a genre: a comparison names it always.
        same: int32 (names,), for each name the first equal one.

    Returns:
        The clauses of each track by number, int32 (k, facts), and how many it has, int32 (k,). The
        different clauses, int32 (n, 3): a track, its fact that the clause begins with, and 1 if
        the clause before named the reference.
    """
    count, most = codes.shape[0], codes.shape[1]
    places, amounts = np.full((count, most), np.int32(-1), np.int32), np.zeros(count, np.int32)
    total = 0
    for track in range(count):
        total += sizes[track]
    buckets = 16
    while buckets < 2 * total:
        buckets *= 2
    heads, following = np.full(buckets, np.int32(-1), np.int32), np.empty(total, np.int32)
    texts, said = np.empty((total, _WIDTH)), np.empty(_WIDTH)
    begins, different = np.empty((total, 3), np.int32), 0
    for track in range(count):
        named = np.int32(-1)
        for fact in range(sizes[track]):
            if not _begins_a_clause(codes[track], fact):
                continue
            kind, reference = codes[track, fact, KIND], codes[track, fact, REFERENCE]
            known = reference == named
            if reference >= 0:
                if kind == SOUND or _is_comparison(kind):
                    known &= averages[reference] == 0
                named = reference
            _put_said(codes[track], numbers[track], sizes[track], fact, known, same, said)
            number = _number_of(said, texts, different, heads, following)
            if number == different:
                begins[number, 0], begins[number, 1], begins[number, 2] = track, fact, known
                different += 1
            places[track, amounts[track]] = number
            amounts[track] += 1
    return places, amounts, begins[:different]
