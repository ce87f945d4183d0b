"""Evaluating: hold playlists out, train on the others, compare with every baseline."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import MEASURED
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.engine import Engine, Versions
from quintet_engine.query import MAX_LIMIT, Query, Seasonal, Seed, SeedKind, Variants
from quintet_engine.recipes import TRAINED
from quintet_files import write_atomically
from quintet_modelkit.features import COLUMN, Standardiser
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot

from quintet_training.evaluation import (
    EvaluationImpossible,
    EvaluationOptions,
    Recommender,
    Report,
    run,
)
from quintet_training.evaluation.calibrating import Scored
from quintet_training.ranking import BootstrapParameters, TrainingParameters, train_model
from quintet_training.settings import TrainingRefused, TrainingSettings
from quintet_training.steps.batch import MAX_BATCH_SEEDS
from quintet_training.steps.publishing import CATALOGUE, bootstrap_engine
from quintet_training.steps.training import load_playlists


def evaluate(
    settings: TrainingSettings,
    parameters: TrainingParameters | None = None,
    options: EvaluationOptions | None = None,
    progress: Callable[[float, str], None] | None = None,
    *,
    without_features: float = 0.0,
) -> Report:
    """Train on a part of the imported playlists and measure on the rest; publish nothing.

    Every list is made as `batch-recommend` makes it: by the engine that serves, without an artist
    cap. The model without playlists is measured too, on the same questions.

    Args:
        settings: Names the home.
        parameters: Of the training.
        options: Of the split and the questions.
        progress: Receives the completed share, 0..1, and what is being done.
        without_features: Share of the tracks, 0 to 1, sampled at random, whose audio features are
            removed first, as if nobody had analysed them; duration and popularity stay.

    Raises:
        PublicationInvalid: No catalogue is published, or it is damaged.
        TrainingRefused: There are too few playlists to train or to measure on.
        StoreUnavailable: The database cannot be used.
    """
    on_progress = progress or (lambda share, text: None)
    parameters = parameters or TrainingParameters()
    on_progress(0.0, "reading catalogue and playlists")
    snapshot = Snapshot.load(current_folder(settings.home / CATALOGUE))
    options = options or EvaluationOptions()
    measured = _without_features(snapshot, without_features, options.seed)
    catalogue = Catalogue.of(measured, recommend_absent=True)
    playlists = load_playlists(settings, catalogue)

    engines: list[Engine] = []

    def train(known: Sequence[Rows], kinds: Sequence[str], purpose: str) -> Recommender:
        # The model before is not needed any more, and takes memory.
        engines.clear()
        # The parts of the progress bar that `evaluation.protocol` leaves to the two trainings.
        start, width = {"main": (0.01, 0.44), "cold": (0.55, 0.4)}.get(purpose, (0.55, 0.0))
        trained = train_model(
            catalogue,
            known,
            parameters,
            lambda s, text: on_progress(start + width * s, text),
            kinds=kinds,
        )
        ranker = Ranker.from_text(trained.booster)
        versions = Versions(purpose, "", catalogue.snapshot.version)
        engine = Engine(catalogue, trained.index, ranker, versions, TRAINED, trained.learned)
        engines[:] = [engine]
        return recommender(engine)

    defaults = Query((Seed(SeedKind.TRACK, ""),))
    bare = bootstrap_engine(catalogue, BootstrapParameters(), lambda share, text: None)
    try:
        return run(
            catalogue,
            playlists.rows,
            playlists.ids,
            train,
            options,
            on_progress,
            recommender(bare),
            playlists.kinds,
            lambda value: recommender(engines[0], discovery=value),
            lambda: recommender(
                engines[0],
                max_per_artist=defaults.max_per_artist,
                variants=defaults.variants,
                seasonal=defaults.seasonal,
            ),
            lambda: scored_recommender(engines[0]),
        )
    except EvaluationImpossible as fault:
        raise TrainingRefused(str(fault)) from fault


def _without_features(snapshot: Snapshot, share: float, seed: int) -> Snapshot:
    """Remove the measured features of a random share of the tracks."""
    if not share:
        return snapshot
    features = np.array(snapshot.features)
    order = np.random.default_rng([seed, 3]).permutation(len(features))
    rows = order[: round(share * len(features))]
    for name in MEASURED:
        features[rows, COLUMN[name]] = np.nan
    return replace(snapshot, features=features, standardiser=Standardiser.fit(features))


def recommender(
    engine: Engine,
    *,
    limit: int = MAX_LIMIT,
    max_per_artist: int = 0,
    variants: Variants = Variants.ALLOW,
    seasonal: Seasonal = Seasonal.ALLOW,
    discovery: float | None = None,
) -> Recommender:
    """Wrap an engine as a method that can be evaluated.

    Playlists hold other versions of their songs, and a playlist of December holds more Christmas
    songs than its seeds show: what people chose is measured, so nothing is excluded by song.

    Returns:
        A function from seed rows, int64 (s,), to at most `limit` rows, best first, int64 (k,).
    """
    scored = scored_recommender(
        engine,
        limit=limit,
        max_per_artist=max_per_artist,
        variants=variants,
        seasonal=seasonal,
        discovery=discovery,
    )
    return lambda seeds: scored(seeds)[0]


def scored_recommender(
    engine: Engine,
    *,
    limit: int = MAX_LIMIT,
    max_per_artist: int = 0,
    variants: Variants = Variants.ALLOW,
    seasonal: Seasonal = Seasonal.ALLOW,
    discovery: float | None = None,
) -> Scored:
    """Wrap an engine as `recommender` does, with the score of each track.

    Returns:
        A function from seed rows, int64 (s,), to rows, int64 (k,), and scores, float64 (k,).
    """
    catalogue = engine.catalogue
    row_of = catalogue.snapshot.row_of

    def recommend(seeds: Rows) -> tuple[Rows, NDArray[np.float64]]:
        asked = Query(
            tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(seeds)),
            limit=limit,
            max_per_artist=max_per_artist,
            variants=variants,
            seasonal=seasonal,
            reasons=False,
            discovery=discovery,
        )
        tracks = engine.recommend(asked, max_seeds=MAX_BATCH_SEEDS).tracks
        rows = np.array([row_of[track.track_id] for track in tracks], dtype=np.int64)
        return rows, np.array([track.score for track in tracks], dtype=np.float64)

    return recommend


def write_report(
    report: Report,
    json_path: Path | None,
    html_path: Path | None,
    metrics_path: Path | None = None,
) -> None:
    """Write a report to each path that is given, each file whole or not at all.

    Raises:
        OSError: A file cannot be written.
    """
    # Imported here: matplotlib and jinja2 take a second, and no other step writes pages.
    from quintet_training.evaluation.page import page

    files = (
        (json_path, report.to_json),
        (html_path, lambda: page(report)),
        (metrics_path, lambda: json.dumps(report.metrics(), indent=1, sort_keys=True)),
    )
    for path, make in files:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, make())
