"""Retrieval measured: time, memory and filtered recall of FAISS and of a real Milvus server.

    .venv/bin/python -m tools.bench.vector_bench --tracks 1200000 --json figures.json

Vectors are unit rows of 14 dimensions around 2,000 centres, as the audio of a catalogue is. The
Milvus is the server that PyPI has, started here; `--milvus ADDRESS` asks another.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from quintet_engine.index import FaissIndex
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import VectorIndex
from quintet_modelkit.features import normalise_rows
from quintet_ranker.adapters.external_index import published
from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions

from tools.milvus_server import milvus_serving

MOST: Final = 150
QUERIES: Final = 200
SHARES: Final = (0.002, 0.02, 0.1, 0.5, 0.99, 1.0)
READY_SECONDS: Final = 90.0


def music(count: int, dimensions: int, seed: int = 1) -> np.ndarray:
    """Return unit vectors, float32 (count, dimensions), around centres."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(2_000, dimensions))
    own = random.normal(scale=0.5, size=(count, dimensions))
    return normalise_rows((centres[random.integers(0, len(centres), count)] + own).astype("f4"))


def measured(index: VectorIndex, vectors: np.ndarray) -> dict[str, Any]:
    """Return milliseconds a search and recall against a comparison with every allowed row."""
    random = np.random.default_rng(2)
    queries = vectors[random.choice(len(vectors), QUERIES, replace=False)]
    found: dict[str, Any] = {}
    for share in SHARES:
        allowed = None if share == 1.0 else random.random(len(vectors)) < share
        rows = None if allowed is None else RowSet.of(allowed)
        times, shared = [], []
        for query in queries:
            start = time.perf_counter()
            hits = index.search(query[None, :], MOST, rows)[0]
            times.append(1_000 * (time.perf_counter() - start))
            cosines = vectors @ query
            if allowed is not None:
                cosines[~allowed] = -2.0
            least = np.partition(cosines, -MOST)[-MOST]
            shared.append(np.mean(cosines[hits.rows] >= least - 1e-6))
        found[str(share)] = {
            "p50_ms": round(float(np.percentile(times, 50)), 2),
            "p99_ms": round(float(np.percentile(times, 99)), 2),
            "recall": round(float(np.mean(shared)), 4),
        }
    return found


def faiss(vectors: np.ndarray) -> dict[str, Any]:
    """Measures the index of this process."""
    memory = psutil.Process().memory_info().rss
    start = time.perf_counter()
    index = FaissIndex.build(vectors, seed=7)
    seconds = time.perf_counter() - start
    grown = psutil.Process().memory_info().rss - memory
    return {
        "build_seconds": round(seconds, 1),
        "bytes_a_vector": round(grown / len(vectors), 1),
        "nprobe": index.nprobe,
        "search": measured(index, vectors),
    }


def milvus(address: str, vectors: np.ndarray, server: psutil.Process | None) -> dict[str, Any]:
    """Measures a Milvus; its memory where it was started here."""
    collections = MilvusCollections(MilvusOptions(address, search_seconds=30, change_seconds=600))
    memory = 0 if server is None else _resident(server)
    start = time.perf_counter()
    index = published(collections, "bench", str(time.time_ns()), vectors, kept=1)
    seconds = time.perf_counter() - start
    grown = 0 if server is None else _resident(server) - memory
    return {
        "build_seconds": round(seconds, 1),
        "bytes_a_vector": round(grown / len(vectors), 1),
        "nprobe": getattr(index, "nprobe", 0),
        "search": measured(index, vectors),
    }


def _resident(server: psutil.Process) -> int:
    return sum(each.memory_info().rss for each in (server, *server.children(recursive=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_200_000)
    parser.add_argument("--dimensions", type=int, default=14)
    parser.add_argument("--milvus", default="", help="address of one that runs already")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    vectors = music(options.tracks, options.dimensions)
    figures: dict[str, Any] = {"tracks": options.tracks, "dimensions": options.dimensions}
    figures["faiss"] = faiss(vectors)
    if options.milvus:
        figures["milvus"] = milvus(options.milvus, vectors, None)
    else:
        with (
            tempfile.TemporaryDirectory(prefix="quintet-milvus-") as folder,
            milvus_serving(Path(folder), READY_SECONDS) as (address, server),
        ):
            figures["milvus"] = milvus(address, vectors, psutil.Process(server.pid))
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
