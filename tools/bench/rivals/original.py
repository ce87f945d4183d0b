"""The original system's algorithm: one seed, nearest by unscaled L2, sorted by popularity guessed.

Twelve unscaled features in IVFFlat (L2, nlist 1000, one list probed); the candidates' features go
to a second process by gRPC, whose regressor guesses their popularity; the list is sorted by it.
"""

import sys
from pathlib import Path
from typing import Any

import faiss as _faiss
import grpc
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException

from tools.bench.rivals.naive import Asked
from tools.bench.rivals.popularity import METHOD
from tools.bench.rivals.tracks import FEATURES, read

faiss: Any = _faiss
LISTS, CANDIDATES = 1000, 100


class Original:
    """The first service: catalogue and index."""

    def __init__(self, root: Path, port: int) -> None:
        frame = read(root)
        self.names = frame[["track_id", "title", "artist"]].to_dict("records")
        self.row_of = {one["track_id"]: row for row, one in enumerate(self.names)}
        self.vectors = np.ascontiguousarray(frame[FEATURES].to_numpy(), np.float32)
        quantiser = faiss.IndexFlatL2(len(FEATURES))
        self.index = faiss.IndexIVFFlat(quantiser, len(FEATURES), LISTS, faiss.METRIC_L2)
        self.index.train(self.vectors)
        self.index.add(self.vectors)
        self._predict: Any = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(METHOD)

    def guess(self, rows: np.ndarray) -> np.ndarray:
        return np.frombuffer(self._predict(self.vectors[rows].tobytes(), timeout=2), np.float64)

    def recommend(self, asked: Asked) -> dict[str, Any]:
        row = self.row_of.get(asked.seeds[0])
        if row is None:
            raise HTTPException(404, "no such track")
        rows = self.index.search(self.vectors[row : row + 1], CANDIDATES)[1][0]
        rows = rows[(rows >= 0) & (rows != row)]
        scores = self.guess(rows)
        best = np.argsort(-scores)[: asked.limit]
        tracks = [{**self.names[rows[b]], "score": float(scores[b])} for b in best]
        return {"tracks": tracks}


def build(root: Path, port: int) -> FastAPI:
    original, app = Original(root, port), FastAPI()

    @app.get("/readyz")
    def ready() -> dict[str, bool]:
        try:
            original.guess(np.array([0]))
        except grpc.RpcError as fault:
            raise HTTPException(503, "the second service is not there yet") from fault
        return {"ready": True}

    @app.post("/recommendations")
    def recommend(asked: Asked) -> dict[str, Any]:
        return original.recommend(asked)

    return app


if __name__ == "__main__":
    uvicorn.run(
        build(Path(sys.argv[1]), int(sys.argv[2])), port=int(sys.argv[3]), log_level="warning"
    )
