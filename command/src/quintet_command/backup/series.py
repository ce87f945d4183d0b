"""Backups in a folder, one after the other: named by their time, the oldest removed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quintet_command import backup
from quintet_command.backup.archive import SUFFIX, BackupInvalid
from quintet_command.settings import CommandSettings

MOST_KEPT: Final = 1_000
_NAME: Final = re.compile(rf"quintet-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")


@dataclass(frozen=True)
class Run:
    """One more backup of a series.

    Attributes:
        path: The new file.
        made: What it holds.
        removed: Older files that were removed.
    """

    path: Path
    made: "backup.Backup"
    removed: tuple[Path, ...]


def run(
    settings: CommandSettings, folder: Path, keep: int, secrets: Path | None, *, registry: bool
) -> Run:
    """Create a backup in a folder and verify it; then remove all but the newest.

    Args:
        settings: The installation.
        folder: Where backups are.
        keep: How many backups stay, 1..1000; files with other names are not touched.
        secrets: A folder of secrets to include, or None.
        registry: Include the registry of models.

    Raises:
        BackupInvalid: The folder cannot be written, or the new backup is not whole; then nothing
            is removed.
        StoreUnavailable: A database cannot be read.
        OSError: The disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BackupInvalid(f"{folder} cannot be created ({fault.strerror})") from fault
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"quintet-{stamp}{SUFFIX}"
    try:
        backup.create(settings, path, registry=registry, secrets=secrets)
    except PermissionError as fault:
        raise BackupInvalid(
            f"{folder} cannot be written by this user; in containers, give it to user 10001: "
            "`sudo chown 10001:10001 FOLDER`"
        ) from fault
    made = backup.verify(path)
    old = series(folder)[:-keep]
    for each in old:
        each.unlink()
    return Run(path, made, tuple(old))


def series(folder: Path) -> list[Path]:
    """List the backups of a series, the oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _NAME.fullmatch(path.name) and path.is_file())


def newest(place: Path) -> Path:
    """Choose a backup: the one named, or the newest of a series in a folder.

    Raises:
        BackupInvalid: The folder has none.
    """
    if not place.is_dir() or (place / "manifest.json").is_file():
        return place
    found = series(place)
    if not found:
        raise BackupInvalid(f"there is no backup in {place}; `quintet backup run` creates one")
    return found[-1]
