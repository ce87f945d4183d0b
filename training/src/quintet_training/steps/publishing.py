"""Publishing a model for the catalogue in use: trained, carried over, or made without playlists."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import quintet_engine
import quintet_modelkit
from quintet_engine.booster import Ranker
from quintet_engine.build import build_bundle, libraries
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.model import CollaborativeModel, load_holders
from quintet_engine.correction import FEATURE_HASH
from quintet_engine.correction import FILE as LISTENING_FILE
from quintet_engine.engine import BOOSTER_FILE, Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import BOOTSTRAP, FIRST_QUOTAS, TRAINED
from quintet_files import exclusive, write_atomically
from quintet_modelkit.publication import (
    PublicationInvalid,
    current_folder,
    current_version,
    is_version,
    publish,
    read_manifest,
    read_pointer,
    set_current,
    sha256_of,
    staged,
)
from quintet_modelkit.snapshot import Snapshot

import quintet_training
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
INPUTS: Final = ".inputs"
"""Folder beside the models: a file per digest of inputs, which contains the version they make."""
MOST_INPUTS: Final = 100
# What a model keeps of itself when it is carried to another catalogue.
_CARRIED: Final = (
    *("parameters", "seed", "metrics", "chosen", "importances", "data", "trained_as"),
    "listening",
)


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


def inputs_digest(kind: str, facts: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of all that decides a model, so that it is not made a second time.

    The program is part of it: with another constant or another formula the model is made again. It
    keeps its version if its content is the same nevertheless.

    Args:
        kind: "bootstrap" or "trained".
        facts: Data and parameters, as JSON.
    """
    inputs = {"kind": kind, "program": _program(), "libraries": libraries(), **facts}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


@cache
def _program() -> str:
    """Hash the source code that makes models."""
    digest = hashlib.sha256()
    for package in (quintet_engine, quintet_modelkit, quintet_training):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def published_from(models: Path, inputs: str) -> str | None:
    """Find the undamaged model that was made from these inputs; None if there is none."""
    version = read_pointer(models / INPUTS / inputs)
    if not is_version(version):
        return None
    try:
        read_manifest(models / version, verify=True)
    except PublicationInvalid:
        return None
    return version


def record_inputs(models: Path, inputs: str, version: str) -> None:
    """Record that these inputs make this model; the newest `MOST_INPUTS` records are kept."""
    folder = models / INPUTS
    folder.mkdir(exist_ok=True)
    write_atomically(folder / inputs, version + "\n")
    newest_last = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for path in newest_last[:-MOST_INPUTS]:
        path.unlink(missing_ok=True)


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
    listening = _listening_of(folder, manifest)
    inputs = inputs_digest(
        TRAINED.kind,
        {
            "booster": sha256_of(folder / BOOSTER_FILE),
            "playlists": manifest["data"],
            "catalogue": snapshot_folder.name,
            **({"listening": sha256_of(folder / LISTENING_FILE)} if listening else {}),
        },
    )
    version = published_from(models, inputs)
    if version is not None:
        set_current(models, version)
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
    facts["quotas"] = manifest.get("quotas", FIRST_QUOTAS)
    if "listening" in facts and not listening:
        facts["listening"] = {**facts["listening"], "queries": 0}
    version = publish_bundle(
        models,
        snapshot_folder,
        catalogue,
        index,
        text,
        facts,
        learned,
        listening_text=listening,
    )
    record_inputs(models, inputs, version)
    on_progress(1.0, "published")
    return version


def _listening_of(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Read what a bundle learned from listeners; empty if nothing, or of other features."""
    facts = manifest.get("listening") or {"queries": 0}
    if not facts["queries"] or facts["feature_hash"] != FEATURE_HASH:
        return ""
    return (folder / LISTENING_FILE).read_text(encoding="utf-8")


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
    facts: Mapping[str, Any],
    learned: CollaborativeModel | None = None,
    *,
    version: str | None = None,
    listening_text: str = "",
    serve: bool = True,
) -> str:
    """Write a bundle, by default serve it, and return its version, by default of its content.

    Its kind is `trained` if `learned` is given.
    """
    kind = BOOTSTRAP.kind if learned is None else TRAINED.kind
    with staged(models) as folder:
        built = build_bundle(
            folder,
            snapshot_folder,
            catalogue,
            index,
            text,
            kind=kind,
            facts=facts,
            collaborative=learned,
            version=version,
            listening_text=listening_text,
        )
        version = built.versions.model
        publish(folder, models, version, make_current=serve)
    return version


def _publish_bootstrap(
    models: Path, snapshot_folder: Path, parameters: BootstrapParameters, on_progress: Progress
) -> str:
    facts = {"catalogue": snapshot_folder.name, "parameters": parameters.facts()}
    inputs = inputs_digest(BOOTSTRAP.kind, facts)
    version = published_from(models, inputs)
    if version is not None:
        set_current(models, version)
        on_progress(1.0, "model is up to date")
        return version
    on_progress(0.0, "reading the catalogue")
    catalogue = Catalogue.of(Snapshot.load(snapshot_folder), recommend_absent=True)
    index, rows, text = _bootstrap(catalogue, parameters, on_progress)
    on_progress(0.9, "publishing")
    described = {
        "parameters": parameters.facts(),
        "seed": parameters.seed,
        "metrics": {"training_groups": len(rows.sizes), "training_rows": len(rows.labels)},
    }
    version = publish_bundle(models, snapshot_folder, catalogue, index, text, described)
    record_inputs(models, inputs, version)
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
