"""Write many rows at once, in the fastest way of each database."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Dialect, MetaData, Table, select
from sqlalchemy.dialects import postgresql, sqlite

Rows = Sequence[Mapping[str, Any]]

# SQLite allows 32,766 parameters in a statement, older builds 999.
PARAMETERS: Final = 900


def insert_into(dialect: Dialect, table: Table) -> Any:
    """Begin an INSERT of the database's own dialect, which knows ON CONFLICT."""
    return (postgresql if dialect.name == "postgresql" else sqlite).insert(table)


def parts(values: Iterable[str]) -> Iterator[list[str]]:
    """Split different values, sorted, into lists that fit into one statement."""
    ordered = iter(sorted(set(values)))
    while part := list(itertools.islice(ordered, PARAMETERS)):
        yield part


def write_rows(
    connection: Connection, table: Table, rows: Rows, on_conflict: Callable[[Any], Any]
) -> None:
    """Insert rows, each with every column that has no default.

    SQLite runs one prepared statement over the rows. PostgreSQL copies them to a temporary table
    and inserts from there, which is some ten times as fast as a statement a row.

    Args:
        connection: In a transaction.
        table: The table to insert into.
        rows: Column to value, the same columns in each.
        on_conflict: Given the dialect's INSERT, returns it with its ON CONFLICT clause.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(on_conflict(sqlite.insert(table)), list(rows))
        return
    names = list(rows[0])
    stage = _stage(connection, table, names)
    _copy(connection, stage, names, rows)
    columns = [stage.c[name] for name in names]
    insert = postgresql.insert(table).from_select(names, select(*columns))
    connection.execute(on_conflict(insert))
    connection.execute(stage.delete())


def _stage(connection: Connection, table: Table, names: Sequence[str]) -> Table:
    """Create a temporary table with some columns of a table, dropped with the transaction."""
    stage = Table(
        f"stage_{table.name}",
        MetaData(),
        *(Column(name, table.c[name].type) for name in names),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    stage.create(connection, checkfirst=True)
    return stage


def _copy(connection: Connection, stage: Table, names: Sequence[str], rows: Rows) -> None:
    from psycopg import sql  # at hand where there is such a connection

    lists = {name for name in names if isinstance(rows[0][name], list)}
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(stage.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(
                [
                    json.dumps(row[name], ensure_ascii=False) if name in lists else row[name]
                    for name in names
                ]
            )
