"""Checks of state: the published folders and the database that serving needs."""

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
# A younger folder may belong to a process that still writes it.
_LEFT_SECONDS: Final = 3_600.0
# Share of the bound from which the doctor and the alert report it.
_NEAR_BOUND: Final = 0.8
_SUMMED_BYTES: Final = 256 * 1024**2
_SHARE: Final = "restore a backup; where several hosts use one database, let them share this folder"
_PREPARE: Final = "quintet prepare, or quintet catalog import FILE"


def database(settings: CommandSettings) -> Finding:
    """Check that the database answers and its schema is the newest."""
    from quintet_store import StoreUnavailable
    from quintet_store.database import revision_of

    try:
        revision = revision_of(settings.database_url)
    except StoreUnavailable as fault:
        remedy = "start it, or correct QUINTET_DATABASE_URL; a damaged file comes from a backup"
        return wrong("database", str(fault), remedy)
    if not revision.current:
        return look("database", "nothing was made in it yet", "`quintet up` does")
    # Migrations only add, so this release works on it: during an upgrade, and after going back.
    if revision.current not in revision.known:
        said = f"schema {revision.current} is of a newer release"
        return look("database", said, "run that release, or see docs/how-to/upgrade.md")
    if revision.current != revision.known[0]:
        said = f"schema {revision.current}, the newest is {revision.known[0]}"
        return wrong("database", said, "quintet catalog info brings it up to date")
    return well("database", f"answers, schema {revision.current} is the newest")


def feedback(settings: CommandSettings) -> Finding:
    """Check how near the recorded lists are to their bound."""
    from quintet_store import StoreUnavailable
    from quintet_store.feedback import stored_bytes

    try:
        used, most = stored_bytes(settings.database_url), settings.feedback_max_bytes
    except StoreUnavailable:
        return look("feedback", "cannot be read", "see the finding on the database")
    said = f"{used / 1e6:,.0f} of {most / 1e6:,.0f} MB of recorded lists"
    if used < _NEAR_BOUND * most:
        return well("feedback", said)
    remedy = "raise QUINTET_FEEDBACK_MAX_BYTES, or let the oldest lists be deleted"
    return look("feedback", f"{said}: the oldest are about to be deleted", remedy)


def playlists(settings: CommandSettings) -> Finding:
    """Check that each file of rows of playlists is there and whole, by its checksum."""
    from quintet_modelkit.publication import sha256_of
    from quintet_store import StoreUnavailable
    from quintet_store.playlist_files import FOLDER, stored_files

    try:
        files = stored_files(settings.database_url)
    except StoreUnavailable:
        return look("playlists", "cannot be read", "see the finding on the database")
    folder, summed = settings.home / FOLDER, 0
    for file in files:
        path = folder / file.name
        summed += file.bytes
        if not path.is_file():
            return wrong("playlists", f"{path} is missing", _SHARE)
        # The sizes are compared in any case; reading more takes longer than a check may.
        is_whole = path.stat().st_size == file.bytes
        if not is_whole or (summed <= _SUMMED_BYTES and sha256_of(path) != file.sha256):
            return wrong("playlists", f"{path} is damaged", _SHARE)
    rows = sum(file.live for file in files)
    return well("playlists", f"{rows:,} rows in {len(files):,} files, all there")


def catalogue(settings: CommandSettings) -> Finding:
    """Check that a catalogue is published and whole, by its checksums."""

    def describe(manifest: dict[str, Any]) -> str:
        return f"{int(manifest['track_count']):,} tracks"

    again = "quintet prepare: it is written again from the database"
    return _published("catalogue", settings.catalogue, describe, again)


def model(settings: CommandSettings) -> Finding:
    """Check that a model is published, whole, of known features and for this catalogue."""
    root = settings.home / "models"
    is_trained = (current_version(root) or "").startswith("trained-")
    again = "quintet train" if is_trained else "quintet prepare"
    found = _published("model", root, lambda manifest: str(manifest["kind"]), again)
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
    """Check that search has a whole index of the catalogue in use."""
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
    """Check for half-written folders of processes that died; they only waste space."""
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
