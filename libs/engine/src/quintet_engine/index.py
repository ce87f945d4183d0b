"""`VectorIndex` in one process: inner product over unit rows, filtered by a bitmap.

FAISS builds the index, writes its file, and searches a Flat one. Inverted lists are searched by
`kernel.scanning` in the bytes of that file, where features read places in the taste space too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Mask, Rows
from quintet_engine.computed_rows import ComputedRows
from quintet_engine.index_file import IndexLists, check_index, check_index_file
from quintet_engine.kernel.layout import fixed
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits

Vectors = NDArray[Any] | ComputedRows
# The stubs that FAISS ships describe its generated C++ signatures, not the Python ones in use.
faiss: Any = _faiss

FLAT_LIMIT: Final = 50_000
"""Up to this many rows the index is exact (Flat); above, it has inverted lists (IVF)."""
RECALL_GOAL: Final = 0.99
"""The share of the true neighbours that a search of inverted lists must find."""
DEPTH: Final = 100
"""How many neighbours `RECALL_GOAL` is measured over, by default."""
# Rows whose neighbours the recall is measured by.
_SAMPLES: Final = 200
# Of k-means: how many points per cluster it learns from, and its iterations.
_POINTS_A_LIST: Final = 64
_ROUNDS: Final = 10
# From so many coordinates on, lists store half precision: a search reads half the memory.
_WIDE: Final = 32
# Below this many allowed rows, or this share of all, scanning them beats probing lists for them.
_SCAN_ROWS: Final = 4_096
_SCAN_SHARE: Final = 0.05
_NO_BITS: Final = fixed(np.zeros(1), np.uint8)


@dataclass(frozen=True)
class FaissIndex:
    """An index of unit vectors, Flat or IVF, with the vectors themselves for exact scans.

    It never changes: `added` and `without` return another index, so running searches are
    undisturbed.

    Attributes:
        source: The FAISS index, metric inner product; ids are rows. Or the file to read it from.
        vectors: float32 or float16 (n, d), unit rows.
        nprobe: Lists probed per query; 0 for a Flat index.
        recall: Measured over sampled rows, among `depth` neighbours; 1 for a Flat index.
        alive: bool (n,), rows that are not deleted; None if none ever was.
        file_lists: The inverted lists of a loaded index; None if it is Flat or was built here.
    """

    source: Any
    vectors: Vectors
    nprobe: int = 0
    recall: float = 1.0
    alive: Mask | None = None
    file_lists: IndexLists | None = None

    @classmethod
    def build(
        cls, vectors: Vectors, *, seed: int, flat_limit: int = FLAT_LIMIT, depth: int = DEPTH
    ) -> Self:
        """Build an exact index, or inverted lists whose nprobe reaches `RECALL_GOAL`.

        Args:
            vectors: float32 or float16 (n, d), unit rows.
            seed: Of the clusters.
            flat_limit: Up to so many rows the index is exact.
            depth: How many neighbours the goal is for; searches for fewer reach it as well.
        """
        faiss.omp_set_num_threads(1)  # the order of sums, and so the index, must not vary
        count, dimensions = vectors.shape
        if count <= flat_limit:
            return cls.exact(vectors)
        # FAISS's guideline is 4√n to 16√n lists; it warns below 39 points per list.
        lists = min(int(4 * np.sqrt(count)), count // 40)
        wide = np.ascontiguousarray(vectors, np.float32)
        stored = "SQfp16" if dimensions >= _WIDE else "Flat"
        index = faiss.index_factory(dimensions, f"IVF{lists},{stored}", faiss.METRIC_INNER_PRODUCT)
        if stored != "Flat":
            # The vectors themselves, so that others can read them in the lists: see `Taste`.
            index.by_residual = False
        index.cp.seed = seed
        # Better centroids gain nothing, since nprobe is tuned afterwards; this is ten times faster.
        index.cp.max_points_per_centroid = _POINTS_A_LIST
        index.cp.niter = _ROUNDS
        index.train(wide)
        index.add(wide)
        nprobe, recall = _tune(index, wide, lists, seed, depth)
        return cls(index, vectors, nprobe, recall)

    @classmethod
    def exact(cls, vectors: Vectors) -> Self:
        """Make an index that compares every row, without training, whatever their number."""
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(np.ascontiguousarray(vectors, np.float32))
        return cls(flat, vectors)

    @classmethod
    def load(cls, path: Path, vectors: Vectors, facts: Mapping[str, Any]) -> Self:
        """Map an index written by `save`: its lists are read from disk when they are probed.

        Args:
            path: The file.
            vectors: The vectors it was built from.
            facts: The `facts` of the saved index.

        Raises:
            ValueError: The file is not an index of these vectors, or a fact is not a number.
        """
        # FAISS trusts its files: a damaged one would end the process.
        lists = check_index_file(path, *vectors.shape)
        nprobe, recall = _search_facts(path.name, facts, 0 if lists is None else len(lists.starts))
        # FAISS needs lists only to add rows, or to write them.
        source = _read(path) if lists is None else path
        return cls(source, vectors, nprobe, recall, file_lists=lists)

    @cached_property
    def index(self) -> Any:
        """The FAISS index."""
        return _read(self.source) if isinstance(self.source, Path) else self.source

    @cached_property
    def lists(self) -> IndexLists | None:
        """The inverted lists; None for a Flat index."""
        if self.file_lists is not None or not self.nprobe:
            return self.file_lists
        name, pages = "the index", faiss.serialize_index(self.index)
        return check_index(name, pages, self.index.ntotal, self.vectors.shape[1])

    @cached_property
    def _file_lists(self) -> Any:
        """The same as compiled code reads them."""
        from quintet_engine.kernel.scanning import FileLists

        lists = self.lists
        assert lists is not None, "only an index with lists is searched by them"
        where = (lists.pages, lists.centroids, lists.starts, lists.sizes)
        return FileLists(*where, lists.is_half, lists.is_residual)

    @cached_property
    def _alive(self) -> RowSet | None:
        return None if self.alive is None else RowSet.of(self.alive)

    @property
    def facts(self) -> dict[str, float]:
        """The facts that `load` needs besides the file."""
        return {"nprobe": self.nprobe, "recall": self.recall}

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        faiss.write_index(self.index, str(path))

    def added(self, vectors: Encoded) -> Self:
        """Add vectors, float32 (k, d), unit, as the last rows of another index."""
        # Serialised, because FAISS's clone of a mapped index shares its read-only pages.
        index = faiss.deserialize_index(faiss.serialize_index(self.index))
        index.add(np.ascontiguousarray(vectors))
        alive = self.alive
        if alive is not None:
            alive = np.concatenate((alive, np.ones(len(vectors), dtype=np.bool_)))
        joined = np.concatenate((self.vectors, vectors))
        return replace(self, source=index, vectors=joined, alive=alive, file_lists=None)

    def without(self, rows: Rows) -> Self:
        """Delete rows in another index; the numbers of the remaining rows stay."""
        alive = np.ones(len(self.vectors), np.bool_) if self.alive is None else self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive)

    def search(self, queries: Encoded, most: int, allowed: RowSet | None = None) -> list[Hits]:
        """Find the rows nearest to each query, best first.

        Never fewer than `most` while as many rows are allowed: if probing lists finds too few, the
        allowed rows are scanned.

        Args:
            queries: float32 (q, d).
            most: How many rows per query, ≥ 0.
            allowed: The rows that may be returned; all if None.
        """
        if self._alive is not None:
            allowed = self._alive if allowed is None else allowed & self._alive
        count = len(self.vectors) if allowed is None else allowed.count
        most = min(most, count)
        if not most:
            return [Hits(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        if allowed is not None and count <= max(_SCAN_ROWS, int(_SCAN_SHARE * allowed.size)):
            return self.scan(queries, most, allowed.rows)
        if not self.nprobe:
            return self._compare_all(queries, most, allowed)
        results = []
        for query in queries:
            hits = self._probe(query, most, allowed, count)
            if len(hits.rows) < most:  # the probed lists have too few
                pool = np.arange(len(self.vectors)) if allowed is None else allowed.rows
                hits = self.scan(query[None, :], most, pool)[0]
            results.append(hits)
        return results

    def scan(self, queries: Encoded, most: int, rows: Rows) -> list[Hits]:
        """Find the exact nearest of some rows for each query."""
        vectors = self.vectors[rows].astype(np.float32, copy=False)
        return [Hits.ranked(rows, vectors @ query, most) for query in queries]

    def _compare_all(self, queries: Encoded, most: int, allowed: RowSet | None) -> list[Hits]:
        """Search a Flat index."""
        # OpenMP keeps this per thread, so each call sets it. One thread: requests run in parallel.
        faiss.omp_set_num_threads(1)
        selector = None if allowed is None else faiss.IDSelectorBitmap(allowed.bits)
        parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self.index.search(np.ascontiguousarray(queries), most, params=parameters)
        return [Hits.ranked(*each, most) for each in zip(rows, scores, strict=True)]

    def _probe(
        self, query: NDArray[np.float32], most: int, allowed: RowSet | None, count: int
    ) -> Hits:
        """Search the lists nearest to a query, of which `count` rows are allowed."""
        from quintet_engine.kernel.scanning import search_lists

        # If a tenth of the rows is allowed, the nearest of them are spread over ten times as
        # many lists.
        probed = round(self.nprobe * len(self.vectors) / count)
        bits = _NO_BITS if allowed is None else allowed.bits
        rest = (probed, most, allowed is not None)
        return Hits(*search_lists(self._file_lists, fixed(query, np.float32), bits, *rest))


def _read(path: Path) -> Any:
    """Map a FAISS file: what is in it is read when it is used."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, MemoryError) as fault:
        raise ValueError(f"{path.name} is not a FAISS index") from fault


def _search_facts(name: str, facts: Mapping[str, Any], lists: int) -> tuple[int, float]:
    """Read nprobe and recall from a manifest; nprobe is 0 without lists, else at least 1."""
    try:
        nprobe, recall = int(facts["nprobe"]), float(facts["recall"])
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        raise ValueError(f"the manifest lacks nprobe or recall of {name}") from fault
    if not min(lists, 1) <= nprobe <= lists:
        raise ValueError(f"the manifest says nprobe {nprobe} for {lists} lists of {name}")
    return nprobe, recall


def _tune(index: Any, vectors: Encoded, lists: int, seed: int, depth: int) -> tuple[int, float]:
    """Find the smallest power-of-two nprobe whose recall reaches the goal, and that recall."""
    sample = np.random.default_rng(seed).choice(len(vectors), _SAMPLES, replace=False)
    queries = vectors[np.sort(sample)]
    truth = faiss.knn(queries, vectors, depth, metric=faiss.METRIC_INNER_PRODUCT)[1]
    nprobe = 4
    while True:
        nprobe = min(nprobe, lists)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe)
        neighbours = index.search(queries, depth, params=parameters)[1]
        shared = [len(np.intersect1d(a, b)) for a, b in zip(neighbours, truth, strict=True)]
        recall = float(np.mean(shared)) / depth
        if recall >= RECALL_GOAL or nprobe == lists:
            return nprobe, recall
        nprobe *= 2
