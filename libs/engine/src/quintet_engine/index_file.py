"""Check a FAISS file before FAISS reads it.

FAISS allocates what a file's header asks for and uses its numbers as offsets; a damaged file can
take the memory or end the process. The two layouts that `index.FaissIndex` writes are simple, so
that every size can be compared with the length of the file first. Layouts are those of
`faiss/impl/index_write.cpp`, little-endian and without padding.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.kernel.layout import Bits, fixed

_FLAT: Final = b"IxFI"
_LISTS: Final = b"IwFl"
_NARROW_LISTS: Final = b"IwSq"
# faiss::ScalarQuantizer::QT_fp16: two bytes per coordinate, nothing to train.
_HALF: Final = 4
_INNER_PRODUCT: Final = 0
_ID_BYTES: Final = 8


class IndexFileInvalid(ValueError):
    """A file is no index that FAISS can read safely; the message says what is wrong."""


@dataclass(frozen=True)
class IndexLists:
    """Where the inverted lists of an index stand in its bytes.

    Attributes:
        pages: uint8, the bytes.
        dimensions: Coordinates of a vector.
        centroids: At which byte the centroids start.
        starts: int64 (lists,), at which byte each list starts.
        sizes: int32 (lists,), how many vectors it has.
        is_half: Whether vectors are float16; float32 if not.
        is_residual: Whether they are what vectors differ by from their list's centroid.
    """

    pages: Bits
    dimensions: int
    centroids: int
    starts: NDArray[np.int64]
    sizes: NDArray[np.int32]
    is_half: bool
    is_residual: bool

    def starts_of_rows(self) -> NDArray[np.int64]:
        """Find at which byte the vector of each row starts, int64 (n,)."""
        code_bytes = (2 if self.is_half else 4) * self.dimensions
        found = np.empty(int(self.sizes.sum()), np.int64)
        for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True):
            end = start + size * code_bytes
            rows = self.pages[end : end + _ID_BYTES * size].view("<i8")
            found[rows] = start + code_bytes * np.arange(size)
        return fixed(found, np.int64)


def check_index_file(path: Path, count: int, dimensions: int) -> IndexLists | None:
    """Check that a file is an index of inner products, Flat or with inverted lists.

    Reads the header and the ids: 40 ms for 300,000 rows in lists.

    Args:
        path: The file.
        count: The vectors that it must hold, as rows 0 to count - 1.
        dimensions: Coordinates of each.

    Returns:
        The inverted lists; None for a Flat index.

    Raises:
        IndexFileInvalid: It is cut short, contradicts itself, or is an index of another kind.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except ValueError as fault:  # an empty file cannot be mapped
            raise IndexFileInvalid(f"{path.name} is not a FAISS index: it is empty") from fault
    return check_index(path.name, pages, count, dimensions)


def check_index(name: str, pages: Any, count: int, dimensions: int) -> IndexLists | None:
    """Check the bytes of an index, as `check_index_file` does.

    Args:
        name: Of the index, for messages.
        pages: The bytes.
        count: Likewise.
        dimensions: Likewise.
    """
    reader = _Reader(name, pages)
    kind = reader.header(count, dimensions)
    if kind == _FLAT:
        reader.vectors(count * dimensions)
        reader.end()
        return None
    if kind not in (_LISTS, _NARROW_LISTS):
        raise reader.fault(f"is of kind {kind!r}, which this program does not write")
    return _check_lists(reader, kind, count, dimensions)


def _check_lists(reader: "_Reader", kind: bytes, count: int, dimensions: int) -> IndexLists:
    lists, _ = reader.numbers("<QQ")
    # A list needs a centroid in this very file, so that the file's length bounds their number.
    if not 1 <= lists <= len(reader) // (4 * dimensions):
        raise reader.fault(f"has {lists} lists")
    if reader.header(lists, dimensions) != _FLAT:
        raise reader.fault("has centroids of an unknown kind")
    centroids = reader.vectors(lists * dimensions)
    if reader.numbers("<BQ") != (0, 0):
        raise reader.fault("has a map of ids, which this program does not write")
    code_bytes, is_residual = 4 * dimensions, False
    if kind == _NARROW_LISTS:
        code_bytes = 2 * dimensions
        form, _, _, width, size, trained = reader.numbers("<iifQQQ")
        if (form, width, size, trained) != (_HALF, dimensions, code_bytes, 0):
            raise reader.fault("stores coordinates in another form than half precision")
        size, is_residual = reader.numbers("<Q?")
        if size != code_bytes:
            raise reader.fault("has codes of another size than its coordinates")
    if reader.numbers("<4sQQ") != (b"ilar", lists, code_bytes):
        raise reader.fault("has inverted lists that do not fit its header")
    sizes = _sizes(reader, lists, count)
    starts = _check_ids(reader, sizes, code_bytes, count)
    reader.end()
    return IndexLists(
        *(reader.pages, dimensions, centroids, fixed(starts, np.int64), fixed(sizes, np.int32)),
        *(kind == _NARROW_LISTS, is_residual),
    )


def _sizes(reader: "_Reader", lists: int, count: int) -> list[int]:
    """Read the length of each inverted list, empty ones included or left out."""
    form, size = reader.numbers("<4sQ")
    if form == b"full" and size == lists:
        sizes = reader.array("<u8", size)
    elif form == b"sprs" and size <= 2 * lists and size % 2 == 0:
        # Pairs of a list's number, ascending, and its length.
        pairs = reader.array("<u8", size).reshape(-1, 2)
        numbers, sizes = pairs[:, 0], np.zeros(lists, np.uint64)
        if len(numbers) and (numbers[-1] >= lists or (numbers[1:] <= numbers[:-1]).any()):
            raise reader.fault("has a damaged table of list lengths")
        sizes[numbers] = pairs[:, 1]
    else:
        raise reader.fault("has a damaged table of list lengths")
    # Compared one by one before they are added: a sum of hostile lengths could overflow.
    if (sizes > count).any() or int(sizes.sum()) != count:
        raise reader.fault(f"has lists that do not hold {count} vectors in all")
    return [int(size) for size in sizes]


def _check_ids(reader: "_Reader", sizes: list[int], code_bytes: int, count: int) -> list[int]:
    """Check that each row stands in exactly one list, and note where the lists start."""
    seen, starts = np.zeros(count, np.bool_), []
    for size in sizes:
        starts.append(reader.place)
        if size:
            reader.skip(size * code_bytes)
            ids = reader.array("<i8", size)
            if ids.min() < 0 or ids.max() >= count:
                raise reader.fault("names rows that do not exist")
            seen[ids] = True
    if not seen.all():
        raise reader.fault("lacks a row, or has one twice")
    return starts


class _Reader:
    """Reads a mapped file from its start, never beyond its end.

    Args:
        name: The file's name, for messages.
        pages: Its content: bytes, an array of bytes or a mapped file.
    """

    def __init__(self, name: str, pages: Any) -> None:
        self._name = name
        self._pages = pages
        self._place = 0

    @property
    def place(self) -> int:
        """The next byte."""
        return self._place

    @property
    def pages(self) -> Bits:
        """The content, uint8."""
        return fixed(np.frombuffer(self._pages, np.uint8), np.uint8)

    def __len__(self) -> int:
        return len(self._pages)

    def header(self, count: int, dimensions: int) -> bytes:
        """Read the header of an index of inner products; give its kind."""
        kind, width, total, _, _, trained, metric = self.numbers("<4siqqq?i")
        if (total, width) != (count, dimensions):
            raise self.fault(
                f"has {total} vectors of {width} dimensions instead of {count} of {dimensions}"
            )
        if not trained or metric != _INNER_PRODUCT:
            raise self.fault("is not trained, or compares otherwise than by inner product")
        return bytes(kind)

    def vectors(self, numbers: int) -> int:
        """Pass an array of float32 that must have so many numbers; return where it starts."""
        if self.numbers("<Q")[0] != numbers:
            raise self.fault("has vectors that do not fit its header")
        start = self._place
        self.skip(4 * numbers)
        return start

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Read numbers in the notation of `struct`."""
        size = struct.calcsize(form)
        self._need(size)
        found = struct.unpack_from(form, self._pages, self._place)
        self._place += size
        return found

    def array(self, dtype: str, count: int) -> NDArray[np.integer]:
        """Copy an array of `count` numbers."""
        self._need(_ID_BYTES * count)
        # Copied, because a view would keep the file mapped.
        found = np.frombuffer(self._pages, dtype, count, self._place).copy()
        self._place += _ID_BYTES * count
        return found

    def skip(self, size: int) -> None:
        """Pass some bytes."""
        self._need(size)
        self._place += size

    def end(self) -> None:
        """Check that nothing follows."""
        if self._place != len(self._pages):
            raise self.fault("has more than its header says")

    def fault(self, what: str) -> IndexFileInvalid:
        """Make the error that names the file."""
        return IndexFileInvalid(f"{self._name} is not a FAISS index of this catalogue: it {what}")

    def _need(self, size: int) -> None:
        if size > len(self._pages) - self._place:
            raise self.fault("is cut short")
