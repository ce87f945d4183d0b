"""Similar songs, paths and similar artists in the ids of one media server.

Asks the gateway, and translates the ids of the server to tracks of the catalogue and back. Only
tracks that the server has are asked for, and a track without an id there is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from quintet_client import AsyncQuintet
from quintet_client.errors import NotFound, PathNotFound
from quintet_client.models import RankedTrack, SourceMatch, Track, TrackPlace
from quintet_text.normal_form import normalise

from quintet_players.faults import NOT_FOUND, PlayerFault
from quintet_players.songs import (
    Asker,
    Names,
    SimilarArtist,
    Song,
    distance_of,
    grouped,
    spread,
    steps_of,
)

MOST_SONGS: Final = 500
"""Songs of one answer; a player that asks for more gets as many."""
MOST_SEEDS: Final = 5
SHORTEST_PATH: Final = 3
LONGEST_PATH: Final = 50
_SONGS_OF_ARTIST: Final = 3
_SEARCH_PAGES: Final = 4


class Mixes:
    """Answers what players ask, through the gateway.

    Args:
        gateway: The client of the gateway; each call has its deadline.
    """

    def __init__(self, gateway: AsyncQuintet) -> None:
        self._gateway = gateway

    async def match(self, asker: Asker, item_id: str) -> SourceMatch:
        """Look up the song, album or artist that an id of the server names."""
        return await self._gateway.match_in_source(asker.source, id=item_id)

    async def artist(self, asker: Asker, name_or_id: str) -> SourceMatch:
        """Look up an artist by the server's id, else by name.

        Raises:
            PlayerFault: There is none.
        """
        try:
            found = await self.match(asker, name_or_id)
            if found.kind == "artist":
                return found
        except NotFound:
            pass  # it may be a name
        return await self._gateway.match_in_source(asker.source, artist=name_or_id)

    async def song_named(self, asker: Asker, title: str, artist: str) -> SourceMatch:
        """Look up a song by title and artist.

        Raises:
            PlayerFault: The source has no song of these names.
        """
        form, wanted = normalise(title), normalise(artist)
        for song in await self.search(asker, f"{title} {artist}", MOST_SONGS):
            names = [each.name for each in song.track.artists]
            if normalise(song.track.title) == form and wanted in map(normalise, names):
                return await self.match(asker, song.item_id)
        raise PlayerFault(
            f"{asker.source} has no song {title!r:.80} by {artist!r:.80}.", 404, NOT_FOUND
        )

    async def song_of(self, asker: Asker, found: SourceMatch) -> Song:
        """Read the first song of a match.

        Raises:
            PlayerFault: It left the source meanwhile.
        """
        track = await self._gateway.track(found.track_ids[0])
        for song in await self._songs(asker, {track.id: track}, {track.id: 0.0}):
            return song
        raise PlayerFault(f"{asker.source} has no song {found.id!r:.80}.", 404, NOT_FOUND)

    async def search(self, asker: Asker, text: str, count: int) -> list[Song]:
        """Find songs of the source by text, best first; the first pages of the catalogue alone."""
        found: list[Song] = []
        token = ""
        for _ in range(_SEARCH_PAGES):
            page = await self._gateway.search(text, limit=50, page_token=token)
            tracks = {each.track.id: each.track for each in page.tracks}
            found += await self._songs(asker, tracks, dict.fromkeys(tracks))
            token = page.next_page_token
            if not token or len(found) >= count:
                break
        return found[:count]

    async def similar(
        self,
        asker: Asker,
        seeds: Sequence[str],
        count: int,
        negative: Sequence[str] = (),
        **options: Any,
    ) -> list[Song]:
        """Find songs of the source like some tracks, in the order of the ranking.

        Args:
            asker: For whom.
            seeds: Tracks of the catalogue; of more than five, five that are spread evenly.
            count: How many at most.
            negative: Tracks to move away from.
            options: Further options of `quintet_client.calls.recommend`.
        """
        ranked = await self._ranked(asker, seeds, count, negative=negative, **options)
        tracks = {each.track.id: each.track for each in ranked}
        return await self._songs(
            asker, tracks, {each.track.id: distance_of(each.similarity) for each in ranked}
        )

    async def path(
        self, asker: Asker, start: str, end: str, length: int, exact: bool
    ) -> list[Song]:
        """Find a path between two tracks.

        Args:
            asker: For whom.
            start: The first track's id in the catalogue.
            end: The last one's.
            length: Songs, both ends included, 3 to 50.
            exact: Whether a shorter path is no answer.

        Raises:
            QuintetError: There is no path; the reason names what to change.
        """
        while True:
            try:
                found = await self._gateway.path(
                    start,
                    end,
                    length=length,
                    filters={"sources": [asker.source]},
                    reasons=False,
                    listener=asker.listener or None,
                )
                break
            except PathNotFound as fault:
                # An end without audio features has no path of any length.
                if exact or length <= SHORTEST_PATH or fault.field in ("start", "end"):
                    raise
                length = max(SHORTEST_PATH, length // 2)
        return await self._songs(asker, *steps_of(found))

    async def similar_artists(
        self, asker: Asker, artist: SourceMatch, count: int
    ) -> list[SimilarArtist]:
        """Find artists of the source whose songs are like those of an artist.

        The songs most like five songs of the artist are grouped by their first artist, in the order
        of the ranking.
        """
        seeds = spread(artist.track_ids, MOST_SEEDS)
        first = await self._gateway.track(seeds[0])
        form = normalise(artist.name)
        named = [each.id for each in first.artists if normalise(each.name) == form]
        # Where the catalogue spells the artist otherwise, the first artist is the one.
        excluded = named or [each.id for each in first.artists[:1]]
        ranked = await self._ranked(
            asker,
            seeds,
            MOST_SONGS,
            filters={"excluded_artist_ids": excluded},
            max_per_artist=_SONGS_OF_ARTIST,
            reasons=True,
        )
        tracks = {each.track.id: each.track for each in ranked}
        songs = await self._songs(
            asker, tracks, {each.track.id: distance_of(each.similarity) for each in ranked}
        )
        nearest = await self._nearest_seeds(asker, ranked)
        return grouped(songs, nearest, artist, count)

    async def _nearest_seeds(
        self, asker: Asker, ranked: Sequence[RankedTrack]
    ) -> Mapping[str, Names]:
        """Name, for each ranked track by id, the seed that it is nearest to."""
        closest = {
            each.track.id: each.reasons.closest_seed for each in ranked if each.reasons is not None
        }
        titles = {seed.id: seed.title for seed in closest.values() if seed.id}
        places = await self._places(asker, titles)
        return {
            track_id: Names(places[seed.id].item_id, titles[seed.id])
            for track_id, seed in closest.items()
            if seed.id in places
        }

    async def _ranked(
        self,
        asker: Asker,
        seeds: Sequence[str],
        count: int,
        *,
        negative: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Sequence[RankedTrack]:
        found = await self._gateway.recommend(
            spread(seeds, MOST_SEEDS),
            negative_seeds=spread(negative, MOST_SEEDS),
            filters={"sources": [asker.source], **(filters or {})},
            limit=min(count, MOST_SONGS),
            listener=asker.listener or None,
            **{"reasons": False, **options},
        )
        return found.tracks

    async def _songs(
        self, asker: Asker, tracks: Mapping[str, Track], distances: Mapping[str, float | None]
    ) -> list[Song]:
        """Make songs of tracks, in the order of `distances`; those without an id are left out."""
        places = await self._places(asker, tracks)
        return [
            Song(places[track_id].item_id, tracks[track_id], places[track_id], distance)
            for track_id, distance in distances.items()
            if track_id in places
        ]

    async def _places(self, asker: Asker, track_ids: Iterable[str]) -> Mapping[str, TrackPlace]:
        """Look up where the source has tracks; those that it does not have are left out."""
        wanted = [*track_ids]
        if not wanted:
            return {}
        found = await self._gateway.own_tracks(wanted)
        return {
            track.id: place
            for track in found.tracks
            for place in reversed(track.places)
            if place.source == asker.source and place.present
        }
