"""Looks up the row of a text, without a dictionary in memory."""

import bisect
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from quintet_modelkit.texts import Texts

# Every 64th text is in memory: six comparisons with the file remain, since 2⁶ = 64.
_BETWEEN: Final = 64


class TextIndex(Mapping[str, int]):
    """Text → its place in an Arrow array of distinct texts.

    A dictionary of a million ids takes 240 MB, and filling it blocks other Python threads. Here a
    text is searched by comparisons with the array itself, which is usually mapped from disk. Every
    64th text is copied to memory: the search among those is compiled and reads no page of the file.

    Args:
        texts: Distinct, none null, such as ids. Sorted ones need no table of their order.
    """

    def __init__(self, texts: pa.Array | pa.ChunkedArray) -> None:
        self._texts = Texts(texts)
        array, count = self._texts.array, len(self._texts)
        ascending = pa.compute.all(pa.compute.less(array[:-1], array[1:])).as_py()
        self._order: memoryview | None = None
        if count > 1 and not ascending:
            order = pa.compute.sort_indices(array)
            self._order = order.to_numpy(zero_copy_only=False).astype(np.int32).data
        self._posts = [self._bytes(place) for place in range(0, count, _BETWEEN)]

    def __getitem__(self, name: str) -> int:
        if not isinstance(name, str):
            raise KeyError(name)
        # UTF-8 sorts by bytes as it does by code points. Lone surrogates, which JSON can contain,
        # are encoded as well: they are not found, but they must not raise.
        key = name.encode("utf-8", "surrogatepass")
        low = max(0, bisect.bisect_right(self._posts, key) - 1) * _BETWEEN
        high = min(low + _BETWEEN, len(self))
        place = bisect.bisect_left(range(high), key, low, key=self._bytes)
        if place == high or self._bytes(place) != key:
            raise KeyError(name)
        return self._row(place)

    def places(self, prefix: str) -> NDArray[np.int32]:
        """Find the places in the array of all texts that begin with a prefix, in sorted order."""
        key = prefix.encode("utf-8", "surrogatepass")
        everything = range(len(self))
        low = bisect.bisect_left(everything, key, key=self._bytes)
        # No UTF-8 contains the byte 0xFF, so that every text with the prefix sorts before it.
        high = bisect.bisect_left(everything, key + b"\xff", low, key=self._bytes)
        if self._order is None:
            return np.arange(low, high, dtype=np.int32)
        return np.frombuffer(self._order, np.int32)[low:high]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts.array.to_pylist())

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]:
        """The texts as compiled code searches them, without a copy.

        These are where each text begins and the last ends, int32 (n + 1,); their UTF-8, uint8; and
        their places in ascending order of the bytes, int32 (n,), empty if they are sorted.
        """
        order = np.empty(0, np.int32) if self._order is None else np.asarray(self._order)
        return *self._texts.arrays, order

    def _row(self, place: int) -> int:
        """Convert a place in sorted order to a place in the array."""
        return place if self._order is None else self._order[place]

    def _bytes(self, place: int) -> bytes:
        """Read the UTF-8 of the text at a place in sorted order."""
        return self._texts.utf8(self._row(place))
