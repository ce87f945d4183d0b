"""Dump the whole database into a folder and load it again.

SQLite is copied by its online backup, PostgreSQL by `pg_dump`; without a `pg_dump` that is as new
as the server, by COPY table by table. Each reads one state while other processes keep writing.
"""

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table, create_engine, func, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from quintet_store.database import (
    StoreUnavailable,
    migration_scripts,
    open_engine,
    parse_url,
    reading,
    revision_of,
    writing,
)
from quintet_store.feedback import deletions, repeat_deletions
from quintet_store.tables import Base, DeletedListener

FILE: Final = "quintet.db"
DUMP: Final = "postgresql.dump"
COPIES: Final = "tables"
_TOOL_SECONDS: Final = 3_600
CHUNK: Final = 1 << 20
"""Bytes per COPY message: large enough that the number of messages does not matter."""


class DumpInvalid(Exception):
    """Report a dump of another schema or kind of database, in one line."""


@dataclass(frozen=True)
class Dump:
    """Describe a dump, for the manifest of a backup.

    Attributes:
        kind: "sqlite", "postgresql" (by pg_dump), "copies" (PostgreSQL by COPY) or "none".
        revision: The schema's; empty where there was no database yet.
        rows: Rows by table.
    """

    kind: str
    revision: str
    rows: Mapping[str, int]

    def facts(self) -> dict[str, Any]:
        """Convert the description to JSON types, for the manifest."""
        return {**asdict(self), "rows": dict(self.rows)}


def dump(url: str, folder: Path) -> Dump:
    """Write one state of a database into an empty folder.

    Raises:
        StoreUnavailable: The database cannot be read.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        source = Path(parsed.database or "")
        if not source.is_file():
            return Dump("none", "", {})
        copy_sqlite(source, folder / FILE)
        return _describe_file(folder / FILE)
    engine = open_engine(url)
    tool = _tool("pg_dump", parsed)
    try:
        with reading(engine) as connection:
            tables = Base.metadata.sorted_tables
            rows = {table.name: _count(connection, table) for table in tables}
            revision = text("SELECT version_num FROM alembic_version")
            found = str(connection.execute(revision).scalar_one())
            if tool is None:
                (folder / COPIES).mkdir()
                for table in tables:
                    _copy_out(connection, table, folder / COPIES / table.name)
                return Dump("copies", found, rows)
            # The tool reads the very state that was counted.
            snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            options = ("--format=custom", f"--snapshot={snapshot}", f"--file={folder / DUMP}")
            _run(tool, parsed, *options)
            return Dump("postgresql", found, rows)
    finally:
        engine.dispose()


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy one state of a SQLite file that others may be writing to, and check the copy.

    Raises:
        StoreUnavailable: The file is damaged, or locked for more than 30 s.
    """
    try:
        with (
            closing(sqlite3.connect(source, timeout=30)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
            # One file, without the journal that the original has beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as fault:
        raise StoreUnavailable(f"{source.name} cannot be copied: {fault}") from fault
    if verdict != "ok":
        raise StoreUnavailable(f"{source.name} is damaged: {verdict}")


def check(made: Dump, url: str) -> None:
    """Check that a dump fits the configured database and the schemas of this version.

    Raises:
        DumpInvalid: It is of the other database, or of a schema that cannot be migrated here.
    """
    if made.kind == "none":
        return
    backend = "sqlite" if parse_url(url).get_backend_name() == "sqlite" else "postgresql"
    theirs = "sqlite" if made.kind == "sqlite" else "postgresql"
    if backend != theirs:
        raise DumpInvalid(f"the backup is of {theirs}, QUINTET_DATABASE_URL is of {backend}")
    scripts = migration_scripts()
    head, known = scripts.get_current_head(), {r.revision for r in scripts.walk_revisions()}
    if made.revision not in known:
        raise DumpInvalid(
            f"the backup's schema {made.revision!r} is not known here: a newer Quintet made it"
        )
    if made.kind == "copies" and made.revision != head:
        raise DumpInvalid(
            f"the backup's schema is {made.revision}, this Quintet's is {head}: "
            "restore it with the version that made it, then upgrade"
        )


def holds_anything(url: str) -> bool:
    """Decide whether a restore would overwrite rows; a missing database has none.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(parsed.database or "").exists()
    try:
        with psycopg.connect(conninfo(parsed), connect_timeout=5) as connection:
            for table in Base.metadata.sorted_tables:
                name = sql.Identifier(table.name)
                if connection.execute("SELECT to_regclass(%s)", [table.name]).fetchone() == (None,):
                    continue
                if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(name)).fetchone():
                    return True
    except psycopg.OperationalError as fault:
        if _is_missing(parsed, fault):
            return False
        raise StoreUnavailable(described(parsed, fault)) from fault
    return False


def known_deletions(url: str) -> dict[str, str]:
    """Read the deletions that a restore must repeat, from the database that it replaces.

    Returns:
        Keyed hash of a listener to the time of the deletion; empty if there is no database yet, or
        it is from before deletions were kept.

    Raises:
        StoreUnavailable: The database is damaged or cannot be reached.
    """
    if not revision_of(url).current:
        return {}
    engine = create_engine(parse_url(url), poolclass=NullPool)
    try:
        with reading(engine) as connection:
            if not inspect(connection).has_table(DeletedListener.__tablename__):
                return {}
            return deletions(connection)
    finally:
        engine.dispose()


def repeat(url: str, more: Mapping[str, str]) -> dict[str, str]:
    """Apply deletions to a restored database, those that it has and more; give all of them.

    Raises:
        StoreUnavailable: The database failed.
    """
    engine = open_engine(url)
    try:
        with writing(engine) as connection:
            repeat_deletions(connection, more)
            return deletions(connection)
    finally:
        engine.dispose()


def load(made: Dump, folder: Path, url: str) -> None:
    """Replace the content of a PostgreSQL database by a dump, in one transaction.

    Creates a missing database. A SQLite dump is a file, which the caller puts in place.

    Raises:
        StoreUnavailable: The database rejected the dump and is unchanged.
    """
    parsed = parse_url(url)
    _make_missing(parsed)
    if made.kind == "copies":
        _load_copies(made, folder, url)
        return
    tool = _tool("pg_restore", parsed)
    if tool is None:
        raise StoreUnavailable(
            "pg_restore is not installed, or older than the server (Debian: postgresql-client)"
        )
    options = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error")
    _run(tool, parsed, *options, str(folder / DUMP))


def trial(made: Dump, folder: Path, url: str) -> Mapping[str, int]:
    """Load a dump into a temporary database, count its rows and remove the database.

    Args:
        made: The dump.
        folder: Where its files are.
        url: The installation's database; another one on the same server is created, or, for
            SQLite, the file is opened in its folder.

    Returns:
        Rows by table.

    Raises:
        StoreUnavailable: The database cannot be created, or rejected the dump.
    """
    if made.kind == "none":
        return {}
    if made.kind == "sqlite":
        return _describe_file(folder / FILE).rows
    parsed = parse_url(url)
    temporary = parsed.set(database=f"quintet_trial_{secrets.token_hex(6)}")
    address = temporary.render_as_string(hide_password=False)
    try:
        load(made, folder, address)
        engine = open_engine(address)
        try:
            with reading(engine) as connection:
                return {t.name: _count(connection, t) for t in Base.metadata.sorted_tables}
        finally:
            engine.dispose()
    finally:
        _drop(temporary)


def _drop(url: URL) -> None:
    name = sql.Identifier(str(url.database))
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    _run_on_server(url, statement)


def _describe_file(path: Path) -> Dump:
    """Count the rows of a SQLite file and read its schema, without migrating it."""
    with closing(sqlite3.connect(path)) as copy:
        listed = copy.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = {name for (name,) in listed}
        count = 'SELECT count(*) FROM "{}"'
        rows = {
            table.name: copy.execute(count.format(table.name)).fetchone()[0]
            for table in Base.metadata.sorted_tables
            if table.name in names
        }
        if "alembic_version" not in names:
            return Dump("none", "", {})
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        return Dump("sqlite", revision, rows)


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)


def _copy_out(connection: Connection, table: Table, target: Path) -> None:
    name, columns = sql.Identifier(table.name), _columns(table)
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, name)
    driver: Any = connection.connection.driver_connection
    with (
        target.open("wb") as stream,
        driver.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for piece in copy:
            stream.write(piece)


def _load_copies(made: Dump, folder: Path, url: str) -> None:
    engine = open_engine(url)
    tables = Base.metadata.sorted_tables
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    try:
        with writing(engine) as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(sql.SQL("TRUNCATE {}").format(names))
            for table in tables:
                if table.name in made.rows:
                    _copy_in(driver, table, folder / COPIES / table.name)
    finally:
        engine.dispose()


def copy_rows_in(driver: Any, statement: sql.Composed, source: Path) -> None:
    """Send a file to PostgreSQL by a statement COPY … FROM STDIN, piece by piece."""
    with (
        source.open("rb") as stream,
        driver.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        while piece := stream.read(CHUNK):
            copy.write(piece)


def _copy_in(driver: Any, table: Table, source: Path) -> None:
    name, columns = sql.Identifier(table.name), _columns(table)
    copy_rows_in(driver, sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns), source)
    column = table.autoincrement_column
    if column is not None:
        # COPY sets ids without the sequence: without this the next insert would reuse one.
        key = sql.Identifier(column.name)
        query = (
            "SELECT setval(pg_get_serial_sequence(%s, %s), max({0})) FROM {1} "
            "HAVING max({0}) IS NOT NULL"
        )
        driver.execute(sql.SQL(query).format(key, name), [table.name, column.name])


def _tool(name: str, url: URL) -> str | None:
    """Find a PostgreSQL program at least as new as the server; None if there is none."""
    found = [Path(p) for p in (shutil.which(name),) if p]
    found += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    try:
        with psycopg.connect(conninfo(url), connect_timeout=5) as connection:
            server = connection.info.server_version // 10_000
    except psycopg.Error as fault:
        raise StoreUnavailable(described(url, fault)) from fault
    # pg_dump rejects a server newer than itself, so an older program is no help.
    for path in found:
        told = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
        version = told.rpartition("(PostgreSQL) ")[2].split(".")[0].split(" ")[0].strip()
        if version.isdecimal() and int(version) >= server:
            return str(path)
    return None


def _run(tool: str, url: URL, *options: str) -> None:
    # `ps` shows a command line to every user of the machine, but not the environment.
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "5"}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    where = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string()
    command = [tool, f"--dbname={where}", "--no-owner", "--no-privileges", *options]
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TOOL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise StoreUnavailable(f"{Path(tool).name} took longer than an hour") from fault
    if done.returncode:
        line = " ".join(done.stderr.split())[-300:]
        raise StoreUnavailable(f"{Path(tool).name} failed: {line}")


def conninfo(url: URL, database: str | None = None) -> str:
    """Write an address for psycopg, of this database or of another one of the same server."""
    plain = url.set(drivername="postgresql", database=database or url.database)
    return plain.render_as_string(hide_password=False)


def _make_missing(url: URL) -> None:
    # CREATE DATABASE has no IF NOT EXISTS, so that the connection is tried first.
    try:
        psycopg.connect(conninfo(url), connect_timeout=5).close()
    except psycopg.OperationalError as fault:
        if not _is_missing(url, fault):
            raise StoreUnavailable(described(url, fault)) from fault
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(str(url.database)))
        _run_on_server(url, create)


def _run_on_server(url: URL, statement: sql.Composed) -> None:
    """Run a statement about a whole database, in a session of the database `postgres`."""
    try:
        with psycopg.connect(
            conninfo(url, "postgres"), autocommit=True, connect_timeout=5
        ) as connection:
            connection.execute(statement)
    except psycopg.Error as fault:
        raise StoreUnavailable(described(url, fault)) from fault


def _is_missing(url: URL, fault: Exception) -> bool:
    # psycopg gives no SQLSTATE (3D000) for a connection that failed; only the text says it.
    return f'database "{url.database}" does not exist' in str(fault)


def described(url: URL, fault: Exception) -> str:
    """Describe why a database cannot be used, in one line and without its password."""
    line = " ".join(str(fault).split())[:300]
    if url.password:
        line = line.replace(str(url.password), "***")
    return f"database {url.render_as_string(hide_password=True)} cannot be used: {line}"
