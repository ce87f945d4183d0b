"""Publishing a model for the catalogue in use: trained, carried over, or made without playlists."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from quintet_engine.booster import Ranker
from quintet_engine.build import build_bundle, libraries
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.model import CollaborativeModel, load_holders
from quintet_engine.engine import BOOSTER_FILE, Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import BOOTSTRAP, TRAINED
from quintet_files import exclusive
from quintet_modelkit.bundle import model_version
from quintet_modelkit.publication import (
    PublicationInvalid,
    current_folder,
    current_version,
    publish,
    read_manifest,
    set_current,
    sha256_of,
    staged,
)
from quintet_modelkit.snapshot import Snapshot

from quintet_training.datasets.publishing import LOCK
from quintet_training.ranking import (
    BootstrapParameters,
    RankingRows,
    bootstrap_rows,
    fit_learned,
    train_booster,
)

Progress = Callable[[float, str], None]
"""Receives the completed share, 0..1, and the current step."""
MODELS: Final = "models"
CATALOGUE: Final = "catalogue"
# Part of a bootstrap's version: raised when the way it is made changes.
_RECIPE: Final = 2
# What a model keeps of itself when it is carried to another catalogue.
_CARRIED: Final = ("parameters", "seed", "metrics", "chosen", "importances", "data", "trained_as")


def publish_model(
    home: Path,
    progress: Progress | None = None,
    parameters: BootstrapParameters | None = None,
) -> str:
    """Publish a model for the catalogue in use, and return its version.

    A model in use that was trained for this very catalogue stays. One that was trained for
    another is carried over: its booster stays, and all that is computed from tracks is computed
    again. Without a trained model the bootstrap model is built. If that exists already, only the
    pointer is set, which takes milliseconds.

    Raises:
        PublicationInvalid: No catalogue was published in `home`, or it is damaged.
    """
    on_progress = progress or (lambda share, text: None)
    # The catalogue in use is read under the lock: of two imports at once, the model that is built
    # last is then built for the later catalogue.
    with exclusive(home / MODELS / LOCK):
        return _publish(home, parameters or BootstrapParameters(), on_progress)


def _publish(home: Path, parameters: BootstrapParameters, on_progress: Progress) -> str:
    snapshot_folder = current_folder(home / CATALOGUE)
    models = home / MODELS
    trained = _trained(models)
    if trained is not None:
        if trained["catalogue_version"] == snapshot_folder.name:
            return str(trained["model_version"])
        carried = _carry(models, trained, snapshot_folder, on_progress)
        if carried is not None:
            return carried
    return _publish_bootstrap(models, snapshot_folder, parameters, on_progress)


def point_at(models: Path, version: str) -> bool:
    """Make a published version the one that is served; return False if its folder is not whole."""
    if not is_whole(models / version):
        return False
    set_current(models, version)
    return True


def is_whole(folder: Path) -> bool:
    """Check whether a bundle is there and every file is as its manifest says."""
    try:
        read_manifest(folder, verify=True)
    except PublicationInvalid:
        return False
    return True


def _trained(models: Path) -> Mapping[str, Any] | None:
    """Read the manifest of the model in use; None unless a trained model that can be carried."""
    version = current_version(models)
    if version is None:
        return None
    try:
        manifest = read_manifest(models / version, verify=False)
    except PublicationInvalid:
        return None
    # Its booster reads features by position: other features would be misread.
    fits = manifest.get("kind") == TRAINED.kind
    return manifest if fits and manifest.get("feature_hash") == TRAINED.feature_hash else None


def _carry(
    models: Path, manifest: Mapping[str, Any], snapshot_folder: Path, on_progress: Progress
) -> str | None:
    """Publish a trained model for another catalogue; None if no playlist has two tracks in it."""
    folder = models / str(manifest["model_version"])
    text = (folder / BOOSTER_FILE).read_text(encoding="utf-8")
    inputs = {
        "booster": sha256_of(folder / BOOSTER_FILE),
        "playlists": manifest["data"],
        "catalogue": snapshot_folder.name,
        "libraries": libraries(),
    }
    # The same model on the same catalogue has one name, on every machine.
    version = model_version(TRAINED.kind, inputs)
    if point_at(models, version):
        return version
    on_progress(0.0, "carrying the trained model over")
    catalogue = Catalogue.of(Snapshot.load(snapshot_folder), recommend_absent=True)
    playlists = _playlists_of(folder, catalogue)
    if not playlists:
        return None
    seed = int(manifest["seed"])
    learned = fit_learned(catalogue, playlists, manifest["chosen"]["taste_weights"], seed)
    index = FaissIndex.build(catalogue.unit, seed=seed)
    facts = {name: manifest[name] for name in _CARRIED if name in manifest}
    facts.setdefault("trained_as", manifest["model_version"])
    publish_bundle(models, snapshot_folder, catalogue, index, text, version, facts, learned)
    on_progress(1.0, "published")
    return version


def _playlists_of(folder: Path, catalogue: Catalogue) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Read a bundle's playlists as rows of another catalogue.

    Tracks that it lacks are left out, and playlists that keep fewer than two. Each is int64 (t,).
    """
    old = Snapshot.load(folder / CATALOGUE, verify=False)
    holders = load_holders(folder).tocsc()
    ids = old.tracks.column("track_id").to_pylist()
    row_of = catalogue.snapshot.row_of
    rows = np.array([row_of.get(name, -1) for name in ids], dtype=np.int64)
    # Columns of this sparse matrix are playlists; `rows` maps old numbers to new.
    moved = np.split(rows[holders.indices], holders.indptr[1:-1])
    return [np.sort(kept) for kept in (each[each >= 0] for each in moved) if len(kept) > 1]


def publish_bundle(
    models: Path,
    snapshot_folder: Path,
    catalogue: Catalogue,
    index: FaissIndex,
    text: str,
    version: str,
    facts: Mapping[str, Any],
    learned: CollaborativeModel | None = None,
    *,
    serve: bool = True,
) -> None:
    """Write a bundle and, by default, serve it; its kind is `trained` if `learned` is given."""
    kind = BOOTSTRAP.kind if learned is None else TRAINED.kind
    with staged(models) as folder:
        build_bundle(
            folder,
            snapshot_folder,
            catalogue,
            index,
            text,
            version=version,
            kind=kind,
            facts=facts,
            collaborative=learned,
        )
        publish(folder, models, version, make_current=serve)


def _publish_bootstrap(
    models: Path, snapshot_folder: Path, parameters: BootstrapParameters, on_progress: Progress
) -> str:
    inputs = {
        "recipe": _RECIPE,
        "catalogue": snapshot_folder.name,
        "features": BOOTSTRAP.feature_hash,
        "parameters": parameters.facts(),
        "libraries": libraries(),
    }
    version = model_version(BOOTSTRAP.kind, inputs)
    if point_at(models, version):
        on_progress(1.0, "model is up to date")
        return version
    on_progress(0.0, "reading the catalogue")
    catalogue = Catalogue.of(Snapshot.load(snapshot_folder), recommend_absent=True)
    index, rows, text = _bootstrap(catalogue, parameters, on_progress)
    on_progress(0.9, "publishing")
    facts = {
        "parameters": parameters.facts(),
        "seed": parameters.seed,
        "metrics": {"training_groups": len(rows.sizes), "training_rows": len(rows.labels)},
    }
    publish_bundle(models, snapshot_folder, catalogue, index, text, version, facts)
    on_progress(1.0, "published")
    return version


def bootstrap_engine(
    catalogue: Catalogue, parameters: BootstrapParameters, on_progress: Progress
) -> Engine:
    """Build the bootstrap model of a catalogue in memory, to evaluate it; publish nothing."""
    index, _, text = _bootstrap(catalogue, parameters, on_progress)
    versions = Versions(BOOTSTRAP.kind, "", catalogue.snapshot.version)
    return Engine(catalogue, index, Ranker.from_text(text), versions)


def _bootstrap(
    catalogue: Catalogue, parameters: BootstrapParameters, on_progress: Progress
) -> tuple[FaissIndex, RankingRows, str]:
    on_progress(0.1, "building the index")
    index = FaissIndex.build(catalogue.unit, seed=parameters.seed)
    bare = Engine(catalogue, index, None, Versions("", "", catalogue.snapshot.version))
    rows = bootstrap_rows(bare, parameters, lambda s: on_progress(0.2 + 0.5 * s, "sampling groups"))
    on_progress(0.7, "training the booster")
    return index, rows, train_booster(rows, parameters)
