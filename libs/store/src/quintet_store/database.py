"""Open a database by URL and bring its schema up to date."""

import contextlib
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from quintet_files import PRIVATE_MODE
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

T = TypeVar("T")

HEAD: Final = "0013"
"""The newest migration. Alembic, which takes half a second to import, is asked where there is
something to migrate and not at every start."""
BUSY_SECONDS: Final = 30
SERVING_BUSY_SECONDS: Final = 1.5
"""A process that answers requests waits no longer than this for another writer."""
_SERVING_STATEMENT_SECONDS: Final = 10
_BULK_PRAGMAS: Final = ("PRAGMA cache_size=-32768", "PRAGMA wal_autocheckpoint=8192")
"""32 MiB of pages in memory, and as many in the write-ahead log before they are copied into the
database: 8,192 pages of 4 KiB."""
_MIGRATING: Final = threading.Lock()
_MIGRATION_LOCK: Final = 0x7175696E746574  # "quintet" in ASCII: unlikely to collide with others
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class StoreUnavailable(Exception):
    """The database cannot be reached or used; the message is one line and holds no password."""


def open_engine(url: str, *, serving: bool = False, bulk: bool = False) -> Engine:
    """Open a SQLite or PostgreSQL database: try the connection and migrate the schema.

    `postgresql://` means psycopg. A SQLite file is created with its folder; it runs in WAL mode
    with foreign keys on, and waits `BUSY_SECONDS` for another writer.

    Args:
        url: The database.
        serving: For a process that answers requests: a commit is on the disk when it returns,
            waits are short, and connections to PostgreSQL are kept.
        bulk: For hundreds of transactions one after another: connections are kept, and on SQLite
            pages stay in memory, so that a page which many transactions change is written once.

    Raises:
        StoreUnavailable: The URL is malformed, of another database, or cannot be reached.
    """
    parsed = parse_url(url)
    try:
        make = _sqlite if parsed.get_backend_name() == "sqlite" else _postgresql
        engine = make(parsed, serving, bulk)
        upgrade(engine)
    except (SQLAlchemyError, OSError) as fault:
        raise StoreUnavailable(_reason(parsed, fault)) from fault
    return engine


def parse_url(url: str) -> URL:
    """Parse a database URL and name its driver.

    Raises:
        StoreUnavailable: The URL is malformed, or of a database other than SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as fault:
        raise StoreUnavailable("QUINTET_DATABASE_URL is not a database URL") from fault
    if parsed.drivername not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise StoreUnavailable(
            f"QUINTET_DATABASE_URL: {parsed.drivername} is not supported; "
            "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return (
        parsed.set(drivername="postgresql+psycopg") if "postgres" in parsed.drivername else parsed
    )


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _keep_private(path: Path) -> None:
    """Create a SQLite file that only its owner can read, or make an older one so.

    SQLite gives its journals (-wal and -shm) the mode of the file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _only_readable(path):
        return
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_MODE))
    for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        # Another user's file, or one on a read-only disk, stays as it is; the doctor reports it.
        with contextlib.suppress(OSError):
            if each.stat().st_mode & 0o077:
                each.chmod(PRIVATE_MODE)


def _only_readable(path: Path) -> bool:
    """Check whether a SQLite file is on a disk, or in a folder, that may only be read."""
    return path.is_file() and not os.access(path.parent, os.W_OK)


def _sqlite(url: URL, serving: bool, bulk: bool = False) -> Engine:
    if url.database:
        _keep_private(Path(url.database))
    arguments = {"timeout": SERVING_BUSY_SECONDS if serving else BUSY_SECONDS}
    # In WAL mode NORMAL survives a killed process; only FULL survives a cut of power too.
    synchronous = "FULL" if serving else "NORMAL"
    engine = create_engine(
        _immutable(url),
        json_serializer=_dump,
        connect_args=arguments,
        # A connection kept open would go on writing to a file that somebody has replaced.
        poolclass=QueuePool if bulk else NullPool,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:  # noqa: ARG001 (signature of the event)
        # Transactions are begun below: the driver itself would leave DDL outside of them.
        connection.isolation_level = None
        # The mode is stored in the file. Changing it fails at once, without the usual wait, while
        # another process holds the file; that process then changes the mode itself.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=WAL")
        # Otherwise rows that were deleted before their listener was, by age or by a bound, stay
        # readable in the file's free pages until those are reused.
        for pragma in ("foreign_keys=ON", f"synchronous={synchronous}", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("quintet_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if bulk:
        _keep_pages(engine, Path(url.database or ""))
    return engine


def _immutable(url: URL) -> URL:
    """Say of a file that only may be read that nobody writes to it.

    SQLite would create the journals of WAL mode even to read.
    """
    if not url.database or not _only_readable(Path(url.database)):
        return url
    name = quote(str(Path(url.database).resolve()))
    return url.set(database=f"file:{name}", query={"mode": "ro", "immutable": "1", "uri": "true"})


def _keep_pages(engine: Engine, file: Path) -> None:
    """Let the kept connections of a SQLite engine hold many pages, as long as the file stays."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        for pragma in _BULK_PRAGMAS:
            connection.execute(pragma)
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001 (as above)
        # Somebody has restored another file: a new connection opens it.
        if record.info["file"] != _identity(file):
            raise DisconnectionError


def _identity(file: Path) -> tuple[int, int] | None:
    """Identify the file that a path names now; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _postgresql(url: URL, serving: bool, bulk: bool = False) -> Engine:
    if not serving:
        return create_engine(
            url,
            json_serializer=_dump,
            connect_args={"connect_timeout": 5},
            poolclass=QueuePool if bulk else NullPool,
        )
    # PostgreSQL counts in milliseconds. Without its own limits a request would outlive its
    # deadline in the server, and hold locks there.
    limits = {
        "synchronous_commit": "on",
        "lock_timeout": int(SERVING_BUSY_SECONDS * 1000),
        "statement_timeout": _SERVING_STATEMENT_SECONDS * 1000,
    }
    arguments = {
        "connect_timeout": 2,
        "tcp_user_timeout": _SERVING_STATEMENT_SECONDS * 1000,
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }
    return create_engine(
        url,
        json_serializer=_dump,
        connect_args=arguments,
        pool_size=2,
        max_overflow=1,
        pool_timeout=SERVING_BUSY_SECONDS,
        pool_pre_ping=True,
    )


def _reason(url: URL, fault: Exception) -> str:
    cause = getattr(fault, "orig", None) or fault
    text = " ".join(str(cause).split()) or type(cause).__name__
    if url.password:
        text = text.replace(str(url.password), "***")
    return f"database {url.render_as_string(hide_password=True)} cannot be used: {text[:300]}"


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    # Alembic interpolates by %, which may be part of a path.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def migration_scripts() -> "ScriptDirectory":
    """Load all migrations, from the first schema to the newest."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _revision(connection: Connection) -> str:
    """Read the schema's revision; empty before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return str(found.scalar_one_or_none() or "")


def _is_current(revision: str) -> bool:
    """Check that a schema needs no migration: it is this release's, or that of a newer release.

    Migrations only add, so an earlier release works on the schema of a newer one, during an upgrade
    and after going back.
    """
    return revision >= HEAD and len(revision) == len(HEAD) and revision.isdecimal()


def upgrade(engine: Engine) -> None:
    """Migrate the schema to the newest version, in one transaction; a current one is unchanged.

    The schema of a newer release stays as it is.
    """
    with engine.connect() as connection:
        if _is_current(_revision(connection)):
            return
    from alembic import command

    config = _config()
    # Alembic keeps the migration being run in its modules: one at a time in a process.
    with _MIGRATING, writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # And one at a time on a server; SQLite's write lock sees to that by itself.
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        if _is_current(_revision(connection)):
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


_CHECKED_BYTES: Final = 256 * 1024 * 1024
"""A larger SQLite file is not read from end to end by `revision_of`."""


@dataclass(frozen=True)
class Revision:
    """Compare a database's schema with those that this program knows.

    Attributes:
        current: Its revision; empty before the first migration.
        known: The revisions that this program knows, the newest first.
    """

    current: str
    known: tuple[str, ...]


def revision_of(url: str) -> Revision:
    """Read a database's schema version without creating, changing or migrating anything.

    Raises:
        StoreUnavailable: The database cannot be reached, or a SQLite file is damaged.
    """
    parsed = parse_url(url)
    known = tuple(each.revision for each in migration_scripts().walk_revisions())
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and not Path(parsed.database or "").is_file():
        return Revision("", known)
    try:
        engine = (_sqlite if sqlite else _postgresql)(parsed, False)
        with engine.connect() as connection:
            if sqlite and Path(parsed.database or "").stat().st_size <= _CHECKED_BYTES:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                if found != "ok":
                    raise OSError(f"it is damaged: {found}")
            return Revision(_revision(connection), known)
    except (SQLAlchemyError, OSError) as fault:
        raise StoreUnavailable(_reason(parsed, fault)) from fault


def read_as_it_is(url: str, since: str, query: Callable[[Connection], T], otherwise: T) -> T:
    """Read from a database without creating, changing or migrating anything.

    Args:
        url: The database.
        since: The revision of the schema that the query needs.
        query: What is read.
        otherwise: The result for an older schema, and where there is no database.

    Raises:
        StoreUnavailable: The database is damaged or cannot be reached.
    """
    if revision_of(url).current < since:
        return otherwise
    engine = create_engine(parse_url(url), poolclass=NullPool)
    try:
        with reading(engine) as connection:
            return query(connection)
    finally:
        engine.dispose()


def _refusals() -> tuple[type[Exception], ...]:
    """List the exceptions of a failing database; psycopg's own only if it is loaded."""
    psycopg = sys.modules.get("psycopg")
    return (SQLAlchemyError,) if psycopg is None else (SQLAlchemyError, psycopg.Error)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction for writing, committed at the end and rolled back on any error.

    On SQLite it holds the write lock from the start, so that reading before writing is safe.

    Raises:
        StoreUnavailable: The database refused; nothing was written.
    """
    try:
        with (
            engine.connect().execution_options(quintet_writes=True) as connection,
            connection.begin(),
        ):
            yield connection
    except _refusals() as fault:
        raise StoreUnavailable(_reason(engine.url, fault)) from fault


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction for reading that sees one state of the database throughout.

    Raises:
        StoreUnavailable: The database failed.
    """
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # PostgreSQL's default lets each statement see a newer state; SQLite never does.
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection
    except _refusals() as fault:
        raise StoreUnavailable(_reason(engine.url, fault)) from fault
