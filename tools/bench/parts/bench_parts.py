"""Each part of a recommendation alone: `make bench-parts`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quintet_engine import reranking
from quintet_engine.channels.channel import Candidates
from quintet_engine.context import Context
from quintet_engine.engine import Engine
from quintet_ranker.adapters import EngineModel
from quintet_ranker.domain import RecommendationAnswer
from quintet_ranker.servicer import response_of

from tools.bench.guard import made_engine, queries_of, written

Benchmark = Callable[..., Any]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return made_engine()


@pytest.fixture(scope="module")
def context(engine: Engine) -> Context:
    return engine.prepare(queries_of(engine.catalogue)[0])


@pytest.fixture(scope="module")
def candidates(engine: Engine, context: Context) -> Candidates:
    return engine.candidates(context, engine.recipe.quotas(50, 1))


@pytest.fixture(scope="module")
def matrix(engine: Engine, context: Context, candidates: Candidates) -> Any:
    return engine.features(context, candidates)


@pytest.fixture(scope="module")
def bundle(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = written(engine, tmp_path_factory.mktemp("made"))
    EngineModel.load(folder)
    return folder


def test_loading_a_model_that_is_swapped_in(benchmark: Benchmark, bundle: Path) -> None:
    assert benchmark(EngineModel.load, bundle)


@pytest.mark.parametrize("requests", [1, 4])
def test_search_of_the_audio_index(
    benchmark: Benchmark, engine: Engine, context: Context, requests: int
) -> None:
    vectors = np.repeat(context.vector[None, :], requests, axis=0)
    hits = benchmark(engine.index.search, vectors, 500)
    assert [len(one.rows) for one in hits] == [500] * requests


def test_preparing_a_query(benchmark: Benchmark, engine: Engine) -> None:
    assert benchmark(engine.prepare, queries_of(engine.catalogue)[0]).seeds


def test_channels(benchmark: Benchmark, engine: Engine, context: Context) -> None:
    found = benchmark(engine.candidates, context, engine.recipe.quotas(50, 1))
    assert len(found.rows) >= 50


def test_features(
    benchmark: Benchmark, engine: Engine, context: Context, candidates: Candidates
) -> None:
    made = benchmark(engine.features, context, candidates)
    assert made.shape == (len(candidates.rows), len(engine.recipe.names))


@pytest.mark.parametrize("requests", [1, 4])
def test_scores_of_the_booster(
    benchmark: Benchmark, engine: Engine, matrix: Any, requests: int
) -> None:
    assert engine.ranker is not None
    together = np.asfortranarray(np.concatenate([matrix] * requests))
    assert len(benchmark(engine.ranker.scores, together)) == len(together)


def test_scores_by_lightgbm(benchmark: Benchmark, engine: Engine, matrix: Any) -> None:
    assert engine.ranker is not None
    assert len(benchmark(engine.ranker.booster.predict, matrix, num_threads=1)) == len(matrix)


def test_shares_that_reasons_are_made_of(benchmark: Benchmark, engine: Engine, matrix: Any) -> None:
    assert engine.ranker is not None
    assert len(benchmark(engine.ranker.contributions, matrix[:50])) == 50


def test_choosing_from_what_is_scored(
    benchmark: Benchmark, engine: Engine, candidates: Candidates
) -> None:
    scores = np.random.default_rng(1).random(len(candidates.rows))
    order = np.argsort(-scores)
    chosen = benchmark(
        reranking.choose,
        candidates.rows[order],
        scores[order],
        engine.catalogue,
        limit=50,
        max_per_artist=3,
        diversity=0.0,
    )
    assert len(chosen) == 50


def test_whole_recommendation(benchmark: Benchmark, engine: Engine) -> None:
    assert len(benchmark(engine.recommend, queries_of(engine.catalogue)[0]).tracks) == 50


def test_encoding_an_answer(benchmark: Benchmark, engine: Engine) -> None:
    ranking = engine.recommend(queries_of(engine.catalogue)[0])
    seeds = [None] * len(ranking.seed_pools)
    answer = RecommendationAnswer(ranking, None, 0.0)
    encoded = benchmark(lambda: response_of(answer, seeds).SerializeToString())  # type: ignore[arg-type]
    assert encoded
