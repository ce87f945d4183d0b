"""Back up an installation into one file while it runs, verify the file, and restore it."""

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from quintet_store import StoreUnavailable
from quintet_store import backup as store
from quintet_store.database import parse_url
from quintet_store.spool import forget

from quintet_command.backup import contents, elsewhere
from quintet_command.backup.archive import (
    SUFFIX,
    BackupInvalid,
    Sealed,
    read,
    seal,
    staged,
)
from quintet_command.settings import CommandSettings

_log = logging.getLogger(__name__)
STAGING: Final = ".restore-"
"""How names of temporary folders in QUINTET_HOME begin."""
_ASIDE: Final = ".before-restore-"
# Entries that a file system creates in each volume.
_NOT_OURS: Final = ("lost+found",)


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes:
        made_at: When, RFC 3339 in UTC.
        quintet: The version that made it.
        database: What kind of dump it has, and its rows by table.
        files: How many files.
        bytes: Size of all files in bytes, each content counted once.
        registry: Whether the registry of models is in it.
        others: Names of the databases of other programs in it, such as "airflow".
        secrets: Whether the secrets of the containers are in it.
    """

    made_at: str
    quintet: str
    database: store.Dump
    files: int
    bytes: int
    registry: bool
    others: tuple[str, ...] = ()
    secrets: bool = False


def create(
    settings: CommandSettings,
    target: Path,
    *,
    registry: bool = True,
    secrets: Path | None = None,
) -> Backup:
    """Write a backup, while the product runs.

    Args:
        settings: The home, the database, the registry and Airflow's database.
        target: A file that ends in `.tar.zst`, or a folder; it must not exist yet.
        registry: Include the registry: its files in QUINTET_HOME, or its database and server.
        secrets: A folder of secrets to include.

    Raises:
        BackupInvalid: The target exists, there is nothing to back up, or the registry is down.
        StoreUnavailable: A database cannot be read.
        OSError: The disk is full.
    """
    if not settings.home.is_dir():
        raise BackupInvalid(f"there is no state in {settings.home}")
    # An archive copies linked files; in a folder the links would be the files of the home.
    place = contents.linked if target.name.endswith(SUFFIX) else contents.copied
    with staged(target) as folder:
        made = contents.gather(settings, folder, place, registry=registry)
        others = elsewhere.gather(settings, folder, registry=registry)
        if secrets is not None:
            elsewhere.gather_secrets(secrets, folder)
        facts = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "quintet": version("quintet-training"),
            "database": made.facts(),
            "others": others,
            "settings": contents.plain_settings(),
        }
        return described(seal(folder, target, facts))


def verify(source: Path) -> Backup:
    """Read a whole backup and check each file, without restoring anything.

    Raises:
        BackupInvalid: It is not whole, altered, hostile or of another version.
    """
    return described(read(source, None))


def restore(
    settings: CommandSettings, source: Path, *, force: bool = False
) -> tuple[Backup, Path | None]:
    """Put the state of a backup in place; nothing is touched before all of it is checked.

    Args:
        settings: Where the state goes.
        source: The backup.
        force: Replace existing state; files of the home move to a folder beside.

    Returns:
        What was restored, and the folder of the home's former state, None if it had none.

    Raises:
        BackupInvalid: The backup is not usable, or there is state and `force` is off.
        DumpInvalid: Its database is of another schema or kind.
        StoreUnavailable: The database rejected the dump or is down.
        OSError: The disk is full.
    """
    home, url = settings.home, settings.database_url
    if not force:
        _refuse_state(settings)
    home.mkdir(parents=True, exist_ok=True)
    # In the home, so that its parts move into place by renaming, on one file system.
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=home))
    try:
        sealed = read(source, staging)
        backup = described(sealed)
        store.check(backup.database, url)
        others = elsewhere.check(sealed.facts.get("others", {}), settings)
        # Read before the database makes way: the backup may be older than a deletion.
        deleted = _deletions_before(url)
        with _undone_on_error() as undo:
            aside = _make_way(settings, undo)
            _put_in_place(staging, home, undo)
            elsewhere.put_back(others, settings, staging)
            # The database last: if it fails, the files go back. It is replaced whole or not at all.
            _load_database(backup.database, staging / contents.DATABASE, url)
        if backup.database.kind != "none":
            _repeat_deletions(home, url, deleted)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return backup, aside


def _deletions_before(url: str) -> dict[str, str]:
    """Read the deletions of the database that is replaced; none if it is damaged."""
    try:
        return store.known_deletions(url)
    except StoreUnavailable as fault:
        # A damaged database is why one restores: its deletions are lost with it.
        _log.warning("deletions of listeners since the backup are not repeated: %s", fault)
        return {}


def _repeat_deletions(home: Path, url: str, deleted: Mapping[str, str]) -> None:
    """Delete again what a backup from before the deletions brought back: rows, waiting events."""
    for listener, until in store.repeat(url, deleted).items():
        forget(home / "spool", listener, until)


@contextlib.contextmanager
def _undone_on_error() -> Iterator[contextlib.ExitStack]:
    """Collect how each step is undone, and undo all, the last first, if the block fails."""
    with contextlib.ExitStack() as undo:
        yield undo
        undo.pop_all()


def _put_in_place(staging: Path, home: Path, undo: contextlib.ExitStack) -> None:
    restored = staging / contents.HOME
    for part in sorted(restored.iterdir()) if restored.is_dir() else ():
        part.replace(home / part.name)
        undo.callback((home / part.name).replace, part)
    _open_published(home)


def _load_database(dump: store.Dump, folder: Path, url: str) -> None:
    if dump.kind in ("postgresql", "copies"):
        store.load(dump, folder, url)
    elif dump.kind == "sqlite":
        file = Path(parse_url(url).database or "")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / store.FILE, file)


def described(sealed: Sealed) -> Backup:
    """Read from a checked manifest what its backup holds.

    Raises:
        BackupInvalid: The manifest is unreadable.
    """
    facts: Mapping[str, Any] = sealed.facts
    try:
        found = facts["database"]
        rows = {str(name): int(count) for name, count in found["rows"].items()}
        dump = store.Dump(str(found["kind"]), str(found["revision"]), rows)
        made_at, made_by = str(facts["made_at"]), str(facts["quintet"])
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise BackupInvalid("the backup's manifest is unreadable") from fault
    # Derived from the files, so that a manifest cannot contradict them.
    names = {"/".join(name.split("/")[:2]) for name in sealed.files}
    others = tuple(
        sorted(n.split("/")[1] for n in names if n.startswith(f"{elsewhere.DATABASES}/"))
    )
    registry = (
        f"{contents.HOME}/{contents.REGISTRY}/mlflow.db" in sealed.files
        or elsewhere.REGISTRY in others
    )
    secrets = any(name.startswith(f"{elsewhere.SECRETS}/") for name in names)
    return Backup(
        made_at, made_by, dump, len(sealed.files), sealed.bytes, registry, others, secrets
    )


def _children(home: Path) -> list[Path]:
    """List the state in a home, without folders that restores created."""
    kept = (STAGING, _ASIDE)
    found = home.iterdir() if home.is_dir() else ()
    return sorted(p for p in found if not p.name.startswith(kept) and p.name not in _NOT_OURS)


def _refuse_state(settings: CommandSettings) -> None:
    if _children(settings.home):
        raise BackupInvalid(
            f"{settings.home} is not empty; stop Quintet and say --force to have it replaced"
        )
    if store.holds_anything(settings.database_url):
        raise BackupInvalid("the database is not empty; say --force to have it replaced")


def _make_way(settings: CommandSettings, undo: contextlib.ExitStack) -> Path | None:
    """Move the home's state, and a SQLite file elsewhere, into a folder of the home.

    Args:
        settings: Where the state is.
        undo: Gets the moves back.
    """
    found = _children(settings.home)
    parsed = parse_url(settings.database_url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database).resolve()
        # SQLite keeps recent changes in -wal; a database without its own would lose or mix them.
        beside = (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm")))
        inside = {path.resolve() for path in found}
        found += [path for path in beside if path.exists() and path not in inside]
    if not found:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = Path(tempfile.mkdtemp(prefix=f"{_ASIDE}{stamp}-", dir=settings.home))
    undo.callback(aside.rmdir)
    for path in found:
        shutil.move(path, aside / path.name)
        undo.callback(shutil.move, aside / path.name, path)
    return aside


def _open_published(home: Path) -> None:
    """Let other users read published files, because services may run as them; keys stay private."""
    for root in (home / "catalogue", home / "models", home / "access" / "public"):
        for path in (root, *root.rglob("*")) if root.is_dir() else ():
            path.chmod(0o755 if path.is_dir() else 0o644)


__all__ = ["STAGING", "Backup", "BackupInvalid", "create", "described", "restore", "verify"]
