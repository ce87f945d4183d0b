"""A single process of FastAPI, pandas, FAISS Flat and LightGBM, written the straightforward way."""

import sys
from pathlib import Path
from typing import Any

import faiss as _faiss
import lightgbm
import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from tools.bench.rivals.tracks import FEATURES, read

faiss: Any = _faiss
CANDIDATES, TREES, LEAVES = 500, 200, 31


class Asked(BaseModel):
    """The body of a request to a rival."""

    seeds: list[str]
    limit: int = 50


def differences(frame: pd.DataFrame, mean: pd.Series, cosine: np.ndarray) -> pd.DataFrame:
    columns = [*FEATURES, "popularity"]
    made = (frame[columns] - mean[columns].astype(float)).abs().add_suffix("_gap")
    made["cosine"] = cosine
    made["popularity"] = frame["popularity"].to_numpy()
    return made


class Naive:
    """Everything in memory, everything in one call."""

    def __init__(self, root: Path) -> None:
        self.frame = read(root).set_index("track_id")
        values = self.frame[FEATURES].to_numpy()
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
        self.unit = np.ascontiguousarray(unit, np.float32)
        self.index = faiss.IndexFlatIP(self.unit.shape[1])
        self.index.add(self.unit)
        self.booster = self._train()

    def _train(self) -> lightgbm.Booster:
        """Trains a ranker to put tracks of the seed's artist first."""
        random, parts, wanted, sizes = np.random.default_rng(1), [], [], []
        for row in random.choice(len(self.frame), 100, replace=False):
            cosine, rows = self.index.search(self.unit[row : row + 1], 300)
            near = self.frame.iloc[rows[0]]
            parts.append(differences(near, self.frame.iloc[row], cosine[0]))
            wanted.append((near["artist"] == self.frame["artist"].iloc[row]).astype(int))
            sizes.append(len(near))
        data = lightgbm.Dataset(pd.concat(parts), pd.concat(wanted), group=sizes)
        settings = {"objective": "lambdarank", "num_leaves": LEAVES, "verbose": -1, "seed": 1}
        return lightgbm.train({**settings, "num_threads": 2}, data, TREES)

    def recommend(self, asked: Asked) -> dict[str, Any]:
        try:
            rows = self.frame.index.get_indexer_for(asked.seeds)
        except KeyError as fault:
            raise HTTPException(404, "no such track") from fault
        if (rows < 0).any():
            raise HTTPException(404, "no such track")
        mean = self.frame[[*FEATURES, "popularity"]].iloc[rows].mean()
        query = self.unit[rows].mean(axis=0, keepdims=True)
        cosine, found = self.index.search(query, CANDIDATES)
        near = self.frame.iloc[found[0]].copy()
        near["score"] = self.booster.predict(differences(near, mean, cosine[0]))
        near = near.drop(asked.seeds, errors="ignore")
        best = near.sort_values("score", ascending=False).head(asked.limit).reset_index()
        return {"tracks": best[["track_id", "title", "artist", "score"]].to_dict("records")}


def build(root: Path) -> FastAPI:
    naive, app = Naive(root), FastAPI()

    @app.get("/readyz")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/recommendations")
    def recommend(asked: Asked) -> dict[str, Any]:
        return naive.recommend(asked)

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[1])), port=int(sys.argv[-1]), log_level="warning")
