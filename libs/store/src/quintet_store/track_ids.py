"""Queries over the ids that others gave tracks: write, find, list."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from quintet_text.track_ids import KINDS, TrackIdentifier, normal_id
from sqlalchemy import Connection, func, select

from quintet_store.bulk import parts, write_rows
from quintet_store.tables import Track, TrackId, table_of

_IDS: Final = table_of(TrackId)
_TRACKS: Final = table_of(Track)


def add_ids(connection: Connection, rows: Iterable[tuple[str, str, str]]) -> None:
    """Add ids to tracks; those that a track has stay.

    Args:
        connection: In a transaction.
        rows: (track id, kind of `quintet_text.track_ids.KINDS`, text); a text that is no id of its
            kind is left out.
    """
    values = {
        (kind, value, track_id)
        for track_id, kind, text in rows
        if text and (value := normal_id(kind, text))
    }
    write_rows(
        connection,
        _IDS,
        [
            {"kind": kind, "value": value, "track_id": track}
            for kind, value, track in sorted(values)
        ],
        lambda statement: statement.on_conflict_do_nothing(),
    )


def tracks_by_ids(
    connection: Connection, ids: Iterable[TrackIdentifier]
) -> dict[TrackIdentifier, str]:
    """Map ids to the track that each names; of several tracks the most popular, then the first."""
    found: dict[TrackIdentifier, str] = {}
    by_kind: dict[str, set[str]] = {}
    for kind, value in ids:
        by_kind.setdefault(kind, set()).add(value)
    popularity = func.coalesce(_TRACKS.c.popularity, -1.0)
    for kind, values in by_kind.items():
        for part in parts(values):
            query = (
                select(_IDS.c.value, _IDS.c.track_id)
                .join(_TRACKS, _TRACKS.c.track_id == _IDS.c.track_id)
                .where(_IDS.c.kind == kind, _IDS.c.value.in_(part))
                .order_by(popularity.desc(), _IDS.c.track_id)
            )
            for value, track_id in connection.execute(query):
                found.setdefault(TrackIdentifier(kind, str(value)), str(track_id))
    return found


def tracks_of_id(
    connection: Connection, identifier: TrackIdentifier, *, after: str = "", limit: int = 100
) -> list[str]:
    """List one page of the tracks that an id names, by track id; a release names many."""
    query = (
        select(_IDS.c.track_id)
        .where(
            _IDS.c.kind == identifier.kind,
            _IDS.c.value == identifier.value,
            _IDS.c.track_id > after,
        )
        .order_by(_IDS.c.track_id)
        .limit(limit)
    )
    return [str(row[0]) for row in connection.execute(query)]


def ids_of(connection: Connection, track_ids: Iterable[str]) -> dict[str, list[TrackIdentifier]]:
    """List the ids of tracks, by kind and value; tracks without any are left out."""
    found: dict[str, list[TrackIdentifier]] = {}
    for part in parts(track_ids):
        query = (
            select(_IDS.c.track_id, _IDS.c.kind, _IDS.c.value)
            .where(_IDS.c.track_id.in_(part))
            .order_by(_IDS.c.track_id, _IDS.c.kind, _IDS.c.value)
        )
        for track_id, kind, value in connection.execute(query):
            found.setdefault(str(track_id), []).append(TrackIdentifier(str(kind), str(value)))
    return found


def count_ids(connection: Connection) -> Mapping[str, int]:
    """Count the tracks that have an id, for each kind."""
    query = (
        select(_IDS.c.kind, func.count(func.distinct(_IDS.c.track_id)))
        .group_by(_IDS.c.kind)
        .order_by(_IDS.c.kind)
    )
    return {str(kind): int(number) for kind, number in connection.execute(query)}


def id_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Select the ids of each row of tracks, by kind, for `add_ids`."""
    for row in rows:
        for kind in KINDS:
            if text := row.get(kind):
                yield str(row["track_id"]), kind, str(text)
