"""Makes a bundle from a snapshot, an index and a booster."""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import faiss
import lightgbm
import numpy as np
from quintet_modelkit.bundle import content_version, write_bundle
from quintet_modelkit.publication import sha256_of

from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.model import FOLDER, CollaborativeModel
from quintet_engine.correction import FILE as LISTENING_FILE
from quintet_engine.correction import Correction
from quintet_engine.engine import BOOSTER_FILE, COMPARED, INDEX_FILE, Engine, Versions
from quintet_engine.forest import files as forest_files
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import RECIPES, TRAINED

# Tracks of the golden request, evenly spread over the catalogue.
_GOLDEN_SEEDS: Final = 5


def libraries() -> dict[str, str]:
    """Record the versions of what computes: Python, NumPy, FAISS, LightGBM."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "faiss": faiss.__version__,
        "lightgbm": lightgbm.__version__,
    }


def build_bundle(
    folder: Path,
    snapshot_folder: Path,
    catalogue: Catalogue,
    index: FaissIndex,
    booster_text: str,
    *,
    kind: str,
    facts: Mapping[str, Any],
    collaborative: CollaborativeModel | None = None,
    version: str | None = None,
    listening_text: str = "",
) -> Engine:
    """Write a complete bundle into an empty folder and return its engine.

    Args:
        folder: Usually from `publication.staged`.
        snapshot_folder: The snapshot, which becomes part of the bundle.
        catalogue: The view of that snapshot.
        index: The audio index over it.
        booster_text: The booster in LightGBM's text format.
        kind: "bootstrap" or "trained".
        facts: Further fields of the manifest: parameters, seed, metrics; `quotas` of a booster that
            learned from other candidates than this program retrieves.
        collaborative: What was learned from playlists; for a trained model.
        version: The model version; None to name the model by its content.
        listening_text: The booster learned from listeners, in LightGBM's text format; empty for
            none. `facts["listening"]` describes it.
    """
    index.save(folder / INDEX_FILE)
    (folder / BOOSTER_FILE).write_text(booster_text, encoding="utf-8")
    index_version = f"idx-{sha256_of(folder / INDEX_FILE)[:12]}"
    correction = None
    if listening_text:
        (folder / LISTENING_FILE).write_text(listening_text, encoding="utf-8")
        correction = Correction.from_text(listening_text)
    recipe = RECIPES[kind].with_quotas(facts.get("quotas", {}))
    quotas = {channel.name: channel.quota for channel in recipe.channels}
    ranker = Ranker.from_text(booster_text)
    engine = Engine(
        *(catalogue, index, ranker, Versions("", index_version, catalogue.snapshot.version)),
        *(recipe, collaborative),
        correction=correction,
    )
    rows = np.linspace(0, len(catalogue) - 1, min(_GOLDEN_SEEDS, len(catalogue))).astype(np.int64)
    seeds = catalogue.track_ids(np.unique(rows))
    # LightGBM's answer, which the saved forest must give wherever it is loaded.
    golden = {"seeds": seeds, "tracks": engine.golden_answer(seeds)}
    parts = {
        **({} if collaborative is None else {"taste_index": collaborative.save(folder / FOLDER)}),
        **_saved_forest(folder, engine),
    }
    if version is None:
        ranked_by = {"catalogue": catalogue.snapshot.version, "features": recipe.feature_hash}
        if kind == TRAINED.kind:
            ranked_by["quotas"] = json.dumps(quotas, sort_keys=True)
        version = content_version(kind, folder, ranked_by)
    engine.versions = Versions(version, index_version, catalogue.snapshot.version)
    content = {
        "kind": kind,
        "model_version": version,
        "index_version": index_version,
        "catalogue_version": catalogue.snapshot.version,
        "create_time": datetime.now(UTC).isoformat(),
        "track_count": len(catalogue),
        "feature_names": list(recipe.names),
        "feature_hash": recipe.feature_hash,
        "channels": [channel.name for channel in recipe.channels],
        "index": index.facts,
        "libraries": libraries(),
        **parts,
        **facts,
        **({"quotas": quotas} if kind == TRAINED.kind else {}),
    }
    write_bundle(folder, snapshot_folder, content, golden)
    return engine


def _saved_forest(folder: Path, engine: Engine) -> dict[str, Any]:
    """Save the booster's trees as arrays, and describe them for the manifest.

    Only if they give LightGBM's scores, since loading does not compare.
    """
    if not engine.accelerate() or engine.ranker is None:
        return {}
    forest = engine.ranker.forest()
    facts = forest_files.save_forest(folder / forest_files.FOLDER, forest)
    return {"forest": {**facts, COMPARED: True}}
