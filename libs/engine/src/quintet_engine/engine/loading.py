"""Loads the parts of an engine from a bundle."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from quintet_modelkit.bundle import Bundle
from quintet_modelkit.publication import PublicationInvalid, damaged_files

from quintet_engine.booster import Ranker
from quintet_engine.booster_text import MAX_BYTES
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative import model as collaborative_model
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.correction import FILE as LISTENING_FILE
from quintet_engine.correction import Correction
from quintet_engine.forest import files as forest_files
from quintet_engine.index import FaissIndex
from quintet_engine.query import BOOSTER, INDEX, LISTENING, TASTE
from quintet_engine.recipes import BOOTSTRAP, FIRST_QUOTAS, RECIPES, TRAINED, Recipe
from quintet_engine.vectors import VectorIndex

_log = logging.getLogger(__name__)
T = TypeVar("T")
INDEX_FILE: Final = "index.faiss"
BOOSTER_FILE: Final = "booster.txt"
COMPARED: Final = "compared"
"""The fact of a saved forest that it gave LightGBM's scores when the model was published."""
_COLLABORATIVE: Final = f"{collaborative_model.FOLDER}/"
_FOREST: Final = f"{forest_files.FOLDER}/"
# Parts that an engine can do without.
_REPLACEABLE: Final = (INDEX_FILE, BOOSTER_FILE, _COLLABORATIVE, _FOREST, LISTENING_FILE)


@dataclass(frozen=True)
class Versions:
    """The versions that an engine reports with every list."""

    model: str
    index: str
    catalogue: str


class Parts(NamedTuple):
    """What an engine is made of; see `Engine`."""

    catalogue: Catalogue
    audio_index: VectorIndex
    ranker: Ranker | None
    versions: Versions
    recipe: Recipe
    collaborative: CollaborativeModel | None
    without: tuple[str, ...]
    correction: Correction | None


def load_parts(bundle: Bundle, folder: Path) -> Parts:
    """Load all parts of a bundle.

    Raises:
        PublicationInvalid: A file is missing or altered, or the booster was made for other
            features.
    """
    manifest = bundle.manifest
    recipe = _recipe_of(folder.name, manifest)
    catalogue = Catalogue.of(bundle.snapshot)
    try:
        return Parts(
            catalogue,
            _index_of(folder, manifest, catalogue),
            _ranker_of(folder, recipe, manifest.get("forest")),
            _versions_of(manifest),
            recipe,
            _collaborative_of(folder, manifest, catalogue),
            (),
            Correction.load(folder, manifest),
        )
    except (ValueError, OSError, KeyError, TypeError, MemoryError) as fault:
        raise PublicationInvalid(f"{folder.name}: {described(fault)}") from fault


def salvage_parts(folder: Path) -> Parts:
    """Load the undamaged parts of a damaged bundle; its catalogue must be undamaged.

    - Without its booster, lists are in the order of cosine.
    - Without the collaborative model, whose outputs are the booster's features, candidates come
    by
      audio and catalogue only, and are in the order of cosine too.
    - Without its index, the catalogue is searched row by row.
    - Without the saved forest nothing is missing: it is parsed from the booster again.
    - Without what was learned from listeners, a memory counts by the rule alone.

    Raises:
        PublicationInvalid: The manifest, the catalogue or another irreplaceable part is
            damaged; or
            nothing is damaged, and the results are wrong all the same.
    """
    damaged = damaged_files(folder)
    if lost := [name for name in damaged if not name.startswith(_REPLACEABLE)]:
        raise PublicationInvalid(f"{folder.name}: {lost[0]} {damaged[lost[0]]}")
    bundle = Bundle.load(folder, verify=False)
    manifest = bundle.manifest
    recipe = _recipe_of(folder.name, manifest)
    catalogue = Catalogue.of(bundle.snapshot)
    parts = _PartLoader(damaged)
    index = parts.load(INDEX, INDEX_FILE, lambda: _index_of(folder, manifest, catalogue))
    forest_is_whole = not any(name.startswith(_FOREST) for name in damaged)
    forest_facts = manifest.get("forest") if forest_is_whole else None
    ranker = parts.load(BOOSTER, BOOSTER_FILE, lambda: _ranker_of(folder, recipe, forest_facts))
    collaborative = parts.load(
        TASTE, _COLLABORATIVE, lambda: _collaborative_of(folder, manifest, catalogue)
    )
    correction = parts.load(LISTENING, LISTENING_FILE, lambda: Correction.load(folder, manifest))
    if TASTE in parts.without:
        ranker, recipe, correction = None, BOOTSTRAP, None
    if forest_is_whole and not parts.without:
        raise PublicationInvalid(
            f"{folder.name}: every file is as published, but the bundle cannot serve; "
            "publish the model again"
        )
    exact = index or FaissIndex.exact(catalogue.unit)
    versions = _versions_of(manifest)
    without = tuple(parts.without)
    return Parts(catalogue, exact, ranker, versions, recipe, collaborative, without, correction)


def _recipe_of(name: str, manifest: Mapping[str, Any]) -> Recipe:
    """Find the recipe that a bundle was made by.

    Raises:
        PublicationInvalid: This program has none of that kind, or one with other features.
    """
    recipe = RECIPES.get(str(manifest["kind"]))
    if recipe is None:
        raise PublicationInvalid(
            f"{name}: is of kind {manifest['kind']}; this program serves {', '.join(RECIPES)}"
        )
    if manifest["feature_hash"] != recipe.feature_hash:
        raise PublicationInvalid(
            f"{name}: made for features {manifest['feature_hash'][:12]}, "
            f"this program has {recipe.feature_hash[:12]}; train the model again"
        )
    if recipe.kind != TRAINED.kind:
        return recipe
    return recipe.with_quotas(manifest.get("quotas", FIRST_QUOTAS))


def described(fault: Exception) -> str:
    """Describe an error in one line; a missing field of the manifest has only its name as text."""
    text = " ".join(str(fault).split())
    return f"it lacks {text}" if isinstance(fault, KeyError) else text


def _versions_of(manifest: Mapping[str, Any]) -> Versions:
    return Versions(
        str(manifest["model_version"]),
        str(manifest["index_version"]),
        str(manifest["catalogue_version"]),
    )


def _index_of(folder: Path, manifest: Mapping[str, Any], catalogue: Catalogue) -> FaissIndex:
    return FaissIndex.load(folder / INDEX_FILE, catalogue.unit, manifest["index"])


def _ranker_of(folder: Path, recipe: Recipe, forest_facts: Mapping[str, Any] | None) -> Ranker:
    """Read the booster, and its forest if there are facts to load it with."""
    forest = None
    if forest_facts:
        forest = forest_files.load_forest(folder / forest_files.FOLDER, forest_facts)
    path = folder / BOOSTER_FILE
    # Before it is in memory: a file may be sparse, larger than the memory and of no bytes on disk.
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{BOOSTER_FILE} is larger than {MAX_BYTES:,} bytes")
    compared = forest is not None and bool((forest_facts or {}).get(COMPARED))
    ranker = Ranker.from_text(path.read_text(encoding="utf-8"), forest, compared=compared)
    if forest is not None and forest.width != len(ranker.names):
        raise ValueError(f"the forest has {forest.width} features, the booster {len(ranker.names)}")
    if ranker.names != recipe.names:
        raise ValueError(
            f"the booster has {len(ranker.names)} features, the recipe {recipe.kind} has "
            f"{len(recipe.names)}, or they differ in name or order"
        )
    return ranker


class _PartLoader:
    """Loads parts of a bundle one by one, and collects those that could not be loaded.

    Args:
        damaged: Files that differ from the manifest, and how.
    """

    def __init__(self, damaged: Mapping[str, str]) -> None:
        self._damaged = damaged
        self.without: list[str] = []

    def load(self, part: str, files: str, load: Callable[[], T]) -> T | None:
        """Load a part; None if it cannot be loaded, or one of its files is damaged.

        Args:
            part: Its name in `Ranking.degraded`.
            files: The start of its files' names.
            load: Loads it.
        """
        if not any(name.startswith(files) for name in self._damaged):
            try:
                return load()
            except (ValueError, OSError, KeyError, TypeError) as fault:
                _log.warning("%s cannot be loaded: %s", part, fault)
        self.without.append(part)
        return None


def _collaborative_of(
    folder: Path, manifest: Mapping[str, Any], catalogue: Catalogue
) -> CollaborativeModel | None:
    """Load the collaborative model, if the bundle has one."""
    facts = manifest.get("taste_index")
    if facts is None:
        return None
    return CollaborativeModel.load(folder / collaborative_model.FOLDER, facts, catalogue)
