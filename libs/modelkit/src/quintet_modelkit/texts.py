"""Reads some texts of an Arrow column, without making an Arrow array of them first."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Texts:
    """The texts of an Arrow array by place.

    Arrow's `take` and `to_pylist` take ten times as long for a few texts as reading them does.

    Args:
        texts: None is null. They are read where they are, usually mapped from disk.
    """

    def __init__(self, texts: pa.Array | pa.ChunkedArray) -> None:
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.chunk(0) if texts.num_chunks == 1 else pa.concat_arrays(texts.chunks)
        texts = texts.cast(pa.string())
        self.array: pa.StringArray = texts
        _, offsets, data = texts.buffers()
        starts = np.zeros(1, np.int32)
        if len(texts):
            starts = np.frombuffer(offsets, np.int32, len(texts) + 1, 4 * texts.offset)
        # Reading one number through a memoryview takes a third of the time of NumPy's indexing.
        self._offsets = starts.data
        self._data = memoryview(b"" if data is None else data)

    def __len__(self) -> int:
        return len(self.array)

    @property
    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The texts as compiled code reads them, without a copy.

        Where each text begins and the last ends, int32 (n + 1,); and their UTF-8, uint8.
        """
        return np.asarray(self._offsets), np.frombuffer(self._data, np.uint8)

    def utf8(self, place: int) -> bytes:
        """Read the UTF-8 of the text at a place."""
        return self._data[self._offsets[place] : self._offsets[place + 1]].tobytes()

    def of(self, places: Sequence[int]) -> list[str]:
        """Read the texts at some places, 0 ≤ place < len."""
        offsets, data = self._offsets, self._data
        return [str(data[offsets[place] : offsets[place + 1]], "utf-8") for place in places]
