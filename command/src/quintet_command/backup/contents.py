"""What is backed up: every part of QUINTET_HOME that cannot be rebuilt, and the database."""

import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from quintet_modelkit.publication import CURRENT, current_version, is_version, read_pointer
from quintet_store import backup as store
from quintet_store.playlist_files import FOLDER
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from quintet_command.settings import CommandSettings

DATABASE: Final = "database"
HOME: Final = "home"
REGISTRY: Final = "mlflow"
_CHAMPION: Final = "champion"
# Any setting with such a part in its name is left out, also one of a later release.
_SECRET: Final = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|CREDENTIAL")
_LOOSE: Final = ("drift.json",)

Place = Callable[[Path, Path], None]
"""Puts a file of the home, the first path, at a place of the backup, the second."""


def linked(source: Path, target: Path) -> None:
    """Link a file that never changes, which costs no space; copy it if the disk cannot link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copied(source: Path, target: Path) -> None:
    """Copy a file with its times."""
    shutil.copy2(source, target)


def gather(settings: CommandSettings, folder: Path, place: Place, *, registry: bool) -> store.Dump:
    """Fill an empty folder with all state that cannot be rebuilt, while it is in use.

    The order matters. Waiting events come before the database that they go to: an event is then in
    one of them or in both, and counts once. The registry's database comes before its files, so that
    each file that it names exists; so does the database before the files of playlists, which stay
    for an hour after the database has named them last.

    Args:
        settings: The home, the database and the registry.
        folder: The staged backup.
        place: Links or copies files that never change.
        registry: Include the registry, if its files are in QUINTET_HOME.

    Returns:
        Kind, schema and row counts of the database.

    Raises:
        StoreUnavailable: A database cannot be read.
        OSError: The disk is full.
    """
    home, target = settings.home, folder / HOME
    target.mkdir()
    for name in ("spool", "access"):
        _tree(home / name, target / name, copied)
    for name in _LOOSE:
        _file(home / name, target / name, copied)
    for root, versions in ((home / "catalogue", ()), (home / "models", _models(home / "models"))):
        _published(root, target / root.name, versions, place)
    if registry and registry_file(settings) is not None:
        source, copy = home / REGISTRY, target / REGISTRY
        copy.mkdir()
        store.copy_sqlite(source / "mlflow.db", copy / "mlflow.db")
        _tree(source / "artifacts", copy / "artifacts", place)
    (folder / DATABASE).mkdir()
    made = store.dump(settings.database_url, folder / DATABASE)
    for path in sorted((home / FOLDER).glob("[!.]*.parquet")):
        _file(path, target / FOLDER / path.name, place)
    return made


def registry_file(settings: CommandSettings) -> Path | None:
    """Find the registry's database in QUINTET_HOME; None if it or its files are elsewhere."""
    path = settings.home / REGISTRY / "mlflow.db"
    elsewhere = settings.mlflow_backend_url.get_secret_value() or settings.mlflow_artifacts
    return path if path.is_file() and not elsewhere else None


def plain_settings() -> dict[str, str]:
    """List the QUINTET_* variables for the manifest, without secrets and passwords in addresses."""
    shown = {}
    for name, value in sorted(os.environ.items()):
        if name.startswith("QUINTET_") and not _SECRET.search(name):
            shown[name] = _without_password(value)
    return shown


def _without_password(value: str) -> str:
    if "://" not in value:
        return value
    try:
        return make_url(value).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        # Not a database address: whatever precedes the host may be a password.
        return re.sub(r"//[^/@]*@", "//***@", value)


def _models(root: Path) -> Iterable[str]:
    """Choose bundles beside the one in use: the champion, and the newest other one.

    A rollback nearly always goes to that one; the registry has the others.
    """
    champion = root / _CHAMPION
    named = read_pointer(champion).split()
    current = current_version(root)
    folders = [p for p in root.glob("*") if p.is_dir() and is_version(p.name)]
    others = sorted((p for p in folders if p.name != current), key=lambda p: p.stat().st_mtime)
    return {*named, *(path.name for path in others[-1:])} & {path.name for path in folders}


def _published(root: Path, target: Path, versions: Iterable[str], place: Place) -> None:
    """Copy the version in use, other named versions, and the pointers to them."""
    current = current_version(root)
    if current is None:
        return
    for version in {current, *versions}:
        _tree(root / version, target / version, place)
    # The version that was read above: the pointer may have changed since.
    (target / CURRENT).write_text(f"{current}\n", encoding="utf-8")
    _file(root / _CHAMPION, target / _CHAMPION, copied)


def _tree(source: Path, target: Path, place: Place) -> None:
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            _file(path, target / path.relative_to(source), place)


def _file(source: Path, target: Path, place: Place) -> None:
    try:
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            place(source, target)
    except FileNotFoundError:
        # Removed meanwhile: an event was stored, or a file got its final name.
        if source.exists():
            raise
