"""The rules of each search method: allowed ranges, pages, and which source answers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from quintet_contract.limits import (
    DEFAULT_PAGE,
    MAX_ARTIST_IDS,
    MAX_GENRES,
    MAX_MATCHES,
    MAX_PAGE,
    MAX_QUERY,
    MAX_TRACK_IDS,
)
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_text.track_ids import id_of, track_id_of

from quintet_search.domain.names import NameLookup, NameQuery, check_names
from quintet_search.domain.paging import PageRequest, PageWindow, window
from quintet_search.domain.ports import RemoteSearch, RemoteUnavailable, SearchableCatalogue
from quintet_search.domain.query import named, parse
from quintet_search.domain.records import (
    ArtistRecord,
    GenreRecord,
    MapPart,
    Matches,
    ResultPage,
    SearchSource,
    TrackListing,
    TrackLookup,
    TrackMatch,
    TrackRecord,
    TrackResults,
)

MAP_PART: Final = 2 * 1024 * 1024
"""Bytes of the map per answer: half of gRPC's default limit for a message."""
_NAMED_SCORE: Final = 10.0
"""The score of a track that is named by its id or link: above that of every text match."""
_EMPTY: Final[Matches[TrackRecord]] = Matches((), 0)

T = TypeVar("T")


class Run(Protocol):
    """Run blocking work on a thread."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Wait for the result of the work."""
        ...


class CatalogueSearch:
    """Answer searches from the catalogue served now, and from Spotify if it is configured.

    Args:
        catalogue: Gives the catalogue served now; raises `NotReady` before the first.
        run: Runs blocking work on a thread.
        remote: Spotify, or None without credentials.
        report: Called with the reason if Spotify does not answer.
    """

    def __init__(
        self,
        catalogue: Callable[[], SearchableCatalogue],
        run: Run,
        remote: RemoteSearch | None = None,
        report: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._catalogue = catalogue
        self._run = run
        self._remote = remote
        self._report = report

    async def search_tracks(
        self, query: str, source: SearchSource, page: PageRequest, seconds: float
    ) -> TrackResults:
        """Find one page of tracks; Spotify may take `seconds` of the call.

        Raises:
            InvalidInput: The query, the page or the source is not allowed.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        text = _checked(query)
        if source is not SearchSource.CATALOGUE and self._remote is None:
            raise InvalidInput(
                Reason.SOURCE_UNAVAILABLE,
                "source needs Spotify credentials (SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET); "
                "without them it must be the catalogue",
                field="source",
            )
        # A new catalogue has other positions, so tokens of the former one are rejected.
        scope = ("tracks", text, source.value, catalogue.version)
        part = window(page, default=DEFAULT_PAGE, maximum=MAX_PAGE, scope=scope)
        if named("track", text, catalogue.knows):
            return await self._local(catalogue, text, part)
        # An empty query lists the most popular tracks; Spotify has no such list.
        if source is SearchSource.CATALOGUE or self._remote is None or not text:
            return await self._local(catalogue, text, part)
        if source is SearchSource.SPOTIFY:
            return await self._spotify(catalogue, self._remote, text, part, seconds)
        return await self._both(catalogue, self._remote, text, part, seconds)

    async def search_artists(self, query: str, page: PageRequest) -> ResultPage[ArtistRecord]:
        """Find one page of artists.

        Raises:
            InvalidInput: The query or the page is not allowed.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        text = _checked(query)
        scope = ("artists", text, catalogue.version)
        part = window(page, default=DEFAULT_PAGE, maximum=MAX_PAGE, scope=scope)
        parsed, size = parse(text), _size(part)
        if artist_id := named("artist", text):
            found = _one(await self._run(lambda: catalogue.artists([artist_id])), part)
        else:
            found = await self._run(lambda: catalogue.search_artists(parsed, part.offset, size))
        total = min(found.total, MAX_MATCHES)
        return ResultPage([artist for artist, _ in found.items], part.token(total), total)

    async def tracks(self, ids: Sequence[str]) -> TrackLookup:
        """Look up tracks by id, URI or link, in that order; None for an unknown one.

        Raises:
            InvalidInput: There are none or more than 500 ids.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        wanted = [track_id_of(name) for name in _counted("track_ids", ids, MAX_TRACK_IDS)]
        found = await self._run(lambda: catalogue.tracks(wanted))
        return TrackLookup(found, catalogue.version)

    async def popular(self, page: PageRequest) -> TrackListing:
        """List one page of all tracks, most popular first.

        Raises:
            InvalidInput: The page is not allowed.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        scope = ("popular", catalogue.version)
        part = window(page, default=MAX_TRACK_IDS, maximum=MAX_TRACK_IDS, scope=scope)
        found = await self._run(lambda: catalogue.popular(part.offset, part.size))
        return TrackListing(found, part.token(catalogue.track_count), catalogue.version)

    async def artists(self, ids: Sequence[str]) -> list[ArtistRecord | None]:
        """Look up artists by id, URI or link, in that order; None for an unknown one.

        Raises:
            InvalidInput: There are none or more than 50 ids.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        wanted = [id_of("artist", name) for name in _counted("artist_ids", ids, MAX_ARTIST_IDS)]
        return await self._run(lambda: catalogue.artists(wanted))

    def genres(self, page: PageRequest) -> ResultPage[GenreRecord]:
        """List one page of genres in alphabetical order.

        Raises:
            InvalidInput: The page is not allowed.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        genres = catalogue.genres()
        scope = ("genres", catalogue.version)
        part = window(page, default=MAX_GENRES, maximum=MAX_GENRES, scope=scope)
        items = genres[part.offset : part.offset + part.size]
        return ResultPage(items, part.token(len(genres)), len(genres))

    async def names(self, names: Sequence[NameQuery]) -> NameLookup:
        """Look names up, and what the catalogue has.

        Raises:
            InvalidInput: There are too many names, or one is too long.
            NotReady: No catalogue is loaded.
        """
        check_names(names)
        catalogue = self._catalogue()
        items, facts = await self._run(lambda: (catalogue.named(names), catalogue.facts))
        return NameLookup(items, facts, catalogue.version)

    async def map_part(self, known_version: str, offset: int) -> MapPart:
        """Read the part of the map that begins at a byte.

        Raises:
            InvalidInput: The offset is outside the map.
            NotReady: No catalogue is loaded.
        """
        catalogue = self._catalogue()
        if known_version == catalogue.map_version:
            return MapPart(known_version, 0, b"")
        if offset < 0:
            raise _offset_refused(offset)
        content, total = await self._run(lambda: catalogue.map_part(offset, MAP_PART))
        if offset > total:
            raise _offset_refused(offset)
        return MapPart(catalogue.map_version, total, content)

    async def _find(
        self, catalogue: SearchableCatalogue, text: str, part: PageWindow
    ) -> Matches[TrackRecord]:
        parsed, size = parse(text), _size(part)
        if track_id := named("track", text, catalogue.knows):
            return _one(await self._run(lambda: catalogue.tracks([track_id])), part)
        return await self._run(lambda: catalogue.search_tracks(parsed, part.offset, size))

    async def _ask(
        self, remote: RemoteSearch, text: str, offset: int, size: int, seconds: float
    ) -> Matches[TrackRecord] | None:
        """Search in Spotify; None if it does not answer."""
        try:
            return await remote.search(text, offset, size, seconds)
        except RemoteUnavailable as fault:
            self._report(str(fault))
            return None

    async def _local(
        self,
        catalogue: SearchableCatalogue,
        text: str,
        part: PageWindow,
        degraded: tuple[str, ...] = (),
    ) -> TrackResults:
        found = await self._find(catalogue, text, part)
        total = min(found.total, MAX_MATCHES)
        return TrackResults(
            [
                TrackMatch(track, score, True, SearchSource.CATALOGUE)
                for track, score in found.items
            ],
            part.token(total),
            total,
            catalogue.version,
            SearchSource.CATALOGUE,
            degraded,
        )

    async def _spotify(
        self,
        catalogue: SearchableCatalogue,
        remote: RemoteSearch,
        text: str,
        part: PageWindow,
        seconds: float,
    ) -> TrackResults:
        found = await self._ask(remote, text, part.offset, _size(part), seconds)
        if found is None:
            return await self._local(catalogue, text, part, (Part.SPOTIFY,))
        total = min(found.total, MAX_MATCHES)
        matches = [
            TrackMatch(track, score, catalogue.has(track.id), SearchSource.SPOTIFY)
            for track, score in found.items
        ]
        return TrackResults(
            matches, part.token(total), total, catalogue.version, SearchSource.SPOTIFY
        )

    async def _both(
        self,
        catalogue: SearchableCatalogue,
        remote: RemoteSearch,
        text: str,
        part: PageWindow,
        seconds: float,
    ) -> TrackResults:
        """Return the catalogue's matches first, then Spotify's.

        Tracks of Spotify that the catalogue also has are left out, but their positions count. So
        each page needs one request to either side, and a page may be shorter than requested.
        """
        found = await self._find(catalogue, text, part)
        here = min(found.total, MAX_MATCHES)
        missing = _size(part) - len(found.items)
        # At least one match is requested, because the total is part of the answer.
        beyond = await self._ask(remote, text, max(0, part.offset - here), max(1, missing), seconds)
        degraded = (Part.SPOTIFY,) if beyond is None else ()
        matches = [
            TrackMatch(track, score, True, SearchSource.CATALOGUE) for track, score in found.items
        ]
        # Scores of the two sources cannot be compared, so those of Spotify continue below.
        lowest = matches[-1].score if matches else 1.0
        for position, (track, _) in enumerate((beyond or _EMPTY).items[: max(0, missing)]):
            if not catalogue.has(track.id):
                score = lowest / (position + 2)
                matches.append(TrackMatch(track, score, False, SearchSource.SPOTIFY))
        # An upper bound: tracks that both sources have are counted twice.
        total = min(here + (beyond or _EMPTY).total, MAX_MATCHES)
        source = SearchSource.CATALOGUE if beyond is None else SearchSource.BOTH
        token = part.token(total)
        return TrackResults(matches, token, total, catalogue.version, source, degraded)


def _checked(query: str) -> str:
    if len(query) > MAX_QUERY:
        raise InvalidInput(
            Reason.QUERY_LENGTH,
            f"query must be up to {MAX_QUERY} characters; got {len(query)}",
            field="query",
        )
    return query.strip()


def _one(found: Sequence[T | None], part: PageWindow) -> Matches[T]:
    """Make the matches of a query that names one thing; none if the catalogue lacks it."""
    items = [(item, _NAMED_SCORE) for item in found if item is not None]
    return Matches(items[part.offset : part.offset + part.size], len(items))


def _counted(field: str, ids: Sequence[str], maximum: int) -> Sequence[str]:
    if not 1 <= len(ids) <= maximum:
        raise InvalidInput(
            Reason.ID_COUNT, f"{field} must hold 1 to {maximum} ids; got {len(ids)}", field=field
        )
    return ids


def _size(part: PageWindow) -> int:
    """Limit a page to the matches that are counted, so that none is beyond the total."""
    return max(0, min(part.size, MAX_MATCHES - part.offset))


def _offset_refused(offset: int) -> InvalidInput:
    return InvalidInput(
        Reason.PAGE_TOKEN_INVALID,
        f"offset must be from 0 to the size of the map; got {offset}",
        field="offset",
    )
