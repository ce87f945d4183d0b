"""Queries over playlists, and over tracks for matching. Values are bound parameters only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Text, cast, func, select

from quintet_store.bulk import Rows, parts, write_rows
from quintet_store.tables import Playlist, PlaylistTrack, Track, TrackId, table_of

_PLAYLISTS: Final = table_of(Playlist)
_ENTRIES: Final = table_of(PlaylistTrack)
_TRACKS: Final = table_of(Track)
_IDS: Final = table_of(TrackId)


@dataclass(frozen=True)
class PlaylistSource:
    """Playlists of one origin: name, licence, playlists and rows."""

    name: str
    licence: str
    playlists: int
    rows: int


def known_track_ids(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Filter ids to those of tracks in the catalogue."""
    return {
        str(row[0])
        for part in parts(ids)
        for row in connection.execute(
            select(_TRACKS.c.track_id).where(_TRACKS.c.track_id.in_(part))
        )
    }


def stream_names(connection: Connection, size: int) -> Iterator[tuple[str, str, str]]:
    """Read (track id, title, artists as JSON text), most popular first, then by id."""
    # Databases disagree about where null sorts; an unknown popularity comes last.
    popularity = func.coalesce(_TRACKS.c.popularity, -1.0)
    query = select(_TRACKS.c.track_id, _TRACKS.c.title, cast(_TRACKS.c.artists, Text)).order_by(
        popularity.desc(), _TRACKS.c.track_id
    )
    result = connection.execute(query.execution_options(yield_per=size))
    for row in result:
        yield str(row[0]), str(row[1]), str(row[2])


def add_playlists(connection: Connection, playlists: Rows, rows: Rows) -> None:
    """Store playlists and their rows; an existing id or position stays unchanged."""
    for table, values in ((_PLAYLISTS, playlists), (_ENTRIES, rows)):
        write_rows(connection, table, values, lambda statement: statement.on_conflict_do_nothing())


def count_rows(connection: Connection, import_id: int) -> tuple[int, int]:
    """Count the playlists of an import, and the rows that it added to the database."""
    counts = [
        connection.execute(
            select(func.count()).select_from(table).where(table.c.import_id == import_id)
        ).scalar_one()
        for table in (_PLAYLISTS, _ENTRIES)
    ]
    return int(counts[0]), int(counts[1])


def catalogue_state(connection: Connection) -> str:
    """Name the names and ids that entries match by a text that changes when tracks are added."""
    query = select(func.count(), func.max(_TRACKS.c.imported_at)).select_from(_TRACKS)
    ids = select(func.count()).select_from(_IDS)
    return "/".join(str(v) for q in (query, ids) for v in connection.execute(q).one())


def playlist_sources(connection: Connection) -> list[PlaylistSource]:
    """List the origins of playlists, by name; rows in the database and in files count."""
    origin = (_PLAYLISTS.c.provenance, _PLAYLISTS.c.licence)
    stored = select(*origin, func.count(), func.sum(_PLAYLISTS.c.stored_rows)).group_by(*origin)
    here = select(*origin, func.count()).select_from(_ENTRIES.join(_PLAYLISTS)).group_by(*origin)
    more = {(str(row[0]), str(row[1])): int(row[2]) for row in connection.execute(here)}
    return [
        PlaylistSource(name, licence, int(count), int(rows) + more.get((name, licence), 0))
        for name, licence, count, rows in connection.execute(stored.order_by(*origin))
    ]


def playlist_kinds(connection: Connection) -> dict[str, str]:
    """Map the id of each playlist to its kind, in order of ids."""
    query = select(_PLAYLISTS.c.playlist_id, _PLAYLISTS.c.kind).order_by(_PLAYLISTS.c.playlist_id)
    return {str(row[0]): str(row[1]) for row in connection.execute(query)}


def stream_track_ids(connection: Connection, size: int) -> Iterator[list[str]]:
    """Read the ids of all tracks of the catalogue, in batches and in no set order."""
    result = connection.execute(select(_TRACKS.c.track_id).execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [row[0] for row in part]


def stream_rows(connection: Connection, size: int) -> Iterator[list[tuple[str, int, str]]]:
    """Read (playlist id, position, track id) of rows in the database, in batches, in no order."""
    query = select(_ENTRIES.c.playlist_id, _ENTRIES.c.position, _ENTRIES.c.track_id)
    result = connection.execute(query.execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [(str(row[0]), int(row[1]), str(row[2])) for row in part]


def playlist_spans(connection: Connection, mark: str) -> dict[str, tuple[int, int]]:
    """Read the first and the last position of the playlists whose id contains a mark."""
    query = (
        select(
            _ENTRIES.c.playlist_id,
            func.min(_ENTRIES.c.position),
            func.max(_ENTRIES.c.position),
        )
        .where(_ENTRIES.c.playlist_id.contains(mark, autoescape=True))
        .group_by(_ENTRIES.c.playlist_id)
    )
    return {str(row[0]): (int(row[1]), int(row[2])) for row in connection.execute(query)}
