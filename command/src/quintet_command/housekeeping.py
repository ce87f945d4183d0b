"""Removes what nothing uses any more, from the disk and from the registry."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quintet_modelkit.publication import current_version, is_version

from quintet_command import models
from quintet_command.models import MODELS
from quintet_command.settings import CommandSettings

RUNS: Final = "runs"
"""Files of retrainings, a folder each, in QUINTET_HOME."""
_DAY: Final = 86_400.0
# What is younger may be half-way: being written, or pulled by a ranker that is about to serve it.
_SETTLED: Final = 3_600.0


@dataclass(frozen=True)
class Swept:
    """The names of all that was removed, and the bytes that became free on this disk."""

    models: tuple[str, ...]
    catalogues: tuple[str, ...]
    indices: tuple[str, ...]
    files: tuple[str, ...]
    registered: tuple[str, ...]
    bytes: int


def sweep(settings: CommandSettings, *, dry_run: bool = False) -> Swept:
    """Remove old models, catalogues and search indices, and files past their days.

    Kept are what is in use, what an alias of the registry names, the newest
    `housekeeping_versions` of each kind, and whatever is younger than an hour; in the registry the
    newest `housekeeping_registered` without an alias, and what a rollback goes to. Feedback has a
    separate retention (`quintet feedback prune`).

    Args:
        settings: The home, and how much of it is kept.
        dry_run: Remove nothing; report what would be removed.
    """
    home, now = settings.home, time.time()
    kept = settings.housekeeping_versions
    bundles = _old(home / MODELS, _models_in_use(settings), kept, now)
    catalogues = _old(home / "catalogue", _current(home / "catalogue"), kept, now)
    gone = {folder.name for folder in catalogues}
    published = {folder.name for folder in _versions(home / "catalogue")} - gone
    # An index belongs to a catalogue, and is rebuilt from it.
    indices = [
        folder
        for folder in _versions(home / "search")
        if folder.name not in published and _age(folder, now) > _SETTLED
    ]
    # Reports of runs and rejected rows are for people, so age decides and not use.
    days = settings.housekeeping_days * _DAY
    files = [
        path
        for root in (home / RUNS, settings.quarantine)
        for path in _children(root, lambda _: True)
        if _age(path, now) > days
    ]
    everything = [*bundles, *catalogues, *indices, *files]
    freed = sum(_size(path) for path in everything)
    for path in () if dry_run else everything:
        _remove(path)
    names = [tuple(p.name for p in group) for group in (bundles, catalogues, indices, files)]
    registered = _forgotten(settings, dry_run)
    return Swept(names[0], names[1], names[2], names[3], registered, freed)


def _forgotten(settings: CommandSettings, dry_run: bool) -> tuple[str, ...]:
    """Remove old versions from the registry, and list them; none if it is down.

    Raises:
        RegistryInvalid: The registry refuses.
    """
    try:
        registry = models.registry_of(settings)
        gone = registry.forget(settings.housekeeping_registered, dry_run=dry_run)
    except models.RegistryUnavailable:
        return ()
    return tuple(f"{record.version} ({record.bundle})" for record in gone)


def _models_in_use(settings: CommandSettings) -> set[str]:
    """Collect the bundles that must stay: the one in use here and those that an alias names.

    Raises:
        RegistryInvalid: The registry refuses to say.
    """
    # A bundle that an alias names may be promoted or rolled back to within a poll.
    used = _current(settings.home / MODELS)
    try:
        named = [r.bundle for r in models.registered(settings) if r.aliases]
    except models.RegistryUnavailable:
        # Nothing is lost: a registered bundle can be downloaded again.
        named = []
    return used.union(named)


def _current(root: Path) -> set[str]:
    version = current_version(root)
    return set() if version is None else {version}


def _old(root: Path, used: set[str], kept: int, now: float) -> list[Path]:
    """Choose the versions to remove: neither in use nor among the newest; the oldest first."""
    free = sorted((p for p in _versions(root) if p.name not in used), key=_made)
    return [folder for folder in free[: max(0, len(free) - kept)] if _age(folder, now) > _SETTLED]


def _versions(root: Path) -> list[Path]:
    return _children(root, lambda path: path.is_dir() and is_version(path.name))


def _children(root: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    return sorted(filter(wanted, root.iterdir())) if root.is_dir() else []


def _made(path: Path) -> float:
    return path.stat().st_mtime


def _age(path: Path, now: float) -> float:
    return now - _made(path)


def _size(path: Path) -> int:
    inside: Iterable[Path] = path.rglob("*") if path.is_dir() else (path,)
    # Removing one of several hard links frees no space.
    return sum(
        facts.st_size for each in inside if each.is_file() and (facts := each.stat()).st_nlink == 1
    )


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    # Renamed first, so that a process that lists versions sees it complete or not at all.
    hidden = path.with_name(f".removed-{path.name}")
    path.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
