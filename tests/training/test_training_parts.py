"""Training rows made in parts, as the workers of a cluster make them."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from quintet_training.ranking import dask_backend
from quintet_training.ranking.fitting import BoosterParameters, Fitter
from quintet_training.ranking.rows import TrainingRows

from tests.needs import SHARED_DATA, needs
from tests.root import ROOT, SHARED
from tests.slow import slow


def queries(folds: int, each: int) -> pl.DataFrame:
    numbers = np.arange(folds * each)
    return pl.DataFrame({"query": numbers, "fold": numbers // each, "validation": numbers % 7 == 0})


@pytest.mark.parametrize("workers", [1, 2, 5, 12])
def test_every_query_is_in_one_part_of_one_fold_and_no_worker_is_without(workers):
    asked = queries(folds=5, each=40)
    parts = dask_backend.split_by_worker(asked, workers)
    assert len(parts) >= workers
    assert all(part["fold"].n_unique() == 1 for part in parts)
    assert sorted(pl.concat(parts)["query"]) == asked["query"].to_list()


def made(seed: int, groups: int = 60, size: int = 40) -> TrainingRows:
    random = np.random.default_rng(seed)
    features = random.random((groups * size, 3)).astype(np.float32)
    relevant = (features[:, 0] + random.normal(scale=0.3, size=len(features)) > 0.9).astype(np.int8)
    return TrainingRows(features, relevant, np.full(groups, size, np.int32))


def test_a_booster_is_cut_where_early_stopping_would_have_ended_it():
    fitter = Fitter(("a", "b", "c"), (0, 0, 0), seed=1, threads=1)
    parameters = BoosterParameters(rounds=60, patience=8, least_rows=5)
    rows, held = made(seed=1), made(seed=2)
    early = fitter.fit(parameters, rows, held)
    full = fitter.fit(parameters, rows)
    import lightgbm

    cut = dask_backend.stopped(lightgbm.Booster(model_str=full.text), held, parameters.patience)
    assert cut.rounds == early.rounds < 60
    assert cut.ndcg == pytest.approx(early.ndcg, abs=1e-6)
    assert dask_backend.scored(cut.text, held) == pytest.approx(early.ndcg, abs=1e-6)


@pytest.mark.timeout(9000)
@slow("trains twice")
@needs(SHARED_DATA, (SHARED / "playlists.parquet").exists())
def test_two_workers_train_as_good_a_model_as_one_process(tmp_path):
    """In an environment that has Dask: figures stand in docs/scale.md."""
    command = [ROOT / ".venv/bin/uv", "run", "--isolated", "--quiet", "--no-default-groups"]
    command += ["--all-packages", "--extra", "operator", "--extra", "dask", "quintet"]
    environment = {
        **os.environ,
        "QUINTET_HOME": str(tmp_path),
        "QUINTET_DATABASE_URL": "",
        "QUINTET_MLFLOW_URI": "",
    }

    def quintet(*words: str | Path) -> str:
        done = subprocess.run(
            [str(word) for word in (*command, *words)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=4200,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    quintet("catalog", "import", SHARED / "tracks.parquet")
    quintet("playlists", "import", SHARED / "playlists.parquet")
    reached = []
    for words in [(), ("--on", "dask")]:
        text = quintet("train", "--trials", "0", "--no-serve", "--json", *words)
        facts = json.loads(text[text.index('{"version"') :].splitlines()[0])
        reached.append(facts["metrics"])
    here, there = reached
    for name in ("training_rows", "training_groups", "validation_groups"):
        assert there[name] == here[name]
    assert there["validation_ndcg_500"] == pytest.approx(here["validation_ndcg_500"], abs=0.01)
