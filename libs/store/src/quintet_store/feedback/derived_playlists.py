"""Find and delete the playlists that were built from feedback."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, and_, delete, select

from quintet_store.bulk import parts
from quintet_store.feedback.names import GROUP_PREFIX, HISTORY, listener_group
from quintet_store.tables import (
    FeedbackEvent,
    Import,
    Playlist,
    PlaylistTrack,
    Recommendation,
    table_of,
)

_LISTS: Final = table_of(Recommendation)
_EVENTS: Final = table_of(FeedbackEvent)
_PLAYLISTS: Final = table_of(Playlist)
_ENTRIES: Final = table_of(PlaylistTrack)
_IMPORTS: Final = table_of(Import)


def listener_playlists(connection: Connection, listener: str) -> set[str]:
    """List the playlists built from a listener's feedback, lists and histories.

    Args:
        connection: To read by.
        listener: The keyed hash.
    """
    group = listener_group(listener)
    given = [
        str(row[0])
        for table in (_LISTS, _EVENTS)
        for row in connection.execute(
            select(table.c.recommendation_id).where(table.c.listener == listener)
        )
    ]
    imports = select(_IMPORTS.c.id).where(_IMPORTS.c.kind == HISTORY, _IMPORTS.c.file_name == group)
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.import_id.in_(imports))
    sessions = {str(row[0]) for row in connection.execute(query)}
    return sessions | set(feedback_playlists(connection, {*given, group}))


def delete_groups(connection: Connection, groups: set[str]) -> int:
    """Delete the playlists built from groups of feedback, by any import."""
    return delete_playlists(connection, feedback_playlists(connection, groups))


def feedback_playlists(connection: Connection, groups: Collection[str]) -> list[str]:
    """List the playlists built from groups of feedback, which are lists or listeners."""
    if not groups:
        return []
    # An import puts its source before an id that another source has taken.
    query = select(_PLAYLISTS.c.playlist_id).where(
        _PLAYLISTS.c.playlist_id.contains(GROUP_PREFIX, autoescape=True)
    )
    ids = [str(row[0]) for row in connection.execute(query)]
    return [name for name in ids if name.rpartition(":")[2] in groups]


def delete_history(connection: Connection, listener: str, until: str) -> int:
    """Delete the sessions of a listener's imported histories, and the records of those imports."""
    group = listener_group(listener)
    mine = and_(
        _IMPORTS.c.kind == HISTORY, _IMPORTS.c.file_name == group, _IMPORTS.c.imported_at <= until
    )
    imports = [int(row[0]) for row in connection.execute(select(_IMPORTS.c.id).where(mine))]
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.import_id.in_(imports))
    names = [str(row[0]) for row in connection.execute(query)] if imports else []
    deleted = delete_playlists(connection, names)
    for number in imports:
        # A later import of the same history may have added rows to a session of an earlier one.
        rows = _ENTRIES.c.import_id == number
        connection.execute(delete(_ENTRIES).where(rows))
        connection.execute(delete(_IMPORTS).where(_IMPORTS.c.id == number))
    return deleted


def delete_playlists(connection: Connection, ids: Sequence[str]) -> int:
    """Delete playlists with their rows, and count them."""
    for part in parts(ids):
        for table in (_ENTRIES, _PLAYLISTS):
            connection.execute(delete(table).where(table.c.playlist_id.in_(part)))
    return len(ids)
