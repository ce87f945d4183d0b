"""The `VectorIndex` of one machine: FAISS inner product over unit rows, filtered by a bitmap."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Mask, Rows
from quintet_engine.vectors import Hits

Vectors = NDArray[Any]
# The stubs that FAISS ships describe its generated C++ signatures, not the Python ones in use.
faiss: Any = _faiss

FLAT_LIMIT: Final = 50_000
"""Up to this many rows the index is exact (Flat); above, inverted lists are probed."""
RECALL_GOAL: Final = 0.99
DEPTH: Final = 100
"""How many neighbours `RECALL_GOAL` is for, where nothing else is said."""
_SAMPLES: Final = 200
# Of k-means: points it learns from, and how often it looks at them.
_POINTS_A_LIST: Final = 64
_ROUNDS: Final = 10
# From so many coordinates on lists hold them in half precision: half the memory to read through.
_WIDE: Final = 32
# Below this many allowed rows, or this share of all, scanning them beats probing lists for them.
_SCAN_ROWS: Final = 4_096
_SCAN_SHARE: Final = 0.05


@dataclass(frozen=True)
class FaissIndex:
    """An index of unit vectors, Flat or IVF, with the vectors themselves for exact scans.

    It never changes: `added` and `without` make another, so searches meanwhile are not disturbed.

    Attributes:
        index: The FAISS index, metric inner product, ids are rows.
        vectors: float32 or float16 (n, d), unit rows.
        nprobe: Lists probed a query; 0 for a Flat index.
        recall: Measured over sampled rows, among `depth` neighbours; 1 for a Flat index.
        alive: bool (n,), rows that are not deleted; None where none ever was.
    """

    index: Any
    vectors: Vectors
    nprobe: int = 0
    recall: float = 1.0
    alive: Mask | None = None

    @classmethod
    def build(
        cls, vectors: Vectors, *, seed: int, flat_limit: int = FLAT_LIMIT, depth: int = DEPTH
    ) -> Self:
        """Builds an exact index, or inverted lists whose nprobe reaches `RECALL_GOAL`.

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
        lists = min(int(4 * np.sqrt(count)), count // 40)
        wide = np.ascontiguousarray(vectors, np.float32)
        stored = "SQfp16" if dimensions >= _WIDE else "Flat"
        index = faiss.index_factory(dimensions, f"IVF{lists},{stored}", faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = seed
        # Finer centroids do not pay, since probes are tuned afterwards; this is ten times as fast.
        index.cp.max_points_per_centroid = _POINTS_A_LIST
        index.cp.niter = _ROUNDS
        index.train(wide)
        index.add(wide)
        nprobe, recall = _tune(index, wide, lists, seed, depth)
        return cls(index, vectors, nprobe, recall)

    @classmethod
    def exact(cls, vectors: Vectors) -> Self:
        """Returns an index that compares every row, made at once whatever their number."""
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(np.ascontiguousarray(vectors, np.float32))
        return cls(flat, vectors)

    @classmethod
    def load(cls, path: Path, vectors: Vectors, facts: Mapping[str, Any]) -> Self:
        """Maps an index written by `save`: its lists are read where and when they are probed.

        Args:
            path: The file.
            vectors: What it was built of.
            facts: As `facts` gave them.

        Raises:
            ValueError: The file is not an index of these vectors, or a fact is no number.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as fault:
            raise ValueError(f"{path.name} is not a FAISS index") from fault
        if index.ntotal != len(vectors) or index.d != vectors.shape[1]:
            raise ValueError(f"{path.name} holds {index.ntotal} vectors, not {len(vectors)}")
        return cls(index, vectors, int(facts["nprobe"]), float(facts["recall"]))

    @property
    def facts(self) -> dict[str, float]:
        """What `load` needs besides the file."""
        return {"nprobe": self.nprobe, "recall": self.recall}

    def save(self, path: Path) -> None:
        """Writes the index to a file."""
        faiss.write_index(self.index, str(path))

    def added(self, vectors: Encoded) -> Self:
        """Returns an index with more vectors, float32 (k, d), unit; they become the last rows."""
        # A clone of a mapped index would be of the same pages, which nothing can be added to.
        index = faiss.deserialize_index(faiss.serialize_index(self.index))
        index.add(np.ascontiguousarray(vectors))
        alive = self.alive
        if alive is not None:
            alive = np.concatenate((alive, np.ones(len(vectors), dtype=np.bool_)))
        joined = np.concatenate((self.vectors, vectors))
        return replace(self, index=index, vectors=joined, alive=alive)

    def without(self, rows: Rows) -> Self:
        """Returns an index that no longer finds some rows; the numbers of the others stay."""
        alive = np.ones(len(self.vectors), np.bool_) if self.alive is None else self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive)

    def search(self, queries: Encoded, most: int, allowed: Mask | None = None) -> list[Hits]:
        """Returns the rows nearest to each query, best first.

        Never fewer than `most` while as many rows are allowed: where probing lists finds too
        few, the allowed rows are scanned.

        Args:
            queries: float32 (q, d).
            most: How many rows a query, ≥ 0.
            allowed: bool (n,), rows that may be returned; all where None.
        """
        if self.alive is not None:
            allowed = self.alive if allowed is None else allowed & self.alive
        count = len(self.vectors) if allowed is None else int(np.count_nonzero(allowed))
        most = min(most, count)
        if not most:
            return [Hits(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
        if allowed is not None and count <= max(_SCAN_ROWS, int(_SCAN_SHARE * len(allowed))):
            return self.scan(queries, most, np.flatnonzero(allowed))
        scores, rows = self._probe(queries, most, allowed, count)
        results = []
        for place, query in enumerate(queries):
            found = rows[place] >= 0  # FAISS pads with -1 what the lists probed did not hold
            if found.sum() < most:
                pool = np.arange(len(self.vectors)) if allowed is None else np.flatnonzero(allowed)
                results += self.scan(query[None, :], most, pool)
            else:
                results.append(Hits.ranked(rows[place][found], scores[place][found], most))
        return results

    def scan(self, queries: Encoded, most: int, rows: Rows) -> list[Hits]:
        """Returns the exact nearest among some rows for each query."""
        vectors = self.vectors[rows].astype(np.float32, copy=False)
        return [Hits.ranked(rows, vectors @ query, most) for query in queries]

    def _probe(
        self, queries: Encoded, most: int, allowed: Mask | None, count: int
    ) -> tuple[Any, Any]:
        # The setting belongs to the calling thread, so it is made on each call.
        faiss.omp_set_num_threads(1)
        bits = None if allowed is None else np.packbits(allowed, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        if self.nprobe:
            # Where a tenth is allowed, the nearest of them lie in ten times as many lists.
            nprobe = min(self.index.nlist, round(self.nprobe * len(self.vectors) / count))
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self.index.search(np.ascontiguousarray(queries), most, params=parameters)
        return scores, rows


def _tune(index: Any, vectors: Encoded, lists: int, seed: int, depth: int) -> tuple[int, float]:
    """Returns the smallest power-of-two nprobe whose recall reaches the goal, and that recall."""
    sample = np.random.default_rng(seed).choice(len(vectors), _SAMPLES, replace=False)
    queries = vectors[np.sort(sample)]
    truth = faiss.knn(queries, vectors, depth, metric=faiss.METRIC_INNER_PRODUCT)[1]
    nprobe = 4
    while True:
        nprobe = min(nprobe, lists)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe)
        found = index.search(queries, depth, params=parameters)[1]
        shared = [len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]
        recall = float(np.mean(shared)) / depth
        if recall >= RECALL_GOAL or nprobe == lists:
            return nprobe, recall
        nprobe *= 2
