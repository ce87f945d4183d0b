"""One function a stage: paths and parameters in, paths and facts out."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from quintet_engine import pair_features
from quintet_engine.build import build_bundle, libraries
from quintet_engine.catalogue import Catalogue
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import VectorIndex
from quintet_engine.query import MAX_LIMIT, Query, QueryInvalid, Seed, SeedKind
from quintet_modelkit.bundle import model_version
from quintet_modelkit.features import feature_hash
from quintet_modelkit.publication import (
    PublicationInvalid,
    current_folder,
    current_version,
    publish,
    read_manifest,
    set_current,
    staged,
)
from quintet_modelkit.snapshot import Snapshot

from quintet_training.ranking import BootstrapParameters, bootstrap_rows, train_booster

Progress = Callable[[float, str], None]
"""Told the share done, 0..1, and what is being done."""
MODELS: Final = "models"
CATALOGUE: Final = "catalogue"
MAX_BATCH_SEEDS: Final = 100
# Part of a bootstrap's version: raised when the way it is made changes.
_RECIPE: Final = 2


def publish_model(
    home: Path,
    progress: Progress | None = None,
    parameters: BootstrapParameters | None = None,
) -> str:
    """Publishes a model for the catalogue in use and returns its version.

    A model in use that was trained for this very catalogue stays. Otherwise the bootstrap model
    is built; where it exists already it is only pointed at, which takes milliseconds.

    Raises:
        PublicationInvalid: No catalogue was published in `home`, or it is damaged.
    """
    parameters = parameters or BootstrapParameters()
    tell = progress or (lambda share, text: None)
    snapshot_folder = current_folder(home / CATALOGUE)
    models = home / MODELS
    if kept := _trained_for(models, snapshot_folder.name):
        return kept
    inputs = {
        "recipe": _RECIPE,
        "catalogue": snapshot_folder.name,
        "features": feature_hash(pair_features.NAMES),
        "parameters": parameters.facts(),
        "libraries": libraries(),
    }
    version = model_version("bootstrap", inputs)
    if _is_whole(models / version):
        set_current(models, version)
        tell(1.0, "model is up to date")
        return version
    _build_bootstrap(models, snapshot_folder, version, parameters, tell)
    return version


def _build_bootstrap(
    models: Path,
    snapshot_folder: Path,
    version: str,
    parameters: BootstrapParameters,
    tell: Progress,
) -> None:
    tell(0.0, "reading the catalogue")
    catalogue = Catalogue.of(Snapshot.load(snapshot_folder))
    tell(0.1, "building the index")
    index = VectorIndex.build(catalogue.unit, seed=parameters.seed)
    bare = Engine(catalogue, index, None, Versions(version, "", catalogue.snapshot.version))
    rows = bootstrap_rows(bare, parameters, lambda s: tell(0.2 + 0.5 * s, "sampling groups"))
    tell(0.7, "training the booster")
    text = train_booster(rows, parameters)
    tell(0.9, "publishing")
    facts = {
        "parameters": parameters.facts(),
        "seed": parameters.seed,
        "metrics": {"training_groups": len(rows.sizes), "training_rows": len(rows.labels)},
    }
    with staged(models) as folder:
        build_bundle(
            folder,
            snapshot_folder,
            catalogue,
            index,
            text,
            version=version,
            kind="bootstrap",
            facts=facts,
        )
        publish(folder, models, version)
    tell(1.0, "published")


def _trained_for(models: Path, catalogue_version: str) -> str | None:
    """Returns the version in use where it was trained for this catalogue."""
    version = current_version(models)
    if version is None:
        return None
    try:
        manifest = read_manifest(models / version, verify=False)
    except PublicationInvalid:
        return None
    fits = manifest.get("catalogue_version") == catalogue_version
    return version if fits and manifest.get("kind") == "trained" else None


def _is_whole(folder: Path) -> bool:
    try:
        read_manifest(folder, verify=True)
    except PublicationInvalid:
        return False
    return True


@dataclass(frozen=True)
class BatchReport:
    """What a batch did: lines written, of these with an error, and unknown seeds met."""

    lines: int
    failed: int
    unknown_seeds: int


class BatchInvalid(ValueError):
    """A batch cannot be run at all: its limit or its files are wrong."""


def batch_recommend(
    home: Path,
    in_path: Path,
    out_path: Path,
    limit: int = MAX_LIMIT,
    *,
    max_per_artist: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> BatchReport:
    """Recommends for each line of a JSON-lines file, through the engine that serves.

    Each line `{"id", "seed_tracks": [...]}` gives `{"id", "tracks": [...]}` at the same place.
    Seeds the catalogue lacks are listed as `unknown_seeds` and the rest are used; a line without
    a usable seed, or that is not of this form, gives `"tracks": []` and an `error` that names
    its number. No artist cap by default: batches are made for measuring.

    Args:
        home: QUINTET_HOME.
        in_path: Read line by line.
        out_path: Replaced whole once all is written; a failed run leaves it as it was.
        limit: Tracks a line, 1..500.
        max_per_artist: As in a request; 0 for no cap.
        progress: Told bytes read and bytes in all after each line.

    Raises:
        BatchInvalid: The limit is out of range or a file cannot be read or written.
        PublicationInvalid: No model is published.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise BatchInvalid(f"limit must be 1 to {MAX_LIMIT}; got {limit}")
    if not in_path.is_file():
        raise BatchInvalid(f"{in_path} is not a file")
    if not out_path.parent.is_dir():
        raise BatchInvalid(f"{out_path.parent} is not a folder")
    engine = Engine.load(current_folder(home / MODELS))
    lines = failed = unknown = 0
    with _replacing(out_path) as (stream, temporary):
        for answer in _answers(engine, in_path, limit, max_per_artist, progress):
            lines += 1
            failed += "error" in answer
            unknown += len(answer.get("unknown_seeds", ()))
            stream.write(json.dumps(answer, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
        temporary.replace(out_path)
    return BatchReport(lines, failed, unknown)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[tuple[IO[str], Path]]:
    """Gives a temporary file beside a path; it is removed unless it was moved."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yield stream, temporary
    finally:
        temporary.unlink(missing_ok=True)


def _answers(
    engine: Engine,
    in_path: Path,
    limit: int,
    max_per_artist: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[dict[str, Any]]:
    total, read = in_path.stat().st_size, 0
    with in_path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            read += len(line)
            if line.strip():
                yield _answer(engine, line, number, limit, max_per_artist)
            if progress is not None:
                progress(read, total)


def _answer(
    engine: Engine, line: bytes, number: int, limit: int, max_per_artist: int
) -> dict[str, Any]:
    """Returns the answer to one line, whatever the line holds."""
    try:
        asked = json.loads(line)
        seeds = asked["seed_tracks"]
        if not isinstance(seeds, list) or not all(isinstance(seed, str) for seed in seeds):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        message = 'not a JSON object of the form {"id": ..., "seed_tracks": ["...", ...]}'
        return {"id": None, "tracks": [], "line": number, "error": f"line {number}: {message}"}
    answer: dict[str, Any] = {"id": asked.get("id"), "tracks": []}
    known = [seed for seed in seeds if seed in engine.catalogue.snapshot.row_of]
    if len(known) < len(seeds):
        answer["unknown_seeds"] = [
            seed for seed in seeds if seed not in engine.catalogue.snapshot.row_of
        ]
    if seeds and not known:
        return {**answer, "line": number, "error": f"line {number}: no seed is in the catalogue"}
    query = Query(
        tuple(Seed(SeedKind.TRACK, seed) for seed in known),
        limit=limit,
        max_per_artist=max_per_artist,
        reasons=False,
    )
    try:
        ranking = engine.recommend(query, max_seeds=MAX_BATCH_SEEDS)
    except QueryInvalid as fault:
        return {**answer, "line": number, "error": f"line {number}: {fault}"}
    return {**answer, "tracks": [track.track_id for track in ranking.tracks]}
