"""What numba calls the types of `layout`, for the signatures of kernels."""

from typing import Any, Final

import numba as _numba
import numpy as np
from numba import types

from quintet_engine.kernel.layout import (
    AudioQuery,
    Learned,
    LearnedQuery,
    Listed,
    Lists,
    Pool,
    Shares,
    Tracks,
    Weighted,
    WordLists,
    fixed,
)

# numba has no types for what we use of it.
numba: Any = _numba


def reads(dtype: Any, dimensions: int = 1) -> Any:
    """Describe an array that a kernel only reads; a mapped file is one."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C", readonly=True)


def writes(dtype: Any, dimensions: int = 1) -> Any:
    """Describe an array that a kernel writes."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


def tuple_of(*members: Any) -> Any:
    """Describe several values that a kernel returns."""
    return numba.types.Tuple(members)


def _example(dtype: Any, dimensions: int = 1) -> Any:
    return fixed(np.zeros((1,) * dimensions), dtype)


# numba has two types of named tuples, of equal members and of others: it chooses by an example.
_FLOATS, _TABLE = _example(np.float32), _example(np.float32, 2)
_NUMBERS, _BITS = _example(np.int32), _example(np.uint8)
_LISTS = Lists(_NUMBERS, _NUMBERS)
_WEIGHTED = Weighted(_NUMBERS, _NUMBERS, _FLOATS)
_SHARES = Shares(_NUMBERS, _FLOATS)
_WIDE_NUMBERS = _example(np.int32, 2)
_MISSING = _example(np.uint16)
_TRACKS = Tracks(_TABLE, _FLOATS, _TABLE, _BITS, _WIDE_NUMBERS, _LISTS, _LISTS, _MISSING)
_LEARNED = Learned(
    sound=_TABLE,
    names=_WIDE_NUMBERS,
    clusters=_example(np.int16, 2),
    shares=_TABLE,
    words=_LISTS,
    word_scale=_FLOATS,
    rarity=_FLOATS,
    holders=_LISTS,
    artists=_TABLE,
    albums=_TABLE,
    by_artist=_WEIGHTED,
    by_album=_WEIGHTED,
    by_word=_WEIGHTED,
    by_year=_WEIGHTED,
    by_cluster=_WEIGHTED,
    taste=_BITS,
    taste_starts=_example(np.int64),
    whitening=_TABLE,
    regression=_TABLE,
    triangle=_TABLE,
)
_LISTED = Listed(_NUMBERS, _LISTS, _NUMBERS, _WEIGHTED, _FLOATS)
_NARROW_LISTS = Lists(_NUMBERS, _example(np.uint16))


def _pool(words: Lists) -> Pool:
    clusters = _example(np.int16, 2)
    return Pool(_NUMBERS, _FLOATS, _example(np.int16), clusters, _TABLE, words, _FLOATS)


_AUDIO_QUERY = AudioQuery(
    *(_FLOATS, _FLOATS, _FLOATS, _FLOATS, False, _FLOATS, _TABLE, _TABLE, _TABLE, _FLOATS),
    *(0.0, 0.0, _SHARES, _SHARES, _SHARES, _BITS, 0),
)
_LEARNED_QUERY = LearnedQuery(
    *(_NUMBERS, _FLOATS, _TABLE, _TABLE, _FLOATS, _FLOATS, _FLOATS, _TABLE, _TABLE, _TABLE)
)

LISTS: Final = numba.typeof(_LISTS)
WEIGHTED: Final = numba.typeof(_WEIGHTED)
TRACKS: Final = numba.typeof(_TRACKS)
LEARNED: Final = numba.typeof(_LEARNED)
LISTED: Final = numba.typeof(_LISTED)
# Lists in 32 and in 16 bits, see `layout.narrow`.
POOLS: Final = tuple(numba.typeof(_pool(words)) for words in (_LISTS, _NARROW_LISTS))
WORD_LISTS: Final = tuple(
    numba.typeof(WordLists(_FLOATS, plain, _WEIGHTED)) for plain in (_LISTS, _NARROW_LISTS)
)
AUDIO_QUERY: Final = numba.typeof(_AUDIO_QUERY)
LEARNED_QUERY: Final = numba.typeof(_LEARNED_QUERY)
