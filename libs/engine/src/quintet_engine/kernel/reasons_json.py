"""Writes the reasons of a list as JSON: numbers as text, and pieces of text that are ready.

Numbers have at least seven significant digits, and all those before the point. What they state was
computed from float32, which has no more.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import borrowing, compiled, inlined
from quintet_engine.kernel.layout import Bits, Numbers, fixed
from quintet_engine.kernel.reasons import (
    ATTRIBUTE,
    KIND,
    MOST_CONTRIBUTIONS,
    NAME,
    OTHER_VALUE,
    REFERENCE,
    RELATION,
    VALUE,
    WEIGHT,
)
from quintet_engine.kernel.signatures import numba, tuple_of, writes

Wide = NDArray[np.float64]

LONGEST_NUMBER: Final = 26
"""Bytes of a number at most: a sign, 16 digits and a point, an exponent."""
_DIGITS: Final = 7
# Between these exponents numbers are written without one. A float64 has 15 certain digits.
_LEAST_PLAIN: Final = -7
_MOST_PLAIN: Final = 15
_POWERS: Final = np.array([10.0**power for power in range(23)])
_ZERO, _MINUS, _POINT, _E = np.uint8(ord("0")), np.uint8(ord("-")), np.uint8(ord(".")), ord("e")


class Pieces(NamedTuple):
    """Pieces of text, one after another.

    Attributes:
        starts: int32 (pieces + 1,); piece i is `text[starts[i]:starts[i + 1]]`.
        text: uint8, UTF-8.
    """

    starts: Numbers
    text: Bits


class Words(NamedTuple):
    """The pieces between the numbers of the reasons.

    Attributes:
        kinds: By `codes[:, KIND]`: from the start of a fact to its reference.
        references: By `Stated.places`, the last one for none: up to the weight.
        attributes: By `codes[:, ATTRIBUTE]`, the last one for none: up to the relation.
        relations: By `codes[:, RELATION]`: up to the value.
        names: By `codes[:, NAME]`.
        closest: By seed, the last one for none: from the end of the facts to the similarity.
        features: By feature: from the start of a contribution to its number.
        comparisons: By attribute: from the start of a comparison to its value.
        marks: What is written between others, by the order of `MARKS`.
    """

    kinds: Pieces
    references: Pieces
    attributes: Pieces
    relations: Pieces
    names: Pieces
    closest: Pieces
    features: Pieces
    comparisons: Pieces
    marks: Pieces


MARKS: Final = (
    *(',"other_value":', ',"name":', "}", ',"contributions":[', ',"value":', "]"),
    ',"comparisons":[',
    *(',"seeds_mean":', ',"similarity_share":', "]}", ","),
)
"""The pieces of `Words.marks`."""
_OTHER, _NAME, _END, _CONTRIBUTIONS, _VALUE, _CLOSE, _COMPARISONS = range(7)
_MEAN, _SHARE, _FINISH, _COMMA = range(7, 11)


def pieces_of(texts: Any) -> Pieces:
    """Join pieces of UTF-8."""
    starts = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return Pieces(
        fixed(starts, np.int32), fixed(np.frombuffer(b"".join(texts), np.uint8), np.uint8)
    )


_EXAMPLE = pieces_of([b"x"])
_PIECES = numba.typeof(_EXAMPLE)
_WORDS = numba.typeof(Words(*[_EXAMPLE] * len(Words._fields)))


@borrowing
def _copy(pieces: Any, number: Any, text: Any, at: Any) -> Any:
    """Write a piece, and return where it ends."""
    for each in range(pieces.starts[number], pieces.starts[number + 1]):
        text[at] = pieces.text[each]
        at += 1
    return at


@inlined
def _power(exponent: Any) -> Any:
    """Compute 10 to an integer, exact up to 22."""
    size = abs(exponent)
    power = _POWERS[size] if size < len(_POWERS) else 10.0 ** np.float64(size)
    return power if exponent >= 0 else 1.0 / power


@inlined
def _magnitude(size: Any) -> Any:
    """Find the exponent of the first digit of a positive number."""
    exponent = np.int64(0)
    if size >= 1:
        while exponent < _MOST_PLAIN and size >= _POWERS[exponent + 1]:
            exponent += 1
    else:
        while exponent > _LEAST_PLAIN and size * _POWERS[-exponent] < 1:
            exponent -= 1
    # The loops serve most numbers.
    if _LEAST_PLAIN < exponent < _MOST_PLAIN:
        return exponent
    return np.int64(np.floor(np.log10(size)))


@borrowing
def _put_digits(digits: Any, count: Any, text: Any, at: Any) -> Any:
    """Write so many digits of a number, with leading zeros."""
    for place in range(count - 1, -1, -1):
        text[at + place] = _ZERO + np.uint8(digits % np.uint64(10))
        digits //= np.uint64(10)
    return at + count


@borrowing
def _put_plain(digits: Any, count: Any, before: Any, text: Any, at: Any) -> Any:
    """Write digits with a point after so many of them."""
    if before >= count:
        at = _put_digits(digits, count, text, at)
        text[at], text[at + 1] = _POINT, _ZERO
        return at + 2
    rest = np.uint64(_POWERS[count - before])
    at = _put_digits(digits // rest, before, text, at)
    text[at] = _POINT
    return _put_digits(digits % rest, count - before, text, at + 1)


@borrowing
def _put_positive(size: Any, text: Any, at: Any) -> Any:
    """Write a positive number."""
    exponent = _magnitude(size)
    kept = exponent if _DIGITS <= exponent < _MOST_PLAIN else np.int64(_DIGITS - 1)
    shift, count = kept - exponent, kept + 1
    scaled = size * _power(shift) if shift >= 0 else size / _power(-shift)
    digits = np.uint64(scaled + 0.5)
    if digits >= np.uint64(_POWERS[count]):  # rounded up to a power of ten: one digit more
        exponent += 1
        if _DIGITS <= exponent < _MOST_PLAIN:
            count += 1
        else:
            digits //= np.uint64(10)
    is_plain = _LEAST_PLAIN < exponent < _MOST_PLAIN
    least = max(exponent, 0) + 1 if is_plain else 1
    while count > least and digits % np.uint64(10) == 0:
        digits //= np.uint64(10)
        count -= 1
    if is_plain and exponent >= 0:
        return _put_plain(digits, count, exponent + 1, text, at)
    if is_plain:
        text[at], text[at + 1] = _ZERO, _POINT
        at = _put_digits(np.uint64(0), -exponent - 1, text, at + 2)
        return _put_digits(digits, count, text, at)
    at = _put_plain(digits, count, 1, text, at)
    text[at] = _E
    at += 1
    if exponent < 0:
        text[at] = _MINUS
        at += 1
    return _put_digits(np.uint64(abs(exponent)), 3 if abs(exponent) > 99 else 2, text, at)


@borrowing
def put_number(value: Any, text: Any, at: Any) -> Any:
    """Write a number; null if it is not finite."""
    if not abs(value) < np.inf:
        text[at], text[at + 1] = ord("n"), ord("u")
        text[at + 2], text[at + 3] = ord("l"), ord("l")
        return at + 4
    # The sign of zero says nothing; nor does anything so small, which has few digits itself.
    if abs(value) < 1e-300:
        text[at], text[at + 1], text[at + 2] = _ZERO, _POINT, _ZERO
        return at + 3
    if value < 0:
        text[at] = _MINUS
        at += 1
    return _put_positive(abs(value), text, at)


@borrowing
def _put_fact(codes: Any, numbers: Any, places: Any, words: Any, text: Any, at: Any) -> Any:
    at = _copy(words.kinds, codes[KIND], text, at)
    reference, attribute = codes[REFERENCE], codes[ATTRIBUTE]
    none = len(words.references.starts) - 2
    at = _copy(words.references, places[reference] if reference >= 0 else none, text, at)
    at = put_number(numbers[WEIGHT], text, at)
    none = len(words.attributes.starts) - 2
    at = _copy(words.attributes, attribute if attribute >= 0 else none, text, at)
    at = _copy(words.relations, codes[RELATION], text, at)
    at = put_number(numbers[VALUE], text, at)
    at = _copy(words.marks, _OTHER, text, at)
    at = put_number(numbers[OTHER_VALUE], text, at)
    at = _copy(words.marks, _NAME, text, at)
    at = _copy(words.names, codes[NAME], text, at)
    return _copy(words.marks, _END, text, at)


@inlined
def _longest(pieces: Any) -> Any:
    """Measure the longest piece."""
    most = 0
    for number in range(len(pieces.starts) - 1):
        most = max(most, pieces.starts[number + 1] - pieces.starts[number])
    return most


@inlined
def _room(words: Any, facts: Any) -> Any:
    """Bound the bytes of one track's reasons with so many facts at most."""
    number = LONGEST_NUMBER + 2 * _longest(words.marks)
    fact = _longest(words.kinds) + _longest(words.references) + _longest(words.attributes)
    fact += _longest(words.relations) + _longest(words.names)
    contributions = MOST_CONTRIBUTIONS * (_longest(words.features) + 2 * number)
    comparisons = len(words.comparisons.starts) * (_longest(words.comparisons) + 3 * number)
    rest = _longest(words.closest) + 4 * number
    return facts * (fact + 3 * number) + contributions + comparisons + rest


class Stated(NamedTuple):
    """What is stated of the k tracks of a list.

    Attributes:
        codes: int32 (k, facts, `CODES`); the name is a place in `Words.names`.
        numbers: float64 (k, facts, `NUMBERS`).
        sizes: int32 (k,), how many facts each track has.
        closest: int32 (k,), each track's nearest seed track; one beyond the last for none.
        similarity: float64 (k,), the cosine to it; NaN without one.
        features: int32 (k, contributions), the strongest; -1 for none.
        contributions: float64 (k, contributions).
        seen: float64 (k, contributions), the features' values.
        values: float64 (k, 14), the attributes.
        shares: float64 (k, 14), the attributes' terms of the cosine.
        means: float64 (14,), the seeds' means.
        places: int32, the place of each reference in `Words.references`.
    """

    codes: NDArray[np.int32]
    numbers: Wide
    sizes: Numbers
    closest: Numbers
    similarity: Wide
    features: NDArray[np.int32]
    contributions: Wide
    seen: Wide
    values: Wide
    shares: Wide
    means: Wide
    places: Numbers


def _example() -> Any:
    wide, number = np.zeros((1, 1)), np.zeros(1, np.int32)
    codes, numbers, one = np.zeros((1, 1, 1), np.int32), np.zeros((1, 1, 1)), np.zeros(1)
    table, fixed_one = np.zeros((1, 1), np.int32), fixed(one, np.float64)
    return numba.typeof(
        Stated(
            *(codes, numbers, number, number, one, table, wide, wide, wide, wide),
            *(fixed_one, number),
        )
    )


@compiled(tuple_of(writes(np.uint8), writes(np.int64))(_example(), _WORDS))
def write(stated: Stated, words: Words) -> tuple[Bits, NDArray[np.int64]]:
    """Write the reasons of each track of a list, from the facts on: all but the sentence.

    Args:
        stated: What to write.
        words: The pieces between the numbers.

    Returns:
        The text of all tracks, and where that of each starts, int64 (k + 1,).
    """
    count = len(stated.sizes)
    text = np.empty(count * _room(words, stated.codes.shape[1]), np.uint8)
    # The seeds' means are the same for each track, so their text is copied.
    width = len(stated.means)
    mean = np.empty(width * (LONGEST_NUMBER + 2 * _longest(words.marks)), np.uint8)
    mean_starts = np.zeros(width + 1, np.int32)
    for attribute in range(width):
        end = _copy(words.marks, _MEAN, mean, mean_starts[attribute])
        end = put_number(stated.means[attribute], mean, end)
        mean_starts[attribute + 1] = _copy(words.marks, _SHARE, mean, end)
    means = Pieces(mean_starts, mean)
    starts = np.zeros(count + 1, np.int64)
    at = 0
    for row in range(count):
        for place in range(stated.sizes[row]):
            if place:
                at = _copy(words.marks, _COMMA, text, at)
            codes, numbers = stated.codes[row, place], stated.numbers[row, place]
            at = _put_fact(codes, numbers, stated.places, words, text, at)
        at = _copy(words.closest, stated.closest[row], text, at)
        at = put_number(stated.similarity[row], text, at)
        at = _copy(words.marks, _END, text, at)
        at = _copy(words.marks, _CONTRIBUTIONS, text, at)
        for place in range(stated.features.shape[1]):
            feature = stated.features[row, place]
            if feature < 0:
                break
            if place:
                at = _copy(words.marks, _COMMA, text, at)
            at = _copy(words.features, feature, text, at)
            at = put_number(stated.contributions[row, place], text, at)
            at = _copy(words.marks, _VALUE, text, at)
            at = put_number(stated.seen[row, place], text, at)
            at = _copy(words.marks, _END, text, at)
        at = _copy(words.marks, _CLOSE, text, at)
        at = _copy(words.marks, _COMPARISONS, text, at)
        for attribute in range(width):
            if attribute:
                at = _copy(words.marks, _COMMA, text, at)
            at = _copy(words.comparisons, attribute, text, at)
            at = put_number(stated.values[row, attribute], text, at)
            at = _copy(means, attribute, text, at)
            at = put_number(stated.shares[row, attribute], text, at)
            at = _copy(words.marks, _END, text, at)
        at = _copy(words.marks, _FINISH, text, at)
        starts[row + 1] = at
    return text[:at], starts
