"""Numbers of texts, looked up where the texts already are."""

import bisect
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray


class TextNumbers(Mapping[str, int]):
    """The number of each of some distinct texts: its place in an Arrow array.

    A dictionary of a million ids takes 240 MB, and filling it holds the interpreter; here a text
    is found by some twenty comparisons with the array itself, which is usually mapped from disk.

    Args:
        texts: Distinct, none null, such as ids; cheapest where they are sorted.
    """

    def __init__(self, texts: pa.Array | pa.ChunkedArray) -> None:
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.chunk(0) if texts.num_chunks == 1 else pa.concat_arrays(texts.chunks)
        texts = texts.cast(pa.string())
        self._texts: pa.StringArray = texts
        _, offsets, data = texts.buffers()
        count = len(texts)
        self._offsets = np.zeros(1, np.int32)
        if count:
            self._offsets = np.frombuffer(offsets, np.int32, count + 1, 4 * texts.offset)
        self._data = memoryview(b"" if data is None else data)
        ascending = pa.compute.all(pa.compute.less(texts[:-1], texts[1:])).as_py()
        self._order: NDArray[np.int32] | None = None
        if count > 1 and not ascending:
            order = pa.compute.sort_indices(texts)
            self._order = order.to_numpy(zero_copy_only=False).astype(np.int32)

    def __getitem__(self, name: str) -> int:
        if not isinstance(name, str):
            raise KeyError(name)
        # Bytes of UTF-8 are ordered as the characters they stand for.
        key = name.encode("utf-8", "surrogatepass")
        place = bisect.bisect_left(range(len(self)), key, key=self._bytes)
        if place == len(self) or self._bytes(place) != key:
            raise KeyError(name)
        return self._row(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts.to_pylist())

    def __len__(self) -> int:
        return len(self._texts)

    def _row(self, place: int) -> int:
        return place if self._order is None else int(self._order[place])

    def _bytes(self, place: int) -> bytes:
        row = self._row(place)
        return bytes(self._data[self._offsets[row] : self._offsets[row + 1]])
