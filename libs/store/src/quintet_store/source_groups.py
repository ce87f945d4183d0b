"""Artists and albums of media servers by the servers' own ids: which songs each has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from quintet_store.bulk import parts, write_rows
from quintet_store.items import ALBUM, ARTIST, Group, Item
from quintet_store.names import name_key
from quintet_store.sources import MAX_ITEM_ID
from quintet_store.tables import SourceGroup, SourceItem, table_of

SONG: Final = "song"
"""Kind of a match that is a song itself."""
MOST_SONGS: Final = 500
"""Songs of one group that are read; an artist of a private library rarely has more."""
_GROUPS: Final = table_of(SourceGroup)
_ITEMS: Final = table_of(SourceItem)


@dataclass(frozen=True)
class Named:
    """What an id of a media server names.

    Attributes:
        kind: `SONG`, `ALBUM` or `ARTIST`.
        item_id: The server's own id of it.
        name: Of an album or artist, as the server writes it; empty for a song.
        track_ids: Of its present songs, by item id, at most `MOST_SONGS`; not empty.
    """

    kind: str
    item_id: str
    name: str
    track_ids: tuple[str, ...]


def write_groups(connection: Connection, source: str, items: Sequence[Item]) -> None:
    """Replace the groups of items; ids that are empty or too long are left out."""
    for part in parts(item.item_id for item in items):
        own = (_GROUPS.c.source == source) & _GROUPS.c.item_id.in_(part)
        connection.execute(delete(_GROUPS).where(own))
    rows = {
        (group.kind, group.group_id, item.item_id): group.name
        for item in items
        for group in item.groups
        if 0 < len(group.group_id) <= MAX_ITEM_ID
    }
    write_rows(
        connection,
        _GROUPS,
        [
            {
                **{"source": source, "kind": kind, "group_id": group_id, "item_id": item_id},
                **{"name": name, "name_key": name_key("", [name])},
            }
            for (kind, group_id, item_id), name in sorted(rows.items())
        ],
        lambda statement: statement.on_conflict_do_nothing(),
    )


def named_by(connection: Connection, source: str, item_id: str) -> Named | None:
    """Find the present song, album or artist of a source that an id names; None if there is none.

    An id that names several is that of the song, else of the album: servers with one namespace for
    each kind, such as those that number them, then mean the song.
    """
    song = select(_ITEMS.c.track_id).where(
        _ITEMS.c.source == source, _ITEMS.c.item_id == item_id, _ITEMS.c.present
    )
    if (track_id := connection.execute(song).scalar_one_or_none()) is not None:
        return Named(SONG, item_id, "", (str(track_id),))
    for kind in (ALBUM, ARTIST):
        if (found := group_of(connection, source, kind, item_id)) is not None:
            return found
    return None


def group_of(connection: Connection, source: str, kind: str, group_id: str) -> Named | None:
    """Read an album or artist of a source by its id; None if it has no present song."""
    query = (
        select(_GROUPS.c.name, _ITEMS.c.track_id)
        .join(_ITEMS, _is_item)
        .where(_GROUPS.c.source == source, _GROUPS.c.kind == kind, _GROUPS.c.group_id == group_id)
        .where(_ITEMS.c.present)
        .order_by(_ITEMS.c.item_id)
        .limit(MOST_SONGS)
    )
    rows = [(str(name), str(track_id)) for name, track_id in connection.execute(query)]
    if not rows:
        return None
    track_ids = tuple(dict.fromkeys(track_id for _, track_id in rows))
    return Named(kind, group_id, rows[0][0], track_ids)


def artist_named(connection: Connection, source: str, name: str) -> Named | None:
    """Find an artist of a source by name, in any spelling of the same normal form."""
    query = (
        select(_GROUPS.c.group_id)
        .join(_ITEMS, _is_item)
        .where(_GROUPS.c.source == source, _GROUPS.c.kind == ARTIST)
        .where(_GROUPS.c.name_key == name_key("", [name]), _ITEMS.c.present)
        .order_by(_GROUPS.c.group_id)
        .limit(1)
    )
    group_id = connection.execute(query).scalar_one_or_none()
    return None if group_id is None else group_of(connection, source, ARTIST, str(group_id))


def groups_of_items(
    connection: Connection, items: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Group]]:
    """List the groups of (source, item id) pairs, by kind and id; items without any left out."""
    by_source: dict[str, list[str]] = {}
    for source, item_id in items:
        by_source.setdefault(source, []).append(item_id)
    found: dict[tuple[str, str], list[Group]] = {}
    for source, item_ids in by_source.items():
        for part in parts(item_ids):
            query = (
                select(_GROUPS)
                .where(_GROUPS.c.source == source, _GROUPS.c.item_id.in_(part))
                .order_by(_GROUPS.c.kind, _GROUPS.c.group_id)
            )
            for row in connection.execute(query).mappings():
                group = Group(row["kind"], row["group_id"], row["name"])
                found.setdefault((source, row["item_id"]), []).append(group)
    return found


_is_item = (_ITEMS.c.source == _GROUPS.c.source) & (_ITEMS.c.item_id == _GROUPS.c.item_id)
