"""A set of a catalogue's rows as a bitmap, as compiled code and FAISS read it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.kernel.layout import Bits, fixed

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RowSet:
    """Some rows of a catalogue, for example those that a query may return.

    Attributes:
        bits: uint8, read-only; row r is bit r % 8 of byte r // 8. Bits beyond the last row are 0.
        count: How many rows are in the set.
        size: How many rows the catalogue has.
    """

    bits: Bits
    count: int
    size: int

    @classmethod
    def of(cls, mask: Mask) -> Self:
        """Make the set of the rows that are marked in bool (n,)."""
        bits = fixed(np.packbits(mask, bitorder="little"), np.uint8)
        return cls(bits, int(np.count_nonzero(mask)), len(mask))

    @cached_property
    def mask(self) -> Mask:
        """The set as bool (size,)."""
        return np.unpackbits(self.bits, count=self.size, bitorder="little").view(np.bool_)

    @cached_property
    def rows(self) -> Rows:
        """The rows, int64 (count,), ascending."""
        return np.flatnonzero(self.mask)

    def has(self, rows: NDArray[np.integer]) -> Mask:
        """Check which of some rows are in the set, bool (k,)."""
        bits = (self.bits[rows >> 3] >> (rows & 7).astype(np.uint8)) & np.uint8(1)
        return np.asarray(bits, np.bool_)

    def without(self, rows: Rows) -> "RowSet":
        """Remove rows, int64, which may be repeated or absent."""
        from quintet_engine.kernel.selecting import clear

        bits = self.bits.copy()
        cleared = clear(bits, fixed(rows, np.int64))
        return RowSet(fixed(bits, np.uint8), self.count - cleared, self.size)

    def __and__(self, other: "RowSet") -> "RowSet":
        """Keep the rows that are in both sets of one catalogue."""
        bits = fixed(self.bits & other.bits, np.uint8)
        return RowSet(bits, int(np.bitwise_count(bits).sum()), self.size)
