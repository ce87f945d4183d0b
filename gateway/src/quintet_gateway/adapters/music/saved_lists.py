"""Saved lists in the database, and requests to push them, which the worker of sources does."""

from typing import Any, Final

from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.patterns import fits
from quintet_servicekit.errors import Conflict, InvalidInput, NotFound, Reason
from quintet_store.library_requests import recent_requests, worker_seen
from quintet_store.saved_lists import (
    ListInvalid,
    SavedList,
    delete_list,
    find_by_name,
    find_list,
    save_list,
    saved_lists,
)
from quintet_store.sources import find_source, list_sources
from sqlalchemy import Connection

from quintet_gateway.adapters.music.page_tokens import read_token, write_token
from quintet_gateway.adapters.music.sources import (
    WORKER_COMMAND,
    OwnMusic,
    known_source,
    queued,
    request_facts,
)
from quintet_gateway.schemas.library import RequestFacts
from quintet_gateway.schemas.playlists import (
    LIST_ID_PATTERN,
    DeletedListResponse,
    PushedFacts,
    SavedListBody,
    SavedListFacts,
    SavedListResponse,
    SavedListsResponse,
    TargetFacts,
)

TARGET_KINDS: Final = ("folder", "subsonic", "jellyfin")
_MOST_REQUESTS: Final = 10


class SavedLists:
    """Reads and writes saved lists; each call runs in a thread.

    Args:
        music: Runs calls of the database, a few at once.
        names: Hashes listeners' ids.
    """

    def __init__(self, music: OwnMusic, names: Pseudonyms) -> None:
        self._music = music
        self._names = names

    async def page(self, listener: str, page_token: str, page_size: int) -> SavedListsResponse:
        """Read one page of the lists of a listener, or of nobody.

        Raises:
            InvalidInput: The token is not one of this method.
        """
        after = read_token(page_token)
        hashed = self._names.listener(listener)

        def read(connection: Connection) -> SavedListsResponse:
            # One more than asked for shows if there is a next page.
            found = saved_lists(connection, hashed, after=after, limit=page_size + 1)
            last = found[page_size - 1] if len(found) > page_size else None
            sources = [source.spec for source in list_sources(connection)]
            return SavedListsResponse(
                lists=[SavedListFacts(**_facts(each)) for each in found[:page_size]],
                next_page_token=write_token(last.updated_at, last.list_id) if last else "",
                targets=[
                    TargetFacts(source=spec.name, kind=spec.kind)
                    for spec in sources
                    if spec.kind in TARGET_KINDS
                ],
            )

        return await self._music.run(read)

    async def read(self, list_id: str) -> SavedListResponse:
        """Read a list with its tracks, and the latest requests to push it.

        Raises:
            NotFound: There is no such list.
        """
        _must_be_an_id(list_id)
        return await self._music.run(lambda connection: _whole(connection, list_id))

    async def save(self, body: SavedListBody) -> SavedListResponse:
        """Save a list, in place of the list of the same name and listener.

        Raises:
            Conflict: There are too many lists.
        """
        listener = self._names.listener(body.listener or "")

        def write(connection: Connection) -> SavedListResponse:
            before = find_by_name(connection, body.name, listener)
            list_id = before.list_id if before else ""
            try:
                saved = save_list(
                    connection,
                    body.name,
                    body.track_ids,
                    list_id=list_id,
                    listener=listener,
                    origin="api",
                )
            except ListInvalid as fault:
                raise Conflict(Reason.STATE_CONFLICT, f"{fault}.") from fault
            return _whole(connection, saved.list_id)

        return await self._music.run(write, writes=True)

    async def delete(self, list_id: str) -> DeletedListResponse:
        """Delete a list; its playlists stay where they are.

        Raises:
            NotFound: There is no such list.
        """
        _must_be_an_id(list_id)

        def write(connection: Connection) -> DeletedListResponse:
            if not delete_list(connection, list_id):
                raise _unknown(list_id)
            return DeletedListResponse(id=list_id)

        return await self._music.run(write, writes=True)

    async def push(self, list_id: str, source: str) -> RequestFacts:
        """Queue the push of a list to a source.

        Raises:
            NotFound: There is no such list or source.
            InvalidInput: The source holds no playlists.
            Conflict: The queue is full.
        """
        _must_be_an_id(list_id)

        def write(connection: Connection) -> RequestFacts:
            if find_list(connection, list_id) is None:
                raise _unknown(list_id)
            known_source(connection, source, "source", "/api/v1/playlists lists the targets")
            found = find_source(connection, source)
            if found is not None and found.spec.kind not in TARGET_KINDS:
                raise InvalidInput(
                    Reason.REQUEST_MALFORMED,
                    f"source must be of the kind {', '.join(TARGET_KINDS)}; {source!r} is "
                    f"{found.spec.kind}, which holds no playlists.",
                    field="source",
                )
            return queued(connection, "push", source, {"list": list_id})

        return await self._music.run(write, writes=True)


def _whole(connection: Connection, list_id: str) -> SavedListResponse:
    saved = find_list(connection, list_id)
    if saved is None:
        raise _unknown(list_id)
    requests = [
        request_facts(request)
        for request in recent_requests(connection)
        if request.action == "push" and request.options.get("list") == list_id
    ]
    return SavedListResponse(
        **_facts(saved),
        track_ids=list(saved.track_ids),
        worker_running=worker_seen(connection),
        worker_command=WORKER_COMMAND,
        requests=requests[:_MOST_REQUESTS],
    )


def _facts(saved: SavedList) -> dict[str, Any]:
    return {
        **{"id": saved.list_id, "name": saved.name, "origin": saved.origin},
        **{"created_at": saved.created_at, "updated_at": saved.updated_at},
        "tracks": len(saved.track_ids),
        "pushes": [
            PushedFacts(
                source=push.source,
                playlist=push.remote_id,
                name=push.remote_name,
                tracks=push.songs,
                missing=push.missing,
                pushed_at=push.pushed_at,
            )
            for push in saved.pushes
        ],
    }


def _must_be_an_id(list_id: str) -> None:
    """Reject a text that no list has as its id, and that a database might reject as a fault."""
    if not fits(LIST_ID_PATTERN, list_id):
        raise _unknown(list_id)


def _unknown(list_id: str) -> NotFound:
    return NotFound(
        Reason.ID_UNKNOWN,
        f"There is no saved list {list_id!r}; /api/v1/playlists lists them.",
        field="id",
    )
