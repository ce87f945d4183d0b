"""A listener's own music in the database: sources, requests, and where a track's file is."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from quintet_servicekit.errors import Conflict, InvalidInput, NotFound, NotReady, Reason
from quintet_store import StoreUnavailable
from quintet_store.items import ALBUM, ARTIST, Group
from quintet_store.library_progress import Progress, analysis_progress, sync_progress
from quintet_store.library_requests import (
    RUNNING,
    QueueFull,
    Request,
    recent_requests,
    request_work,
    worker_seen,
)
from quintet_store.source_groups import artist_named, groups_of_items, named_by
from quintet_store.source_items import KnownItem, items_of_tracks
from quintet_store.sources import (
    SERVER_KINDS,
    Quarantined,
    Source,
    find_source,
    list_sources,
    quarantined_items,
)
from quintet_store.track_ids import ids_of
from quintet_text.id_patterns import is_storable
from quintet_text.track_ids import RECORDING
from sqlalchemy import Connection

from quintet_gateway.adapters.music.page_tokens import read_token, write_token
from quintet_gateway.feedback import Database
from quintet_gateway.schemas.library import (
    LibraryResponse,
    OwnTrack,
    OwnTracksResponse,
    ProgressFacts,
    QuarantinedFacts,
    QuarantineResponse,
    RequestFacts,
    SourceBody,
    SourceFacts,
    SourceGroupFacts,
    SourceMatchResponse,
    TrackPlace,
    WorkFacts,
    options_of,
    shown,
)

T = TypeVar("T")
_log = structlog.get_logger(__name__)
# Reads of this part at once; the others wait, so that they never take all threads.
_READS: Final = 4
WORKER_COMMAND: Final = "quintet library work"
_LEAST_SECONDS: Final = 2.0
"""An estimate of the time left needs some work done."""


@dataclass(frozen=True)
class Place:
    """A track as one source has it."""

    item: KnownItem
    source: Source
    groups: Sequence[Group] = ()

    @property
    def playable(self) -> bool:
        """Whether its audio may and can be served."""
        return self.item.present and self.source.spec.play_allowed

    @property
    def may_have_cover(self) -> bool:
        """Whether a cover can be asked for; a server says only then whether it has one."""
        return bool(self.item.cover) or (
            self.item.present and self.source.spec.kind in SERVER_KINDS
        )


class OwnMusic:
    """Reads sources and items, and queues requests; each call runs in a thread.

    Args:
        database: The gateway's database.
        credentials: The folder of files that hold secrets of servers.
    """

    def __init__(self, database: Database, credentials: Path) -> None:
        self._database = database
        self._credentials = credentials
        self._reads = asyncio.Semaphore(_READS)

    async def overview(self) -> LibraryResponse:
        """Read all sources, the latest requests, and whether the worker runs."""
        return await self.run(_overview)

    async def quarantine(self, name: str, page_token: str, page_size: int) -> QuarantineResponse:
        """Read one page of a source's quarantine.

        Raises:
            NotFound: There is no such source.
            InvalidInput: The token is not one of this method.
        """
        after = read_token(page_token)

        def read(connection: Connection) -> list[Quarantined]:
            known_source(connection, name)
            # One more than asked for shows if there is a next page.
            return quarantined_items(
                connection,
                name,
                after=(name, *after) if after else ("", "", ""),
                limit=page_size + 1,
            )

        found = await self.run(read)
        page = found[:page_size]
        last = page[-1] if len(found) > page_size else None
        return QuarantineResponse(
            quarantined=[
                QuarantinedFacts(
                    item_id=each.item_id,
                    stage=each.stage,  # type: ignore[arg-type]
                    path=shown(each.path),
                    reason=each.reason,
                    quarantined_at=each.quarantined_at,
                )
                for each in page
            ],
            next_page_token=write_token(last.item_id, last.stage) if last else "",
        )

    async def add(self, body: SourceBody) -> RequestFacts:
        """Queue the addition of a source, which its worker checks.

        Raises:
            InvalidInput: There is one of this name already.
            Conflict: The queue is full.
        """
        options = options_of(body, str(self._credentials))

        def write(connection: Connection) -> RequestFacts:
            if find_source(connection, body.name) is not None:
                raise InvalidInput(
                    Reason.REQUEST_MALFORMED,
                    f"name must be new; there is a source {body.name!r} already.",
                    field="name",
                )
            return queued(connection, "add", body.name, options)

        return await self.run(write, writes=True)

    async def request(self, action: str, name: str) -> RequestFacts:
        """Queue work on a source: sync, analyse or remove.

        Raises:
            NotFound: There is no such source.
            Conflict: The queue is full.
        """

        def write(connection: Connection) -> RequestFacts:
            known_source(connection, name)
            return queued(connection, action, name, {})

        return await self.run(write, writes=True)

    async def tracks(self, track_ids: Sequence[str]) -> OwnTracksResponse:
        """Look up sources and MusicBrainz recordings; tracks without any are left out."""
        found = await self.places(track_ids)
        asked = list(filter(is_storable, track_ids))
        recordings = await self.run(lambda connection: _recordings(connection, asked))
        return OwnTracksResponse(
            tracks=[
                OwnTrack(
                    id=track_id,
                    has_cover=any(place.may_have_cover for place in found.get(track_id, ())),
                    places=[_place_facts(place) for place in found.get(track_id, ())],
                    recording_mbid=recordings.get(track_id, ""),
                )
                for track_id in track_ids
                if track_id in found or track_id in recordings
            ]
        )

    async def places(self, track_ids: Sequence[str]) -> dict[str, list[Place]]:
        """Look up which sources have tracks, present ones first; tracks in none are left out."""
        # A database would reject the others, and no track has such an id.
        asked = list(filter(is_storable, track_ids))

        def read(connection: Connection) -> dict[str, list[Place]]:
            sources = {source.spec.name: source for source in list_sources(connection)}
            found = items_of_tracks(connection, asked)
            names = [(item.source, item.item_id) for items in found.values() for item in items]
            groups = groups_of_items(connection, names)
            return {
                track_id: [
                    Place(item, sources[item.source], groups.get((item.source, item.item_id), ()))
                    for item in items
                ]
                for track_id, items in found.items()
            }

        return await self.run(read)

    async def match(self, name: str, item_id: str, artist: str) -> SourceMatchResponse:
        """Look up what an id of a source names, or an artist of it by name.

        Args:
            name: Of the source.
            item_id: The source's id of a song, album or artist; empty to look for a name.
            artist: The name of an artist.

        Raises:
            NotFound: There is no such source, or it has no present song of that id or artist.
        """

        def read(connection: Connection) -> SourceMatchResponse:
            known_source(connection, name)
            found = (
                named_by(connection, name, item_id)
                if item_id
                else artist_named(connection, name, artist)
            )
            if found is None:
                asked = f"with the id {item_id!r:.80}" if item_id else f"by {artist!r:.80}"
                raise NotFound(
                    Reason.ID_UNKNOWN,
                    f"The source {name!r} has no song {asked}; sync it if the song is new: "
                    f"quintet library sync {name}.",
                    field="id" if item_id else "artist",
                )
            return SourceMatchResponse(
                source=name,
                kind=found.kind,  # type: ignore[arg-type]
                id=found.item_id,
                name=found.name,
                track_ids=[*found.track_ids],
            )

        return await self.run(read)

    async def run(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        """Run a call of the database in a thread, a few at once.

        Raises:
            NotReady: The database is unavailable.
        """
        async with self._reads:
            return await asyncio.to_thread(self._with_database, work, writes)

    def _with_database(self, work: Callable[[Connection], T], writes: bool) -> T:
        try:
            open_connection = self._database.writing if writes else self._database.reading
            with open_connection() as connection:
                return work(connection)
        except StoreUnavailable as fault:
            self._database.failed(fault)
            _log.warning("database unavailable", error=str(fault))
            raise NotReady(
                Reason.STORE_UNAVAILABLE, "The database is unavailable; try again soon."
            ) from fault


def _overview(connection: Connection) -> LibraryResponse:
    sources = list_sources(connection)
    syncs = {source.spec.name: sync_progress(connection, source) for source in sources}
    analyses = analysis_progress(connection)
    by_action = {"sync": syncs, "analyse": analyses}
    return LibraryResponse(
        worker_running=worker_seen(connection),
        worker_command=WORKER_COMMAND,
        sources=[
            _source_facts(source, syncs[source.spec.name], analyses.get(source.spec.name))
            for source in sources
        ],
        requests=[
            request_facts(request, by_action.get(request.action, {}).get(request.source))
            for request in recent_requests(connection)
        ],
    )


def _source_facts(source: Source, sync: Progress, analysis: Progress | None) -> SourceFacts:
    spec = source.spec
    found = analysis or Progress(0, 0)
    return SourceFacts(
        name=spec.name,
        kind=spec.kind,
        address=shown(spec.address),
        credential=spec.credential,
        play_allowed=spec.play_allowed,
        added_at=source.added_at,
        started_at=source.started_at,
        synced_at=source.synced_at,
        last_error=source.last_error,
        present=source.present,
        absent=source.absent,
        quarantined=source.quarantined,
        sync=ProgressFacts(done=sync.done, total=sync.total),
        analysis=ProgressFacts(done=found.done, total=found.total),
    )


def request_facts(request: Request, progress: Progress | None = None) -> RequestFacts:
    """Describe a request, with the progress of its work if that is known."""
    return RequestFacts(
        **work_facts(request),
        action=request.action,  # type: ignore[arg-type]
        source=request.source,
        seconds_left=_seconds_left(request, progress),
    )


def work_facts(request: Request) -> dict[str, Any]:
    """Read the fields of `WorkFacts`, which every request for work has."""
    return {name: getattr(request, name) for name in WorkFacts.model_fields}


def _seconds_left(request: Request, progress: Progress | None) -> float | None:
    """Estimate when a running request ends, by its rate so far; None if unknown."""
    if request.state != RUNNING or progress is None or not progress.total:
        return None
    done = progress.done - request.steps_before
    start = datetime.fromisoformat(request.started_at)
    seconds = (datetime.now(UTC) - start).total_seconds()
    if done <= 0 or seconds < _LEAST_SECONDS:
        return None
    return round(max(0.0, (progress.total - progress.done) * seconds / done), 1)


def _recordings(connection: Connection, track_ids: Sequence[str]) -> dict[str, str]:
    """Look up MusicBrainz recordings by track id; of several, the first."""
    return {
        track_id: recording
        for track_id, ids in ids_of(connection, track_ids).items()
        if (recording := next((each.value for each in ids if each.kind == RECORDING), ""))
    }


def _place_facts(place: Place) -> TrackPlace:
    item = place.item
    return TrackPlace(
        source=item.source,
        kind=place.source.spec.kind,
        item_id=item.item_id,
        path=shown(item.path),
        present=item.present,
        playable=place.playable,
        artists=_group_facts(place, ARTIST),
        album=next(iter(_group_facts(place, ALBUM)), None),
    )


def _group_facts(place: Place, kind: str) -> list[SourceGroupFacts]:
    return [
        SourceGroupFacts(id=group.group_id, name=group.name)
        for group in place.groups
        if group.kind == kind
    ]


def queued(
    connection: Connection, action: str, name: str, options: Mapping[str, object]
) -> RequestFacts:
    """Queue a request.

    Raises:
        Conflict: The queue is full.
    """
    return request_facts(request_queued(connection, action, name, options))


def request_queued(
    connection: Connection, action: str, name: str, options: Mapping[str, object]
) -> Request:
    """Queue a request, and return it as it is stored.

    Raises:
        Conflict: The queue is full.
    """
    try:
        return request_work(connection, action, name, options)
    except QueueFull as fault:
        raise Conflict(Reason.STATE_CONFLICT, f"{fault}.") from fault


def known_source(
    connection: Connection,
    name: str,
    field: str = "name",
    way_out: str = "/api/v1/library lists them",
) -> None:
    """Check that there is a source.

    Raises:
        NotFound: There is none.
    """
    if find_source(connection, name) is None:
        raise NotFound(
            Reason.ID_UNKNOWN,
            f"There is no source {name!r}; {way_out}.",
            field=field,
        )
