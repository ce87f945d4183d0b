"""Store named lists of tracks, and which playlist of a source each of them became."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quintet_contract.limits import MAX_LIMIT, MAX_LIST_NAME, MAX_SAVED_LISTS
from quintet_text.id_patterns import is_name
from sqlalchemy import Connection, and_, delete, func, insert, select, tuple_, update

from quintet_store.bulk import parts
from quintet_store.sources import utc_now
from quintet_store.tables import Impression, ListPush, Track, table_of
from quintet_store.tables import SavedList as _SavedList

SAVED: Final = table_of(_SavedList)
_PUSHES: Final = table_of(ListPush)
_TRACKS: Final = table_of(Track)
_SHOWN: Final = table_of(Impression)
MIX: Final = "mix"
ORIGINS: Final = ("api", "command", MIX)


class ListInvalid(ValueError):
    """Report a list that cannot be saved or does not exist; names the field and the way out."""


@dataclass(frozen=True)
class Push:
    """The playlist that a saved list became at one source; see `ListPush`."""

    source: str
    remote_id: str
    remote_name: str
    digest: str
    songs: int
    missing: int
    pushed_at: str


@dataclass(frozen=True)
class SavedList:
    """A saved list; see `quintet_store.list_tables.SavedList`."""

    list_id: str
    name: str
    listener: str
    origin: str
    track_ids: tuple[str, ...]
    created_at: str
    updated_at: str
    pushes: tuple[Push, ...] = ()


@dataclass(frozen=True)
class TrackNames:
    """What a playlist file says of a track."""

    title: str
    artists: tuple[str, ...]
    album: str
    duration_ms: float


def save_list(
    connection: Connection,
    name: str,
    track_ids: Sequence[str],
    *,
    list_id: str = "",
    listener: str = "",
    origin: str = "command",
) -> SavedList:
    """Save a list, or replace the name and the tracks of one that there is.

    Args:
        connection: In a transaction that writes.
        name: 1 to `MAX_LIST_NAME` characters, without control characters.
        track_ids: 1 to `MAX_LIMIT` different ids, in order.
        list_id: Of the list to replace or create; a new one if empty.
        listener: The keyed hash of whose list it is; empty for nobody's.
        origin: One of `ORIGINS`.

    Raises:
        ListInvalid: A field is out of its range, or there are too many lists.
    """
    check_list(name, track_ids)
    now = utc_now()
    values: dict[str, Any] = {"name": name, "track_ids": list(track_ids), "updated_at": now}
    if list_id and find_list(connection, list_id) is not None:
        connection.execute(update(SAVED).where(SAVED.c.list_id == list_id).values(values))
        return read_list(connection, list_id)
    number = connection.execute(select(func.count()).select_from(SAVED)).scalar_one()
    if number >= MAX_SAVED_LISTS:
        raise ListInvalid(
            f"there are {MAX_SAVED_LISTS:,} saved lists already; delete some with "
            "quintet playlists forget"
        )
    values |= {"list_id": list_id or secrets.token_hex(16), "listener": listener}
    connection.execute(insert(SAVED).values({**values, "origin": origin, "created_at": now}))
    return read_list(connection, values["list_id"])


def check_list(name: str, track_ids: Sequence[str]) -> None:
    """Check the name and the tracks of a list.

    Raises:
        ListInvalid: A field is out of its range.
    """
    if not name or name != name.strip() or len(name) > MAX_LIST_NAME or not is_name(name):
        raise ListInvalid(
            f"name: must be 1 to {MAX_LIST_NAME} characters in one line, without blanks around "
            f"them; got {len(name)}"
        )
    if not 1 <= len(track_ids) <= MAX_LIMIT:
        raise ListInvalid(f"tracks: must be 1 to {MAX_LIMIT}; got {len(track_ids)}")
    if len(set(track_ids)) < len(track_ids):
        raise ListInvalid("tracks: each may be in the list once")


def find_list(connection: Connection, list_id: str) -> SavedList | None:
    """Look up a saved list by its id; None if there is none."""
    found = _read(connection, SAVED.c.list_id == list_id, 1)
    return found[0] if found else None


def read_list(connection: Connection, list_id: str) -> SavedList:
    """Read a saved list by its id.

    Raises:
        ListInvalid: There is none.
    """
    if (found := find_list(connection, list_id)) is None:
        raise ListInvalid(
            f"there is no saved list {list_id!r:.80}; quintet playlists saved shows them"
        )
    return found


def find_by_name(connection: Connection, name: str, listener: str = "") -> SavedList | None:
    """Look up the latest list of a name that is no mix; None if there is none."""
    mine = and_(SAVED.c.name == name, SAVED.c.listener == listener, SAVED.c.origin != MIX)
    found = _read(connection, mine, 1)
    return found[0] if found else None


def saved_lists(
    connection: Connection, listener: str = "", *, after: tuple[str, str] | None = None, limit: int
) -> list[SavedList]:
    """List one page of saved lists of a listener, or of nobody, the one changed last first.

    Args:
        connection: To read by.
        listener: The keyed hash; empty for lists of nobody.
        after: (updated_at, list_id) of the last list of the page before.
        limit: Length of the page.
    """
    mine = SAVED.c.listener == listener
    if after is not None:
        mine &= tuple_(SAVED.c.updated_at, SAVED.c.list_id) < tuple_(*after)
    return _read(connection, mine, limit)


def delete_list(connection: Connection, list_id: str) -> bool:
    """Delete a saved list and what is known of its playlists; False if there is none.

    Playlists at sources stay as they are.
    """
    connection.execute(delete(_PUSHES).where(_PUSHES.c.list_id == list_id))
    return bool(connection.execute(delete(SAVED).where(SAVED.c.list_id == list_id)).rowcount)


def delete_lists_of(connection: Connection, listener: str, until: str) -> int:
    """Delete the saved lists of a listener that were made until a time, and count them."""
    mine = and_(SAVED.c.listener == listener, SAVED.c.created_at <= until)
    ids = [str(row[0]) for row in connection.execute(select(SAVED.c.list_id).where(mine))]
    return sum(delete_list(connection, list_id) for list_id in ids)


def note_push(connection: Connection, list_id: str, push: Push) -> None:
    """Remember which playlist of a source a list became; a list deleted meanwhile is passed over.

    Args:
        connection: In a transaction that writes.
        list_id: Of the list.
        push: What was written.
    """
    mine = and_(_PUSHES.c.list_id == list_id, _PUSHES.c.source == push.source)
    if find_list(connection, list_id) is None:
        return
    connection.execute(delete(_PUSHES).where(mine))
    connection.execute(insert(_PUSHES).values(list_id=list_id, **push.__dict__))


def pushed_ids(connection: Connection, source: str) -> set[str]:
    """List the playlists of a source that were made of saved lists, by the source's own ids."""
    query = select(_PUSHES.c.remote_id).where(_PUSHES.c.source == source)
    return {str(row[0]) for row in connection.execute(query)}


def mix_id(listener: str, number: int) -> str:
    """Make the id of one of the mixes of a listener, which is the same every day."""
    return hashlib.blake2b(f"mix\0{listener}\0{number}".encode(), digest_size=16).hexdigest()


def recommended_tracks(connection: Connection, recommendation_id: str) -> list[str]:
    """Read the tracks of a recorded recommendation, in order; none for one that is unknown."""
    mine = _SHOWN.c.recommendation_id == recommendation_id
    query = select(_SHOWN.c.track_id).where(mine).order_by(_SHOWN.c.position)
    return [str(row[0]) for row in connection.execute(query)]


def names_of(connection: Connection, track_ids: Sequence[str]) -> Mapping[str, TrackNames]:
    """Read the names of tracks; those that the catalogue lacks are left out."""
    columns = [_TRACKS.c[name] for name in ("title", "artists", "album", "duration_ms")]
    return {
        str(row[0]): TrackNames(str(row[1]), tuple(row[2]), str(row[3]), float(row[4]))
        for part in parts(track_ids)
        for row in connection.execute(
            select(_TRACKS.c.track_id, *columns).where(_TRACKS.c.track_id.in_(part))
        )
    }


def _read(connection: Connection, condition: Any, limit: int) -> list[SavedList]:
    query = select(SAVED).where(condition)
    query = query.order_by(SAVED.c.updated_at.desc(), SAVED.c.list_id.desc()).limit(limit)
    rows = list(connection.execute(query).mappings())
    pushes: dict[str, list[Push]] = {}
    for part in parts(row["list_id"] for row in rows):
        mine = select(_PUSHES).where(_PUSHES.c.list_id.in_(part)).order_by(_PUSHES.c.source)
        for row in connection.execute(mine).mappings():
            facts = {key: value for key, value in row.items() if key != "list_id"}
            pushes.setdefault(row["list_id"], []).append(Push(**facts))
    return [
        SavedList(
            **{**row, "track_ids": tuple(row["track_ids"])},
            pushes=tuple(pushes.get(row["list_id"], ())),
        )
        for row in rows
    ]
