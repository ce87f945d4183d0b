"""Playlists for training that were built from feedback, compared with the events that remain.

An export of feedback is a file. Until it is imported, listeners may be deleted and events undone,
and the import must not bring back what they left.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Column, Connection, delete, func, select

from quintet_store.bulk import parts
from quintet_store.feedback import (
    GROUP_PREFIX,
    deletions,
    hold_feedback,
    listener_group,
)
from quintet_store.tables import FeedbackEvent, Playlist, PlaylistTrack, Recommendation, table_of

POSITIVE: Final = ("like", "save", "playlist_add")
# Playlists of feedback have at least so many tracks, as the export makes them.
_LEAST_TRACKS: Final = 2
_EVENTS: Final = table_of(FeedbackEvent)
_LISTS: Final = table_of(Recommendation)
_PLAYLISTS: Final = table_of(Playlist)
_ENTRIES: Final = table_of(PlaylistTrack)


def remove_track(connection: Connection, playlist: str, track: str) -> None:
    """Remove a track from a playlist of feedback, and the playlist if one track or none is left."""
    mine = _ENTRIES.c.playlist_id == playlist
    connection.execute(delete(_ENTRIES).where(mine, _ENTRIES.c.track_id == track))
    count = select(func.count()).select_from(_ENTRIES).where(mine)
    if connection.execute(count).scalar_one() < _LEAST_TRACKS:
        connection.execute(delete(_ENTRIES).where(mine))
        connection.execute(delete(_PLAYLISTS).where(_PLAYLISTS.c.playlist_id == playlist))


def remove_gone(connection: Connection, import_id: int, is_ours: Callable[[str], bool]) -> int:
    """Remove tracks of an import of feedback whose events were deleted or undone since its export.

    Called last in the transaction: deletions and undos wait from here to its end. Groups of other
    installations, of which this database knows nothing, stay.

    Args:
        connection: In the transaction of the import.
        import_id: The import.
        is_ours: Whether this installation issued the id of a recommendation.

    Returns:
        Number of rows removed.
    """
    hold_feedback(connection, exclusive=True)
    query = select(_ENTRIES.c.playlist_id, _ENTRIES.c.track_id).where(
        _ENTRIES.c.import_id == import_id, _ENTRIES.c.playlist_id.contains(GROUP_PREFIX)
    )
    rows = {(str(row[0]), str(row[1])) for row in connection.execute(query)}
    groups = {name.rpartition(":")[2] for name, _ in rows}
    held = {**_of_lists(connection, groups, is_ours), **_of_listeners(connection, groups)}
    gone = [
        (name, track)
        for name, track in sorted(rows)
        if track not in held.get(name.rpartition(":")[2], (track,))
    ]
    for name, track in gone:
        remove_track(connection, name, track)
    return len(gone)


def _of_lists(
    connection: Connection, groups: Collection[str], is_ours: Callable[[str], bool]
) -> dict[str, set[str]]:
    """Map each list of this installation to the tracks that events and seeds hold in it."""
    held = defaultdict(set, _positives(connection, _EVENTS.c.recommendation_id, groups))
    known = {group for group in groups if is_ours(group)} | set(held)
    for part in parts(groups):
        query = select(_LISTS.c.recommendation_id, _LISTS.c.seeds)
        for name, seeds in connection.execute(query.where(_LISTS.c.recommendation_id.in_(part))):
            known.add(str(name))
            if held[str(name)]:
                held[str(name)].update(str(seed.get("track_id")) for seed in seeds)
    return {group: held[group] for group in known}


def _of_listeners(connection: Connection, groups: Collection[str]) -> dict[str, set[str]]:
    """Map the group of each listener that there is, or was deleted, to the tracks held in it."""
    query = select(_EVENTS.c.listener).distinct()
    names = {str(row[0]) for row in connection.execute(query)} | set(deletions(connection))
    wanted = {name: group for name in names if (group := listener_group(name)) in groups}
    held = _positives(connection, _EVENTS.c.listener, wanted)
    return {group: held.get(name, set()) for name, group in wanted.items()}


def _positives(
    connection: Connection, column: Column[str], values: Collection[str]
) -> dict[str, set[str]]:
    """Collect tracks of events that were not undone, by the value of a column."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in parts(values):
        query = select(column, _EVENTS.c.track_id).where(
            column.in_(part), _EVENTS.c.kind.in_(POSITIVE)
        )
        for value, track in connection.execute(query):
            found[str(value)].add(str(track))
    return dict(found)
