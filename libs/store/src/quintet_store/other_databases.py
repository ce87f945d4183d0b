"""Copy the rows of a PostgreSQL database of another program, such as MLflow or Airflow.

The program itself creates and migrates its schema, so only rows are copied: each table by COPY, all
of them as of one moment. A copy is loaded into a schema of the same revision.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from quintet_store.backup import DumpInvalid, conninfo, copy_rows_in, described
from quintet_store.database import StoreUnavailable, parse_url

# Alembic's own table holds the revision, which the program sets itself.
_REVISIONS: Final = "alembic_version"
# A program that still runs holds locks; waiting longer would hide that it must be stopped.
_LOCK: Final = "SET LOCAL lock_timeout = '20s'"
# Rows of tables that refer to each other come in any order. Only a superuser may set this.
_UNCHECKED: Final = "SET LOCAL session_replication_role = replica"
_TABLES: Final = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname ORDER BY c.relname
"""
_Tables = Mapping[str, list[str]]


@dataclass(frozen=True)
class Copied:
    """The rows of a database.

    Attributes:
        revision: The schema's, as Alembic names it.
        rows: Rows by table.
    """

    revision: str
    rows: Mapping[str, int]


def copy_out(url: str, folder: Path) -> Copied | None:
    """Write the rows of each table into a file of an empty folder, as of one moment.

    Returns:
        What was copied; None if the database does not exist or has no tables.

    Raises:
        StoreUnavailable: The database cannot be read.
    """
    with _connected(url) as connection:
        if connection is None:
            return None
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tables, rows = _tables_of(connection), {}
        if not tables:
            return None
        for name, columns in tables.items():
            rows[name] = _copy_table_out(connection, name, columns, folder / name)
        return Copied(_revision_of(connection), rows)


def check(made: Copied, name: str, url: str) -> None:
    """Check that a copy fits the schema of a database.

    Raises:
        DumpInvalid: The schema is missing, or of another revision.
        StoreUnavailable: The database cannot be read.
    """
    with _connected(url) as connection:
        found = _revision_of(connection) if connection is not None else ""
    if found == made.revision:
        return
    if not found:
        raise DumpInvalid(f"the database of {name} has no tables: start {name} once, then stop it")
    raise DumpInvalid(
        f"the backup's schema of {name} is {made.revision}, here it is {found}: restore it with "
        "the release that made it, then upgrade"
    )


def copy_in(made: Copied, folder: Path, url: str) -> None:
    """Replace the rows of a database by those of a copy, in one transaction.

    Raises:
        StoreUnavailable: The database rejected them and is unchanged, for example because its
            program still runs.
    """
    with _connected(url) as connection:
        if connection is None:
            raise StoreUnavailable("the database does not exist")
        connection.execute(_LOCK)
        connection.execute(_UNCHECKED)
        tables = {n: c for n, c in _tables_of(connection).items() if n in made.rows}
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
        for name, columns in tables.items():
            _copy_table_in(connection, name, columns, folder / name)


@contextmanager
def _connected(url: str) -> Iterator["psycopg.Connection[Any] | None"]:
    """Open a transaction; None if there is no such database."""
    parsed = parse_url(url)
    try:
        connection = psycopg.connect(conninfo(parsed), connect_timeout=5)
    except psycopg.Error as fault:
        # psycopg has no SQLSTATE for a connection that failed.
        if f'database "{parsed.database}" does not exist' in str(fault):
            yield None
            return
        raise StoreUnavailable(described(parsed, fault)) from fault
    try:
        with connection:
            yield connection
    except psycopg.Error as fault:
        raise StoreUnavailable(described(parsed, fault)) from fault


def _tables_of(connection: "psycopg.Connection[Any]") -> _Tables:
    return dict(connection.execute(_TABLES).fetchall())


def _revision_of(connection: "psycopg.Connection[Any]") -> str:
    found: set[str] = set()
    for name in _tables_of(connection):
        if name.startswith(_REVISIONS):
            query = sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(name))
            found.update(version for (version,) in connection.execute(query))
    return " ".join(sorted(found))


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _copy_table_out(
    connection: "psycopg.Connection[Any]", name: str, columns: list[str], target: Path
) -> int:
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(name), _listed(columns))
    with (
        target.open("wb") as stream,
        connection.cursor() as cursor,
    ):
        with cursor.copy(statement) as copy:
            for piece in copy:
                stream.write(piece)
        return cursor.rowcount


def _copy_table_in(
    connection: "psycopg.Connection[Any]", name: str, columns: list[str], source: Path
) -> None:
    table = sql.Identifier(name)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, _listed(columns))
    copy_rows_in(connection, statement, source)
    for column in columns:
        # COPY sets numbers without their sequence: the next row would get one that is taken.
        owned = "SELECT pg_get_serial_sequence(quote_ident(%s), %s)"
        (sequence,) = connection.execute(owned, [name, column]).fetchone() or (None,)
        if sequence is not None:
            key = sql.Identifier(column)
            text = "SELECT setval(%s, max({0})) FROM {1} HAVING max({0}) IS NOT NULL"
            connection.execute(sql.SQL(text).format(key, table), [sequence])
