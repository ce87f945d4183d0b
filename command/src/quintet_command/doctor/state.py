"""Checks of disk and database: the files and tables that serving needs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from quintet_modelkit.publication import (
    PublicationInvalid,
    current_folder,
    current_version,
    read_manifest,
)

from quintet_command.doctor.findings import Finding, look, well, wrong
from quintet_command.settings import CommandSettings

_LEFT: Final = (".staging-*", ".removed-*")
# What is younger may be being written.
_LEFT_SECONDS: Final = 3_600.0
_PREPARE: Final = "quintet prepare, or quintet catalog import FILE"


def database(settings: CommandSettings) -> Finding:
    """Whether the database answers and its schema is the newest."""
    from quintet_store import StoreUnavailable
    from quintet_store.database import revision_of

    try:
        revision = revision_of(settings.database_url)
    except StoreUnavailable as fault:
        remedy = "start it, or correct QUINTET_DATABASE_URL; a damaged file comes from a backup"
        return wrong("database", str(fault), remedy)
    if not revision.current:
        return look("database", "nothing was made in it yet", "`quintet up` does")
    if revision.current not in revision.known:
        said = f"schema {revision.current} is of a newer release"
        return wrong("database", said, "run that release, or restore a backup of this one")
    if revision.current != revision.known[0]:
        said = f"schema {revision.current}, the newest is {revision.known[0]}"
        return wrong("database", said, "quintet catalog info brings it up to date")
    return well("database", f"answers, schema {revision.current} is the newest")


def catalogue(settings: CommandSettings) -> Finding:
    """Whether a catalogue is published and whole."""

    def describe(manifest: dict[str, Any]) -> str:
        return f"{int(manifest['track_count']):,} tracks"

    again = "quintet prepare: it is written again from the database"
    return _published("catalogue", settings.catalogue, describe, again)


def model(settings: CommandSettings) -> Finding:
    """Whether a model is published, whole, of our features and for the catalogue in use."""
    root = settings.home / "models"
    found = _published("model", root, lambda manifest: str(manifest["kind"]), _again(root))
    if found.remedy:
        return found
    from quintet_engine.recipes import RECIPES

    manifest = read_manifest(current_folder(root), verify=False)
    name, recipe = str(manifest["model_version"]), RECIPES.get(str(manifest["kind"]))
    if recipe is None or recipe.feature_hash != manifest["feature_hash"]:
        said = f"{name} was made for features that this release does not have"
        return wrong("model", said, "quintet train, or run the release that made it")
    published = current_version(settings.catalogue)
    if published and manifest["catalogue_version"] != published:
        said = f"{name} is for {manifest['catalogue_version']}, published is {published}"
        return wrong("model", said, "quintet prepare makes one for the catalogue in use")
    return found


def search_index(settings: CommandSettings) -> Finding:
    """Whether search has its index of the catalogue in use, and that is whole."""
    version, root = current_version(settings.catalogue), settings.home / "search"
    if version is None:
        return look("search index", "there is no catalogue to have one of", _PREPARE)
    restart = "restart search: it builds the index as it starts"
    if not (root / version).is_dir():
        # Search makes the folder with its first index.
        if not root.is_dir():
            return look("search index", "not built yet", "search builds it as it starts")
        return wrong("search index", f"that of {version} is missing from {root}", restart)
    try:
        read_manifest(root / version)
    except PublicationInvalid as fault:
        return wrong("search index", str(fault), restart)
    return well("search index", f"that of {version} is whole")


def leftovers(settings: CommandSettings) -> Finding:
    """Whether processes that died left half-written folders."""
    now = time.time()
    left = [
        path
        for root in ("catalogue", "models", "search")
        for pattern in _LEFT
        for path in sorted((settings.home / root).glob(pattern))
        if now - path.stat().st_mtime > _LEFT_SECONDS
    ]
    if not left:
        return well("leftovers", "none")
    said = f"{len(left)} folders of processes that died, such as {left[0]}"
    return look("leftovers", said, f"rm -r {' '.join(map(str, left[:3]))}")


def _published(
    name: str, root: Path, describe: Callable[[dict[str, Any]], str], again: str
) -> Finding:
    version = current_version(root)
    if version is None:
        return wrong(name, f"nothing is published in {root}", _PREPARE)
    folder = root / version
    try:
        manifest = read_manifest(folder)
        return well(name, f"{version} is whole, {describe(manifest)}")
    except PublicationInvalid as fault:
        first = f"rm -r {folder}, then " if folder.exists() else ""
        return wrong(name, str(fault), first + again)
    except (KeyError, TypeError, ValueError):
        return wrong(name, f"{version}: manifest is not readable", f"rm -r {folder}, then {again}")


def _again(models: Path) -> str:
    """Return how the model in use is made again."""
    version = current_version(models) or ""
    return "quintet train" if version.startswith("trained-") else "quintet prepare"
