"""Items of sources: what a sync has seen, what is gone, and which files wait for analysis."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, collate, delete, exists, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from quintet_store.bulk import Rows, parts, write_rows
from quintet_store.sources import SourceInvalid, find_source
from quintet_store.state import catalogue_changed
from quintet_store.tables import (
    Import,
    ListPush,
    MusicSource,
    PlaylistTrack,
    QuarantinedItem,
    SourceGroup,
    SourceItem,
    Track,
    TrackFeatures,
    TrackGenre,
    TrackId,
    table_of,
)

_ITEMS: Final = table_of(SourceItem)
_GROUPS: Final = table_of(SourceGroup)
_TRACKS: Final = table_of(Track)
_IMPORTS: Final = table_of(Import)
_SOURCES: Final = table_of(MusicSource)
_FEATURES: Final = table_of(TrackFeatures)
_QUARANTINE: Final = table_of(QuarantinedItem)
_ENTRIES: Final = table_of(PlaylistTrack)
_PUSHES: Final = table_of(ListPush)
# Rows of these go before the track itself, which they refer to.
_OF_TRACK: Final = tuple(map(table_of, (SourceItem, TrackFeatures, TrackId, TrackGenre, Track)))
_LENGTH: Final = 1000
Held = Callable[[set[str]], set[str]]
"""Selects the tracks that files of playlists contain."""


@dataclass(frozen=True)
class KnownItem:
    """An item as the last sync left it; `path` may hold surrogates, see `os.fsdecode`.

    `cover` is the name of its cover in the folder of covers; empty for none.
    """

    source: str
    item_id: str
    track_id: str
    path: str
    size: int | None
    mtime_ns: int | None
    audio_hash: str
    present: bool
    cover: str = ""


@dataclass(frozen=True)
class Removal:
    """Count what became of tracks whose last item is gone.

    Attributes:
        items: Items no longer there.
        deleted: Tracks deleted with them.
        kept: Tracks that stay because playlists hold them; they are absent.
    """

    items: int
    deleted: int
    kept: int


def known_items(
    connection: Connection, source: str, item_ids: Iterable[str]
) -> dict[str, KnownItem]:
    """Read items of a source by id; those not known are left out."""
    return {
        item.item_id: item
        for part in parts(item_ids)
        for item in _read(connection, _query(source).where(_ITEMS.c.item_id.in_(part)))
    }


def items_of_source(
    connection: Connection, source: str, *, after: str = "", limit: int = _LENGTH
) -> list[KnownItem]:
    """List one page of a source's items by id, after that of the page before."""
    query = _query(source).where(_ITEMS.c.item_id > after).order_by(_ITEMS.c.item_id)
    return _read(connection, query.limit(limit))


def items_of_tracks(connection: Connection, track_ids: Iterable[str]) -> dict[str, list[KnownItem]]:
    """List the items of tracks in all sources, present ones first; tracks without any left out."""
    found: dict[str, list[KnownItem]] = {}
    for part in parts(track_ids):
        query = (
            _query()
            .where(_ITEMS.c.track_id.in_(part))
            .order_by(_ITEMS.c.present.desc(), _ITEMS.c.source, _ITEMS.c.item_id)
        )
        for item in _read(connection, query):
            found.setdefault(item.track_id, []).append(item)
    return found


def _query(source: str = "") -> Select[tuple[object, ...]]:
    query: Select[tuple[object, ...]] = select(
        *(_ITEMS.c[name] for name in KnownItem.__dataclass_fields__)
    )
    return query.where(_ITEMS.c.source == source) if source else query


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> list[KnownItem]:
    return [
        KnownItem(**{**row, "path": os.fsdecode(row["path"])})
        for row in connection.execute(query).mappings()
    ]


def write_items(connection: Connection, rows: Rows) -> None:
    """Insert or update items, each with every column; when an item was first seen stays."""
    write_rows(
        connection,
        _ITEMS,
        rows,
        lambda statement: statement.on_conflict_do_update(
            index_elements=["source", "item_id"],
            set_={
                column.name: statement.excluded[column.name]
                for column in _ITEMS.columns
                if column.name not in ("source", "item_id", "added_at")
            },
        ),
    )


def touch_items(connection: Connection, source: str, item_ids: Iterable[str], now: str) -> None:
    """Note that a sync found items unchanged; ones that were absent are present again."""
    for part in parts(item_ids):
        own = (_ITEMS.c.source == source) & _ITEMS.c.item_id.in_(part)
        back = update(_ITEMS).where(own, ~_ITEMS.c.present).values(present=True)
        if connection.execute(back).rowcount:
            catalogue_changed(connection)
        connection.execute(update(_ITEMS).where(own).values(seen_at=now))


def mark_unseen(
    connection: Connection, source: str, since: str, held: Held | None = None
) -> Removal:
    """Remove what a complete sync did not find.

    Items become absent. A track that came from a source and has no present item left is deleted,
    also where its file holds another recording now, except that one in a playlist is kept:
    `absent_tracks` lists those. Tracks of imported files are kept always.

    Args:
        connection: In a transaction.
        source: Name of the source.
        since: When the sync began, from `begin_sync`.
        held: As for `remove_source`.
    """
    gone = (_ITEMS.c.source == source) & _ITEMS.c.present & (_ITEMS.c.seen_at < since)
    tracks = {str(row[0]) for row in connection.execute(select(_ITEMS.c.track_id).where(gone))}
    items = connection.execute(update(_ITEMS).where(gone).values(present=False)).rowcount
    # Also tracks that no item is any more, and ones that a playlist held until now.
    own = select(_SOURCES.c.import_id).where(_SOURCES.c.name == source).scalar_subquery()
    left = _orphans().where(_TRACKS.c.import_id == own)
    tracks |= {str(row[0]) for row in connection.execute(left)}
    return _delete_orphans(connection, tracks, items, held)


def remove_source(connection: Connection, name: str, held: Held | None = None) -> Removal:
    """Remove a source, its items, what its tags said, and tracks that no other source has.

    Args:
        connection: In a transaction.
        name: Name of the source.
        held: Selects tracks in files of playlists, which stay; None if there are no such files.

    Raises:
        SourceInvalid: There is no such source.
    """
    if find_source(connection, name) is None:
        raise SourceInvalid(f"there is no source {name!r:.80}; quintet library list shows them")
    own = _ITEMS.c.source == name
    tracks = {str(row[0]) for row in connection.execute(select(_ITEMS.c.track_id).where(own))}
    connection.execute(delete(_GROUPS).where(_GROUPS.c.source == name))
    items = connection.execute(delete(_ITEMS).where(own)).rowcount
    connection.execute(delete(_QUARANTINE).where(_QUARANTINE.c.source == name))
    said = [f"{kind}:{name}" for kind in ("tags", "beets")]
    connection.execute(delete(_FEATURES).where(_FEATURES.c.provenance.in_(said)))
    removal = _delete_orphans(connection, tracks, items, held)
    connection.execute(delete(_PUSHES).where(_PUSHES.c.source == name))
    connection.execute(delete(_SOURCES).where(_SOURCES.c.name == name))
    return removal


def _delete_orphans(
    connection: Connection, track_ids: set[str], items: int, held: Held | None
) -> Removal:
    """Delete tracks of sources that no source has any more and no playlist holds."""
    deleted = kept = 0
    in_files = held(track_ids) if held is not None and track_ids else set()
    for part in parts(track_ids):
        query = _orphans().where(_TRACKS.c.track_id.in_(part))
        orphans = {str(row[0]) for row in connection.execute(query)}
        listed = {
            str(row[0])
            for row in connection.execute(
                select(_ENTRIES.c.track_id).where(_ENTRIES.c.track_id.in_(orphans)).distinct()
            )
        } | (orphans & in_files)
        of_orphans = (
            (_ITEMS.c.source == _GROUPS.c.source)
            & (_ITEMS.c.item_id == _GROUPS.c.item_id)
            & _ITEMS.c.track_id.in_(orphans - listed)
        )
        connection.execute(delete(_GROUPS).where(exists().where(of_orphans)))
        for table in _OF_TRACK:
            connection.execute(delete(table).where(table.c.track_id.in_(orphans - listed)))
        deleted, kept = deleted + len(orphans - listed), kept + len(listed)
    if items or deleted:
        catalogue_changed(connection)
    return Removal(items, deleted, kept)


def _orphans() -> Select[tuple[object, ...]]:
    """Select the ids of tracks that came from a source and that none has now."""
    item = (_ITEMS.c.track_id == _TRACKS.c.track_id) & _ITEMS.c.present
    return (
        select(_TRACKS.c.track_id)
        .join(_IMPORTS, _IMPORTS.c.id == _TRACKS.c.import_id)
        .where(_IMPORTS.c.kind == "source", ~exists().where(item))
    )


def stream_item_ids(connection: Connection, size: int) -> Iterator[list[tuple[str, str, str]]]:
    """Read (track id, source, item id) of present items by track, source and item, in batches."""
    keys: list[Any] = [_ITEMS.c.track_id, _ITEMS.c.source, _ITEMS.c.item_id]
    # PostgreSQL sorts by its locale, SQLite by code point.
    order = [collate(key, "C") if connection.dialect.name == "postgresql" else key for key in keys]
    query = select(*keys).where(_ITEMS.c.present).order_by(*order)
    result = connection.execute(query.execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [(str(row[0]), str(row[1]), str(row[2])) for row in part]


def absent_tracks(connection: Connection, *, after: str = "", limit: int = _LENGTH) -> list[str]:
    """List one page of the tracks that no source has any more, kept because of playlists."""
    query = _orphans().where(_TRACKS.c.track_id > after).order_by(_TRACKS.c.track_id)
    return [str(row[0]) for row in connection.execute(query.limit(limit))]


def files_to_analyse(
    connection: Connection,
    *,
    source: str = "",
    provenance: str = "analysis",
    after: str = "",
    limit: int = _LENGTH,
) -> list[KnownItem]:
    """List one page of files to analyse, by track id: one present file for each track.

    Left out are tracks that the provenance says something of, and files that an analysis put into
    quarantine and that have the same size and time since. `after` is the track id of the last file
    of the page before; a page may be shorter than `limit`, the last one is empty.
    """
    query = (
        _query(source)
        .where(_waiting(provenance), _ITEMS.c.track_id > after)
        .order_by(_ITEMS.c.track_id, _ITEMS.c.source, _ITEMS.c.item_id)
        .limit(limit)
    )
    first: Mapping[str, KnownItem] = {
        item.track_id: item for item in reversed(_read(connection, query))
    }
    return sorted(first.values(), key=lambda item: item.track_id)


def count_files_to_analyse(
    connection: Connection, *, source: str = "", provenance: str = "analysis"
) -> int:
    """Count the tracks whose files `files_to_analyse` lists, over all pages."""
    query = select(func.count(_ITEMS.c.track_id.distinct())).where(_waiting(provenance))
    if source:
        query = query.where(_ITEMS.c.source == source)
    return int(connection.execute(query).scalar_one())


def _waiting(provenance: str) -> ColumnElement[bool]:
    """Make the condition that the file of an item waits for analysis by a provenance."""
    done = exists().where(
        _FEATURES.c.track_id == _ITEMS.c.track_id, _FEATURES.c.provenance == provenance
    )
    bad = exists().where(
        _QUARANTINE.c.source == _ITEMS.c.source,
        _QUARANTINE.c.item_id == _ITEMS.c.item_id,
        _QUARANTINE.c.stage == "analysis",
        _QUARANTINE.c.size.is_not_distinct_from(_ITEMS.c.size),
        _QUARANTINE.c.mtime_ns.is_not_distinct_from(_ITEMS.c.mtime_ns),
    )
    return and_(_ITEMS.c.present, _ITEMS.c.path_key != "", ~done, ~bad)
