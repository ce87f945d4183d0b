"""Store what a source has: items, and the tracks that they are by `matching_items`."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from quintet_text.track_ids import KINDS
from sqlalchemy import Connection, Engine, case, delete, or_, select, update

from quintet_store.bulk import parts, write_rows
from quintet_store.catalogue import add_genres
from quintet_store.database import writing
from quintet_store.features import put_features
from quintet_store.items import Item, Match, Recorded, unfit
from quintet_store.matching_items import TrackFinder
from quintet_store.names import KEY_PREFIX, name_key
from quintet_store.source_groups import write_groups
from quintet_store.source_items import write_items
from quintet_store.sources import (
    Quarantined,
    SourceInvalid,
    path_key,
    quarantine_items,
    release_items,
)
from quintet_store.state import catalogue_changed
from quintet_store.tables import MusicSource, Track, TrackGenre, table_of
from quintet_store.track_ids import add_ids

_TRACKS: Final = table_of(Track)
_GENRES: Final = table_of(TrackGenre)
_SOURCES: Final = table_of(MusicSource)


def fill_name_keys(engine: Engine, size: int = 10_000) -> int:
    """Compute the keys that items are compared by, for tracks without one; give their number.

    Imports leave this work, some 50 microseconds a track, to the first sync. Each batch is a
    transaction.
    """
    filled = 0
    stale = or_(_TRACKS.c.name_key.is_(None), ~_TRACKS.c.name_key.startswith(KEY_PREFIX))
    query = select(_TRACKS.c.track_id, _TRACKS.c.title, _TRACKS.c.artists).where(stale).limit(size)
    while True:
        with writing(engine) as connection:
            rows = list(connection.execute(query))
            for track_id, title, artists in rows:
                own = _TRACKS.c.track_id == track_id
                key = name_key(title, artists)
                connection.execute(update(_TRACKS).where(own).values(name_key=key))
        filled += len(rows)
        if len(rows) < size:
            return filled


def record_items(
    connection: Connection, source: str, items: Sequence[Item], now: str
) -> list[Recorded]:
    """Store items of a source that are new or changed, in the order of the sync.

    An item that cannot be a track goes into quarantine with its reason (`stage` sync), one that can
    leaves it.

    Args:
        connection: In a transaction; some hundred items each.
        source: Name of the source.
        items: Ids unique among them.
        now: When the sync began, from `begin_sync`.

    Raises:
        SourceInvalid: There is no such source: it was removed meanwhile.
    """
    query = select(_SOURCES.c.import_id).where(_SOURCES.c.name == source)
    import_id = connection.execute(query).scalar_one_or_none()
    if import_id is None:
        raise SourceInvalid(f"there is no source {source!r:.80}; quintet library list shows them")
    reasons = {item.item_id: reason for item in items if (reason := unfit(item))}
    good = [item for item in items if item.item_id not in reasons]
    found = TrackFinder(connection, source, good).find()
    _write(connection, source, int(import_id), found, now)
    quarantine_items(
        connection,
        (
            Quarantined(source, i.item_id, "sync", reasons[i.item_id], i.path, i.size, i.mtime_ns)
            for i in items
            if i.item_id in reasons
        ),
    )
    release_items(connection, source, "sync", (item.item_id for item in good))
    if good:
        catalogue_changed(connection)
    matched = {item.item_id: (track_id, match) for item, track_id, match in found}
    return [
        Recorded(i.item_id, *matched[i.item_id])
        if i.item_id in matched
        else Recorded(i.item_id, "", Match.INVALID, reasons[i.item_id])
        for i in items
    ]


def _write(
    connection: Connection,
    source: str,
    import_id: int,
    found: Sequence[tuple[Item, str, Match]],
    now: str,
) -> None:
    # New tags of a known file replace what describes its track; other files of it only add.
    known = {track: item for item, track, match in found if match is Match.ITEM}
    others = {track: item for item, track, _ in reversed(found) if track not in known}
    _write_tracks(connection, source, import_id, known, now, replace=True)
    _write_tracks(connection, source, import_id, others, now, replace=False)
    write_items(connection, [_item_row(source, item, track, now) for item, track, _ in found])
    write_groups(connection, source, [item for item, _, _ in found])
    genres = {(track, genre) for item, track, _ in found for genre in item.genres if genre}
    add_genres(connection, [{"track_id": t, "genre": g} for t, g in sorted(genres)])
    ids = ((t, kind, text) for i, t, _ in found for kind, text in i.ids if kind in KINDS)
    add_ids(connection, ids)
    by_provenance: dict[str, dict[str, Mapping[str, float | None]]] = {}
    for item, track, _ in found:
        if any(value is not None for value in item.features.values()):
            by_provenance.setdefault(item.features_from, {})[track] = item.features
    for kind, rows in by_provenance.items():
        put_features(connection, f"{kind}:{source}", rows.items(), now)


def _write_tracks(
    connection: Connection,
    source: str,
    import_id: int,
    items: Mapping[str, Item],
    now: str,
    *,
    replace: bool,
) -> None:
    """Insert tracks; of ones that exist, replace what the source wrote itself, or fill gaps."""
    rows = [_track_row(source, import_id, track, item, now) for track, item in items.items()]
    if replace:
        _forget_genres(connection, import_id, items)

    def merge(statement: Any) -> Any:
        new = statement.excluded
        own = _TRACKS.c.import_id == new.import_id
        changes: dict[str, Any] = {
            name: case((_TRACKS.c[name] == "", new[name]), else_=_TRACKS.c[name])
            for name in ("album", "release_date")
        }
        if replace:
            names = ("title", "artists", "explicit", "duration_ms", "name_key", "imported_at")
            changes |= {n: case((own, new[n]), else_=_TRACKS.c[n]) for n in names}
            changes |= {
                n: case((own & (new[n] != ""), new[n]), else_=changes[n])
                for n in ("album", "release_date")
            }
        return statement.on_conflict_do_update(index_elements=["track_id"], set_=changes)

    write_rows(connection, _TRACKS, rows, merge)


def _forget_genres(connection: Connection, import_id: int, items: Mapping[str, Item]) -> None:
    """Delete the genres of a source's own tracks, before those of the new tags are added."""
    for part in parts(items):
        own = select(_TRACKS.c.track_id).where(
            _TRACKS.c.track_id.in_(part), _TRACKS.c.import_id == import_id
        )
        connection.execute(delete(_GENRES).where(_GENRES.c.track_id.in_(own)))


def _track_row(source: str, import_id: int, track_id: str, item: Item, now: str) -> dict[str, Any]:
    return {
        "track_id": track_id,
        "title": item.title,
        "artists": [name for name in item.artists if name.strip()],
        "album": item.album,
        "release_date": item.release_date,
        "explicit": item.explicit,
        "duration_ms": float(item.duration_ms),
        "popularity": None,
        "cover_url": "",
        "preview_url": "",
        "provenance": f"source:{source}",
        "licence": "unknown",
        "name_key": name_key(item.title, item.artists),
        "import_id": import_id,
        "imported_at": now,
    }


def _item_row(source: str, item: Item, track_id: str, now: str) -> dict[str, Any]:
    return {
        "source": source,
        "item_id": item.item_id,
        "track_id": track_id,
        "path": os.fsencode(item.path),
        "path_key": path_key(item.path),
        "size": item.size,
        "mtime_ns": item.mtime_ns,
        "audio_hash": item.audio_hash,
        "present": True,
        "added_at": now,
        "seen_at": now,
    }
