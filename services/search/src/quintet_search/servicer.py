"""Convert gRPC requests of search to domain objects, and answers back; no decisions."""

from typing import Any, Final

from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_servicekit.channel import RESERVE_SECONDS
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.metrics import DEGRADED

from quintet_search.domain.names import NamedItem, NameKind, NameQuery
from quintet_search.domain.paging import PageRequest
from quintet_search.domain.records import ArtistRecord, SearchSource, TrackRecord
from quintet_search.domain.search import CatalogueSearch

_SOURCES: Final = {
    search_pb2.SOURCE_UNSPECIFIED: SearchSource.CATALOGUE,
    search_pb2.SOURCE_CATALOGUE: SearchSource.CATALOGUE,
    search_pb2.SOURCE_SPOTIFY: SearchSource.SPOTIFY,
    search_pb2.SOURCE_BOTH: SearchSource.BOTH,
}
_NUMBERS: Final = {
    SearchSource.CATALOGUE: search_pb2.SOURCE_CATALOGUE,
    SearchSource.SPOTIFY: search_pb2.SOURCE_SPOTIFY,
    SearchSource.BOTH: search_pb2.SOURCE_BOTH,
}
_KINDS: Final = {
    NameKind.ARTIST: search_pb2.NAME_KIND_ARTIST,
    NameKind.TRACK: search_pb2.NAME_KIND_TRACK,
    NameKind.GENRE: search_pb2.NAME_KIND_GENRE,
}
# Seconds kept for the catalogue, which answers if Spotify does not.
_FALLBACK_SECONDS: Final = 0.1 + RESERVE_SECONDS


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """The methods of SearchService.

    Args:
        search: The rules of each method.
        remote_seconds: Seconds of a call that Spotify may take at most.
    """

    def __init__(self, search: CatalogueSearch, remote_seconds: float) -> None:
        self._search = search
        self._remote_seconds = remote_seconds

    async def SearchTracks(
        self, request: search_pb2.SearchTracksRequest, context: Any
    ) -> search_pb2.SearchTracksResponse:
        """Search tracks."""
        left = context.time_remaining()
        seconds = self._remote_seconds
        if left is not None:
            seconds = min(seconds, max(0.0, left - _FALLBACK_SECONDS))
        page = PageRequest(request.page_size, request.page_token, request.skip)
        source = _source(request.source)
        found = await self._search.search_tracks(request.query, source, page, seconds)
        for part in found.degraded:
            DEGRADED.labels(part).inc()
        response = search_pb2.SearchTracksResponse(
            next_page_token=found.next_page_token,
            total_size=found.total,
            catalogue_version=found.catalogue_version,
            source=_NUMBERS[found.source],
            degraded=found.degraded,
        )
        for match in found.matches:
            written = response.matches.add(
                score=match.score, recommendable=match.recommendable, source=_NUMBERS[match.source]
            )
            _fill_track(written.track, match.track)
        return response

    async def BatchGetTracks(
        self, request: search_pb2.BatchGetTracksRequest, _context: Any
    ) -> search_pb2.BatchGetTracksResponse:
        """Look up tracks by id."""
        ids = list(request.track_ids)
        found = await self._search.tracks(ids)
        response = search_pb2.BatchGetTracksResponse(catalogue_version=found.catalogue_version)
        for name, track in zip(ids, found.tracks, strict=True):
            result = response.results.add(track_id=name)
            if track is not None:
                _fill_track(result.track, track)
        return response

    async def ListTracks(
        self, request: search_pb2.ListTracksRequest, _context: Any
    ) -> search_pb2.ListTracksResponse:
        """List tracks, most popular first."""
        found = await self._search.popular(PageRequest(request.page_size, request.page_token))
        response = search_pb2.ListTracksResponse(
            next_page_token=found.next_page_token, catalogue_version=found.catalogue_version
        )
        for track in found.tracks:
            _fill_track(response.tracks.add(), track)
        return response

    async def SearchArtists(
        self, request: search_pb2.SearchArtistsRequest, _context: Any
    ) -> search_pb2.SearchArtistsResponse:
        """Search artists."""
        page = PageRequest(request.page_size, request.page_token, request.skip)
        found = await self._search.search_artists(request.query, page)
        return search_pb2.SearchArtistsResponse(
            artists=[_artist(artist) for artist in found.items],
            next_page_token=found.next_page_token,
            total_size=found.total,
        )

    async def BatchGetArtists(
        self, request: search_pb2.BatchGetArtistsRequest, _context: Any
    ) -> search_pb2.BatchGetArtistsResponse:
        """Look up artists by id."""
        ids = list(request.artist_ids)
        artists = await self._search.artists(ids)
        return search_pb2.BatchGetArtistsResponse(
            results=[
                search_pb2.ArtistResult(
                    artist_id=name, artist=None if artist is None else _artist(artist)
                )
                for name, artist in zip(ids, artists, strict=True)
            ]
        )

    async def ListGenres(
        self, request: search_pb2.ListGenresRequest, _context: Any
    ) -> search_pb2.ListGenresResponse:
        """List genres."""
        found = self._search.genres(PageRequest(request.page_size, request.page_token))
        return search_pb2.ListGenresResponse(
            genres=[
                search_pb2.Genre(name=genre.name, track_count=genre.track_count)
                for genre in found.items
            ],
            next_page_token=found.next_page_token,
        )

    async def GetMap(
        self, request: search_pb2.GetMapRequest, _context: Any
    ) -> search_pb2.GetMapResponse:
        """Read a part of the map."""
        part = await self._search.map_part(request.known_version, request.offset)
        return search_pb2.GetMapResponse(
            version=part.version, total_size=part.total_size, content=part.content
        )

    async def ResolveNames(
        self, request: search_pb2.ResolveNamesRequest, _context: Any
    ) -> search_pb2.ResolveNamesResponse:
        """Look names up."""
        names = [NameQuery(name.text, name.similar) for name in request.names]
        found = await self._search.names(names)
        facts = found.facts
        return search_pb2.ResolveNamesResponse(
            results=[
                search_pb2.NameResult(items=[_named(item) for item in items])
                for items in found.items
            ],
            facts=search_pb2.CatalogueFacts(
                track_count=facts.track_count,
                dated_track_count=facts.dated_count,
                explicit_track_count=facts.explicit_count,
                largest_genres=[
                    search_pb2.Genre(name=genre.name, track_count=genre.track_count)
                    for genre in facts.largest_genres
                ],
                popular_track_ids=facts.popular_tracks,
            ),
            catalogue_version=found.catalogue_version,
        )


def _source(number: int) -> SearchSource:
    # Proto3 enums are open: a client may send any number.
    for known, source in _SOURCES.items():
        if known == number:
            return source
    raise InvalidInput(
        Reason.SOURCE_UNAVAILABLE,
        f"source must be 0 to {len(_SOURCES) - 1}; got {number}",
        field="source",
    )


def _fill_track(written: search_pb2.Track, track: TrackRecord) -> None:
    """Fill a track in place; assigning a separate message would copy it."""
    written.id = track.id
    written.title = track.title
    for artist in track.artists:
        written.artists.add(id=artist.id, name=artist.name)
    written.album = track.album
    written.album_id = track.album_id
    written.release_date = track.release_date
    written.duration_ms = track.duration_ms
    if track.popularity is not None:
        written.popularity = track.popularity
    written.explicit = track.explicit
    written.genres.extend(track.genres)
    written.isrc = track.isrc
    written.provenance = track.provenance
    written.licence = track.licence
    written.cover_url = track.cover_url
    written.preview_url = track.preview_url


def _named(item: NamedItem) -> search_pb2.NamedItem:
    return search_pb2.NamedItem(
        kind=_KINDS[item.kind],
        id=item.id,
        name=item.name,
        artists=[search_pb2.ArtistReference(id=each.id, name=each.name) for each in item.artists],
        is_similar=item.is_similar,
    )


def _artist(artist: ArtistRecord) -> search_pb2.Artist:
    return search_pb2.Artist(
        id=artist.id,
        name=artist.name,
        genres=artist.genres,
        popularity=artist.popularity,
        track_count=artist.track_count,
    )
