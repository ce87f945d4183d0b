"""Queries that a sync of a source makes: what it has stored, what is gone, which playlists stay."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from quintet_contract.attributes import MEASURED
from quintet_text.track_ids import ISRC, SPOTIFY, TrackIdentifier
from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)

from quintet_store.bulk import parts, write_rows
from quintet_store.sources import Quarantined
from quintet_store.tables import (
    MusicSource,
    Playlist,
    PlaylistTrack,
    QuarantinedItem,
    SourceItem,
    TrackFeatures,
    TrackId,
    table_of,
)

_SOURCES: Final = table_of(MusicSource)
_ITEMS: Final = table_of(SourceItem)
_QUARANTINE: Final = table_of(QuarantinedItem)
_PLAYLISTS: Final = table_of(Playlist)
_ENTRIES: Final = table_of(PlaylistTrack)
_IDS: Final = table_of(TrackId)
_FEATURES: Final = table_of(TrackFeatures)


def rejected_items(
    connection: Connection, source: str, item_ids: Iterable[str]
) -> dict[str, Quarantined]:
    """Read items of a source that a sync rejected, by id; others are left out."""
    found: dict[str, Quarantined] = {}
    for part in parts(item_ids):
        query = select(_QUARANTINE).where(
            _QUARANTINE.c.source == source,
            _QUARANTINE.c.stage == "sync",
            _QUARANTINE.c.item_id.in_(part),
        )
        for row in connection.execute(query).mappings():
            found[str(row["item_id"])] = Quarantined(**{**row, "path": os.fsdecode(row["path"])})
    return found


def release_unseen(connection: Connection, source: str, since: str) -> int:
    """Forget rejected items that a complete sync did not meet again, and count them."""
    unseen = (
        (_QUARANTINE.c.source == source)
        & (_QUARANTINE.c.stage == "sync")
        & (_QUARANTINE.c.quarantined_at < since)
    )
    return connection.execute(delete(_QUARANTINE).where(unseen)).rowcount


def keep_rejected(connection: Connection, source: str, item_ids: Iterable[str], now: str) -> None:
    """Note that a sync met rejected items again, unchanged."""
    for part in parts(item_ids):
        own = (
            (_QUARANTINE.c.source == source)
            & (_QUARANTINE.c.stage == "sync")
            & _QUARANTINE.c.item_id.in_(part)
        )
        connection.execute(update(_QUARANTINE).where(own).values(quarantined_at=now))


def versions_of(connection: Connection, source: str, item_ids: Iterable[str]) -> dict[str, str]:
    """Read the versions of items, as `set_facts` stored them; items without one are left out."""
    return {
        str(item_id): str(version)
        for part in parts(item_ids)
        for item_id, version in connection.execute(
            select(_ITEMS.c.item_id, _ITEMS.c.version).where(
                _ITEMS.c.source == source, _ITEMS.c.item_id.in_(part), _ITEMS.c.version != ""
            )
        )
    }


def set_facts(connection: Connection, source: str, facts: Iterable[tuple[str, str, str]]) -> None:
    """Store (item id, version, cover) of items that exist."""
    rows = [{"item": item, "new": version, "cover": cover} for item, version, cover in facts]
    if rows:
        connection.execute(
            update(_ITEMS)
            .where(_ITEMS.c.source == source, _ITEMS.c.item_id == bindparam("item"))
            .values(version=bindparam("new"), cover=bindparam("cover")),
            rows,
        )


def covers_in_use(connection: Connection) -> set[str]:
    """Read the names of all covers that items have."""
    query = select(_ITEMS.c.cover).where(_ITEMS.c.cover != "").distinct()
    return {str(row[0]) for row in connection.execute(query)}


def count_items(connection: Connection, source: str, since: str) -> tuple[int, int]:
    """Count the present items of a source, and those that a sync has not met since it began."""
    unseen = func.sum(case((_ITEMS.c.seen_at < since, 1), else_=0))
    query = select(func.count(), unseen).where(_ITEMS.c.source == source, _ITEMS.c.present)
    total, missing = connection.execute(query).one()
    return int(total), int(missing or 0)


def import_of_source(connection: Connection, source: str) -> int:
    """Give the import that the tracks and playlists of a source belong to."""
    query = select(_SOURCES.c.import_id).where(_SOURCES.c.name == source)
    return int(connection.execute(query).scalar_one())


def replace_playlist(
    connection: Connection, source: str, playlist_id: str, name: str, track_ids: Sequence[str]
) -> None:
    """Store a playlist of a source with these tracks, instead of those that it had.

    Args:
        connection: In a transaction.
        source: Name of the source.
        playlist_id: Unique over all playlists.
        name: As a person reads it.
        track_ids: Tracks of the catalogue, in their order.
    """
    connection.execute(delete(_ENTRIES).where(_ENTRIES.c.playlist_id == playlist_id))
    import_id = import_of_source(connection, source)
    row = {"playlist_id": playlist_id, "name": name, "provenance": provenance_of(source)}
    row_of = {**row, "licence": "listener", "import_id": import_id}
    write_rows(
        connection,
        _PLAYLISTS,
        [row_of],
        lambda statement: statement.on_conflict_do_update(
            index_elements=["playlist_id"], set_={"name": statement.excluded.name}
        ),
    )
    entries = [
        {
            **{"playlist_id": playlist_id, "position": position, "track_id": track_id},
            **{"added_at": None, "import_id": import_id},
        }
        for position, track_id in enumerate(track_ids)
    ]
    write_rows(connection, _ENTRIES, entries, lambda statement: statement.on_conflict_do_nothing())


def forget_playlists(connection: Connection, source: str, but: Iterable[str] = ()) -> int:
    """Delete the playlists of a source except for some, and count them."""
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.provenance == provenance_of(source))
    gone = {str(row[0]) for row in connection.execute(query)} - set(but)
    for part in parts(gone):
        for table in (_ENTRIES, _PLAYLISTS):
            connection.execute(delete(table).where(table.c.playlist_id.in_(part)))
    return len(gone)


def provenance_of(source: str) -> str:
    """Name the provenance of playlists and tracks of a source."""
    return f"source:{source}"


def ids_without_features(
    connection: Connection, provenance: str, *, limit: int
) -> Mapping[str, list[TrackIdentifier]]:
    """List some tracks with a Spotify id or an ISRC that a provenance was not asked for.

    Returns:
        Track id to its Spotify ids and then its ISRCs, the first tracks by id.
    """
    tracks = _without(provenance).order_by(_IDS.c.track_id).limit(limit).subquery()
    query = (
        select(_IDS.c.track_id, _IDS.c.kind, _IDS.c.value)
        .join(tracks, tracks.c.track_id == _IDS.c.track_id)
        .where(_IDS.c.kind.in_((SPOTIFY, ISRC)))
        .order_by(_IDS.c.track_id, _IDS.c.kind.desc(), _IDS.c.value)
    )
    found: dict[str, list[TrackIdentifier]] = {}
    for track_id, kind, value in connection.execute(query):
        found.setdefault(str(track_id), []).append(TrackIdentifier(str(kind), str(value)))
    return found


def count_without_features(connection: Connection, provenance: str) -> int:
    """Count the tracks that `ids_without_features` lists in all."""
    query = select(func.count()).select_from(_without(provenance).subquery())
    return int(connection.execute(query).scalar_one())


def forget_unknown(connection: Connection, provenance: str) -> None:
    """Forget that a provenance was asked for tracks of which it knew nothing."""
    nothing = and_(*(_FEATURES.c[name].is_(None) for name in MEASURED))
    connection.execute(delete(_FEATURES).where(_FEATURES.c.provenance == provenance, nothing))


def _without(provenance: str) -> Select[tuple[str]]:
    """Select tracks with an id that a service knows, and no row of a provenance."""
    known = exists().where(
        _FEATURES.c.track_id == _IDS.c.track_id, _FEATURES.c.provenance == provenance
    )
    wanted = _IDS.c.kind.in_((SPOTIFY, ISRC))
    return select(_IDS.c.track_id).where(wanted, ~known).distinct()
