"""Queries over imports, tracks and genres. Values reach SQL as bound parameters only."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from quintet_contract.attributes import MEASURED
from sqlalchemy import Connection, Text, case, cast, collate, func, insert, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from quintet_store.bulk import Rows, write_rows
from quintet_store.features import import_provenance, write_features
from quintet_store.state import catalogue_changed
from quintet_store.tables import Import, Track, TrackGenre, TrackId, table_of
from quintet_store.track_ids import add_ids, id_rows

_TRACKS: Final = table_of(Track)
_GENRES: Final = table_of(TrackGenre)
_IMPORTS: Final = table_of(Import)
_IDS: Final = table_of(TrackId)
_KEPT_WHERE_NEW_IS_EMPTY: Final = (
    "album",
    "release_date",
    "cover_url",
    "preview_url",
)


@dataclass(frozen=True)
class Counts:
    """Count the rows of an import; read = stored + quarantined + duplicate."""

    rows_read: int
    rows_stored: int
    rows_quarantined: int
    rows_duplicate: int


@dataclass(frozen=True)
class Source:
    """Tracks of one origin: its name, licence, tracks and when the newest was imported."""

    name: str
    licence: str
    tracks: int
    imported_at: str


def find_import(connection: Connection, fingerprint: str) -> Counts | None:
    """Look up an earlier import by its fingerprint; None if there was none."""
    columns = [_IMPORTS.c[name] for name in Counts.__dataclass_fields__]
    row = connection.execute(
        select(*columns).where(_IMPORTS.c.fingerprint == fingerprint)
    ).one_or_none()
    return None if row is None else Counts(*row)


def begin_import(connection: Connection, facts: Mapping[str, str]) -> int:
    """Write an import's row, which also takes SQLite's write lock, and give its id.

    Args:
        connection: In the transaction that the whole import runs in.
        facts: kind, fingerprint, file_name, sha256, source, licence, imported_at.
    """
    values = {"rows_read": 0, "rows_stored": 0, "rows_quarantined": 0, "rows_duplicate": 0, **facts}
    made = connection.execute(insert(_IMPORTS).values(values).returning(_IMPORTS.c.id))
    return int(made.scalar_one())


def end_import(connection: Connection, import_id: int, counts: Counts) -> None:
    """Write the row counts of a finished import; one of tracks changes the catalogue."""
    own = _IMPORTS.c.id == import_id
    ended = update(_IMPORTS).where(own).values(asdict(counts)).returning(_IMPORTS.c.kind)
    if connection.execute(ended).scalar_one() == "catalogue":
        catalogue_changed(connection)


def upsert_tracks(connection: Connection, rows: Rows) -> None:
    """Insert or update tracks, ids unique within the batch, with features and ids where known.

    A track met before in the same import keeps its first row and the highest popularity; one of
    an earlier import is replaced, except that empty text and unknown values never replace known
    ones. Features belong to the provenance `import:` and that of the row.

    Args:
        connection: In the transaction of an import.
        rows: Every column of `tracks` but `name_key`; may also have attributes of `MEASURED`, None
            where unknown, and ids by kind of `quintet_text.track_ids.KINDS`, any text.
    """
    columns = [column.name for column in _TRACKS.columns if column.name != "name_key"]
    write_rows(connection, _TRACKS, [{n: row[n] for n in columns} for row in rows], _merge)
    write_features(connection, [_features(row) for row in rows if _has_features(row)])
    add_ids(connection, id_rows(rows))


def _has_features(row: Mapping[str, Any]) -> bool:
    return any(row.get(name) is not None for name in MEASURED)


def _features(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "track_id": row["track_id"],
        "provenance": import_provenance(row["provenance"]),
        **{name: row.get(name) for name in MEASURED},
        "import_id": row["import_id"],
        "updated_at": row["imported_at"],
    }


def _merge(statement: Any) -> Any:
    # Within one import the first row wins, so that the order of a file decides; popularity is the
    # highest, because a dump lists a track once per album with different values.
    new = statement.excluded
    same = _TRACKS.c.import_id == new.import_id
    changes: dict[str, ColumnElement[Any]] = {
        column.name: case((same, column), else_=new[column.name])
        for column in _TRACKS.columns
        if column.name not in ("track_id", "name_key")
    }
    for name in _KEPT_WHERE_NEW_IS_EMPTY:
        changes[name] = case((same | (new[name] == ""), _TRACKS.c[name]), else_=new[name])
    known = _TRACKS.c.popularity
    lower = func.coalesce(known, -1.0) >= func.coalesce(new.popularity, -1.0)
    kept = case((same & lower, known), else_=new.popularity)
    changes["popularity"] = func.coalesce(kept, known)
    # The key is of the title and the artists, which may change here.
    changes["name_key"] = case((same, _TRACKS.c.name_key), else_=None)
    return statement.on_conflict_do_update(index_elements=["track_id"], set_=changes)


def add_genres(connection: Connection, rows: Rows) -> None:
    """Add genres (track_id, genre) to the genres that tracks already have."""
    write_rows(connection, _GENRES, rows, lambda statement: statement.on_conflict_do_nothing())


def count_imported(connection: Connection, import_id: int) -> int:
    """Count the tracks whose latest values an import wrote."""
    query = select(func.count()).select_from(_TRACKS).where(_TRACKS.c.import_id == import_id)
    return int(connection.execute(query).scalar_one())


def count_tracks(connection: Connection) -> int:
    """Count all tracks of the catalogue."""
    return int(connection.execute(select(func.count()).select_from(_TRACKS)).scalar_one())


def count_popularities(connection: Connection) -> int:
    """Count the tracks whose popularity is known."""
    return int(connection.execute(select(func.count(_TRACKS.c.popularity))).scalar_one())


def genre_counts(connection: Connection) -> list[tuple[str, int]]:
    """Count the tracks of each genre, the largest genre first."""
    number = func.count().label("number")
    query = (
        select(_GENRES.c.genre, number)
        .group_by(_GENRES.c.genre)
        .order_by(number.desc(), _GENRES.c.genre)
    )
    return [(str(genre), int(count)) for genre, count in connection.execute(query)]


def sources(connection: Connection) -> list[Source]:
    """List the origins of tracks with their licences, by name."""
    query = (
        select(
            _TRACKS.c.provenance,
            _TRACKS.c.licence,
            func.count(),
            func.max(_TRACKS.c.imported_at),
        )
        .group_by(_TRACKS.c.provenance, _TRACKS.c.licence)
        .order_by(_TRACKS.c.provenance, _TRACKS.c.licence)
    )
    return [Source(*row) for row in connection.execute(query)]


TRACK_TEXT: Final = (
    "track_id",
    "title",
    "artists",
    "album",
    "release_date",
    "explicit",
    "cover_url",
    "preview_url",
    "provenance",
    "licence",
)


def stream_tracks(connection: Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read all tracks by id, in batches of at most `size`.

    Each row holds `TRACK_TEXT`, artists as JSON text, and then duration_ms and popularity, None
    where it is not known. Features and ids of tracks have separate streams.
    """
    columns: list[Any] = [
        cast(_TRACKS.c[name], Text).label(name) if name == "artists" else _TRACKS.c[name]
        for name in (*TRACK_TEXT, "duration_ms", "popularity")
    ]
    yield from _stream(connection, select(*columns), _TRACKS.c.track_id, size)


def stream_ids(connection: Connection, size: int) -> Iterator[list[tuple[str, str, str]]]:
    """Read all (track_id, kind, value) of ids by track, kind and value, in batches."""
    query = select(_IDS.c.track_id, _IDS.c.kind, _IDS.c.value)
    yield from _stream(connection, query, _IDS.c.track_id, size, _IDS.c.kind, _IDS.c.value)


def stream_genres(connection: Connection, size: int) -> Iterator[list[tuple[str, str]]]:
    """Read all (track_id, genre) by id and genre, in batches of at most `size`."""
    query = select(_GENRES.c.track_id, _GENRES.c.genre)
    yield from _stream(connection, query, _GENRES.c.track_id, size, _GENRES.c.genre)


def _stream(
    connection: Connection, query: Any, key: Any, size: int, *then: Any
) -> Iterator[list[tuple[Any, ...]]]:
    # PostgreSQL sorts by its locale, SQLite by code point; artefacts built from either must agree.
    if connection.dialect.name == "postgresql":
        order = [collate(column, "C") for column in (key, *then)]
    else:
        order = [key, *then]
    result = connection.execute(query.order_by(*order).execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [tuple(row) for row in part]


def count_artists(connection: Connection) -> int:
    """Count the different artist names of all tracks."""
    if connection.dialect.name == "postgresql":
        names = func.json_array_elements_text(_TRACKS.c.artists).table_valued("value")
    else:
        names = func.json_each(_TRACKS.c.artists).table_valued("value")
    query = select(func.count(func.distinct(names.c.value))).select_from(
        _TRACKS.join(names, true())
    )
    return int(connection.execute(query).scalar_one())
