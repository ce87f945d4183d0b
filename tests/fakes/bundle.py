"""A trained bundle of some hundred tracks, made in a second, with every kind of file."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from quintet_engine.build import build_bundle
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import MANIFEST, publish, sha256_of, staged
from quintet_modelkit.snapshot import Snapshot

from tests.fakes.catalogue import publish_catalogue


def publish_trained(
    home: Path, count: int = 240, version: str = "trained-made", **options: Any
) -> Path:
    """Publish a catalogue and a trained model over it in a home; give the model's folder.

    Playlists hold the tracks of one genre, and the booster is trained on random rows. Other options
    are those of `publish_catalogue`.
    """
    catalogue_version = publish_catalogue(home, count, **options)
    folder = home / "catalogue" / catalogue_version
    catalogue = Catalogue.of(Snapshot.load(folder))
    # Few enough rows a list, so that the file has inverted lists, as a large catalogue's has.
    index = FaissIndex.build(catalogue.unit, seed=1, flat_limit=100, depth=10)
    facts: dict[str, Any] = {"metrics": {}, "parameters": {}}
    with staged(home / "models") as staging:
        build_bundle(
            staging,
            folder,
            catalogue,
            index,
            _booster_text(),
            version=version,
            kind="trained",
            facts=facts,
            collaborative=_collaborative(catalogue),
        )
        return publish(staging, home / "models", version)


def _collaborative(catalogue: Catalogue) -> CollaborativeModel:
    random = np.random.default_rng(1)
    genre = np.arange(len(catalogue)) % 8 < 4
    playlists = [
        np.sort(random.choice(np.flatnonzero(genre == (number % 2 == 0)), 12, replace=False))
        for number in range(24)
    ]
    tokens = Tokens.of(catalogue, seed=1)
    taste = Taste.fit(tokens, catalogue.year, membership(playlists, len(catalogue)))
    return CollaborativeModel(
        tokens,
        PlaylistSpace.fit(tokens, playlists),
        taste,
        FaissIndex.build(taste.places, seed=1),
        FaissIndex.build(tokens.sound_units, seed=1),
        ContentPool.of(tokens, catalogue.popularity),
        catalogue,
    )


def _booster_text() -> str:
    random = np.random.default_rng(2)
    names = list(TRAINED.names)
    rows = random.normal(size=(200, len(names)))
    rows[::7, ::3] = np.nan
    data = lightgbm.Dataset(rows, random.integers(0, 3, 200), group=[20] * 10, feature_name=names)
    options = {"objective": "lambdarank", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1}
    return str(lightgbm.train(options, data, num_boost_round=4).model_to_string())


def sign_again(folder: Path, name: str) -> None:
    """Write a changed file's checksum into the manifest, as an attacker who can publish would."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    path = folder / name
    manifest["files"][name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    write_manifest_text(folder, manifest)


def write_manifest_text(folder: Path, manifest: dict[str, Any]) -> None:
    """Replace a manifest by other fields."""
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
