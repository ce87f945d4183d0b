"""Numbers of texts, looked up where the texts already are."""

import bisect
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

_BETWEEN: Final = 64


class TextIndex(Mapping[str, int]):
    """The number of each of some distinct texts: its place in an Arrow array.

    A dictionary of a million ids takes 240 MB, and filling it holds the interpreter; here a text
    is found by comparisons with the array itself, which is usually mapped from disk. Every 64th
    text is also in memory: the search among those is compiled and touches no page of the file, and
    six comparisons with the file remain.

    Args:
        texts: Distinct, none null, such as ids; at the lowest cost if they are sorted.
    """

    def __init__(self, texts: pa.Array | pa.ChunkedArray) -> None:
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.chunk(0) if texts.num_chunks == 1 else pa.concat_arrays(texts.chunks)
        texts = texts.cast(pa.string())
        self._texts: pa.StringArray = texts
        _, offsets, data = texts.buffers()
        count = len(texts)
        starts = np.zeros(1, np.int32)
        if count:
            starts = np.frombuffer(offsets, np.int32, count + 1, 4 * texts.offset)
        # Through a view, a single number costs a third of what it costs through NumPy.
        self._offsets = starts.data
        self._data = memoryview(b"" if data is None else data)
        ascending = pa.compute.all(pa.compute.less(texts[:-1], texts[1:])).as_py()
        self._order: memoryview | None = None
        if count > 1 and not ascending:
            order = pa.compute.sort_indices(texts)
            self._order = order.to_numpy(zero_copy_only=False).astype(np.int32).data
        self._posts = [self._bytes(place) for place in range(0, count, _BETWEEN)]

    def __getitem__(self, name: str) -> int:
        if not isinstance(name, str):
            raise KeyError(name)
        # Bytes of UTF-8 are ordered as the characters they stand for.
        key = name.encode("utf-8", "surrogatepass")
        low = max(0, bisect.bisect_right(self._posts, key) - 1) * _BETWEEN
        high = min(low + _BETWEEN, len(self))
        place = bisect.bisect_left(range(high), key, low, key=self._bytes)
        if place == high or self._bytes(place) != key:
            raise KeyError(name)
        return self._row(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts.to_pylist())

    def __len__(self) -> int:
        return len(self._texts)

    def _row(self, place: int) -> int:
        return place if self._order is None else self._order[place]

    def _bytes(self, place: int) -> bytes:
        row = self._row(place)
        return self._data[self._offsets[row] : self._offsets[row + 1]].tobytes()
