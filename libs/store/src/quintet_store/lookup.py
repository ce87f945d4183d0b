"""Find tracks by whatever names them: their id, an id by others, a source's item, or a path."""

from typing import Any, Final

from quintet_text.track_ids import readings_of, track_id_of
from sqlalchemy import Connection, select

from quintet_store.sources import path_key
from quintet_store.tables import SourceItem, Track, table_of
from quintet_store.track_ids import tracks_of_id

_TRACKS: Final = table_of(Track)
_ITEMS: Final = table_of(SourceItem)
_FACTS: Final = (
    *("track_id", "title", "artists", "album", "release_date", "duration_ms", "popularity"),
    *("provenance", "licence"),
)


def find_tracks(connection: Connection, name: str, *, limit: int = 100) -> list[str]:
    """Find the tracks that a text names, by id; the first reading that names any counts.

    Args:
        connection: Any.
        name: A track id, URI or address; an ISRC; a MusicBrainz id or address; `KIND:VALUE` with a
            kind of `quintet_text.track_ids.KINDS`; `source:NAME:ITEM`; or the path of a file.
        limit: How many at most; a release names many.
    """
    track_id = track_id_of(name)
    query = select(_TRACKS.c.track_id).where(_TRACKS.c.track_id == track_id)
    if connection.execute(query).scalar_one_or_none() is not None:
        return [track_id]
    for identifier in readings_of(name):
        if found := tracks_of_id(connection, identifier, limit=limit):
            return found
    kind, _, rest = name.strip().partition(":")
    source, _, item = rest.partition(":")
    items = select(_ITEMS.c.track_id).distinct().order_by(_ITEMS.c.track_id)
    if kind == "source" and item:
        items = items.where(_ITEMS.c.source == source, _ITEMS.c.item_id == item)
    else:
        items = items.where(_ITEMS.c.path_key == path_key(name))
    return [str(row[0]) for row in connection.execute(items.limit(limit))]


def facts_of_track(connection: Connection, track_id: str) -> dict[str, Any]:
    """Read what the database says of a track: names, duration, popularity, where it is from.

    Raises:
        KeyError: There is no such track.
    """
    query = select(*(_TRACKS.c[name] for name in _FACTS)).where(_TRACKS.c.track_id == track_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise KeyError(track_id)
    return dict(row)
