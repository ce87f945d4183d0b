"""Try a backup without touching the installation: restore it aside, and compare what it serves."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quintet_modelkit.publication import current_version
from quintet_store import backup as store

from quintet_command import backup
from quintet_command.backup import contents, elsewhere
from quintet_command.backup.archive import BackupInvalid, Sealed, read
from quintet_command.settings import CommandSettings


@dataclass(frozen=True)
class Drill:
    """What a restore on trial showed.

    Attributes:
        made_at: When the backup was created, RFC 3339.
        rows: Rows of the restored database, and of the copies of other databases.
        wrong_tables: Tables with another number of rows than the backup's manifest says.
        model: The version of the restored model.
        lists: How many lists were asked of the restored model and of the one on this disk.
        different: How many of them differ, in a track, a score, a reason or the order.
    """

    made_at: str
    rows: int
    wrong_tables: tuple[str, ...]
    model: str
    lists: int
    different: int

    @property
    def passed(self) -> bool:
        """Whether rows and lists are those of the installation."""
        return not self.wrong_tables and not self.different and self.lists > 0


def drill(settings: CommandSettings, source: Path, lists: int) -> Drill:
    """Restore a backup into a temporary folder and a temporary database, and compare.

    Args:
        settings: The installation; nothing of it changes.
        source: The backup.
        lists: How many lists to compare, 1..10,000.

    Raises:
        BackupInvalid: The backup is not whole, or its model is no longer on this disk.
        DumpInvalid: Its database is of another schema or kind.
        StoreUnavailable: The temporary database cannot be created.
        OSError: The disk is full.
    """
    staging = Path(tempfile.mkdtemp(prefix=f"{backup.STAGING}drill-", dir=settings.home))
    try:
        sealed = read(source, staging)
        made = backup.described(sealed)
        store.check(made.database, settings.database_url)
        counted = dict(
            store.trial(made.database, staging / contents.DATABASE, settings.database_url)
        )
        expected = dict(made.database.rows)
        for name, (listed, found) in _other_rows(sealed, settings, staging).items():
            expected[name], counted[name] = listed, found
        wrong = tuple(sorted(n for n in expected if counted.get(n) != expected[n]))
        model, different = _different(settings.home, staging / contents.HOME, lists)
        return Drill(made.made_at, sum(counted.values()), wrong, model, lists, different)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _other_rows(
    sealed: Sealed, settings: CommandSettings, staging: Path
) -> Mapping[str, tuple[int, int]]:
    """Count the rows of other databases' copies: announced, and found. A row is one line."""
    counted = {}
    for name, copied in elsewhere.check(sealed.facts.get("others", {}), settings).items():
        for table, rows in copied.rows.items():
            with (staging / elsewhere.DATABASES / name / table).open("rb") as lines:
                counted[f"{name}.{table}"] = rows, sum(1 for _ in lines)
    return counted


def _different(home: Path, restored: Path, lists: int) -> tuple[str, int]:
    """Ask the model of the backup and the same version on this disk for the same lists."""
    # Imported here: a backup without a drill loads no engine.
    from quintet_engine.engine import Engine
    from quintet_engine.query import Query, Seed, SeedKind
    from quintet_training.agreement import LIMIT, fixed_requests

    version = current_version(restored / "models")
    if version is None:
        raise BackupInvalid("the backup has no model")
    if not (home / "models" / version).is_dir():
        raise BackupInvalid(
            f"the backup's model {version} is no longer on this disk, so that nothing can be "
            "compared; create a newer backup first"
        )
    ours, theirs = (Engine.load(each / "models" / version) for each in (home, restored))
    ids = list(ours.catalogue.snapshot.row_of)
    different = 0
    # Fewer than five common tracks have no request: the lists are then all different.
    requests = fixed_requests(ids, list(theirs.catalogue.snapshot.row_of), lists)
    for seeds in requests:
        query = Query(tuple(Seed(SeedKind.TRACK, seed) for seed in seeds), limit=LIMIT)
        different += ours.recommend(query).tracks != theirs.recommend(query).tracks
    return version, different if requests else lists
