"""The calls that plugins make of AudioMuse-AI: similar songs, paths and similar artists as JSON.

Paths, parameters and fields are those of its HTTP API, as its plugins for Navidrome, Jellyfin,
Lyrion and Ampache use them (docs/how-to/players.md).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from quintet_client import QuintetError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from quintet_players.access import PlayerAccess
from quintet_players.bodies import blend_of, seed_of
from quintet_players.faults import PlayerFault, fault_of
from quintet_players.mixes import LONGEST_PATH, MOST_SEEDS, MOST_SONGS, SHORTEST_PATH, Mixes
from quintet_players.parameters import Parameters
from quintet_players.songs import Asker, Names, SimilarArtist, Song
from quintet_players.sources import Sources

DEFAULT_SONGS: Final = 10
DEFAULT_PATH: Final = 25
DEFAULT_ARTISTS: Final = 10
_MOST_ARTISTS: Final = 100
_SONGS_PER_ARTIST: Final = 3
UNKNOWN_DISTANCE: Final = 1.0
"""Of a song that was not analysed: plugins read a missing number as 0, which is the nearest."""
_MOST_BELOW_ONE: Final = 0.999999
_MOOD: Final = {"energy": 3.0, "valence": 3.0}
"""Weights of attributes for `mood_similarity`."""
_ANSWERED: Final = (
    "/api/similar_tracks, /api/find_path, /api/similar_artists, /api/search_tracks, /api/alchemy, "
    "/api/hyperbolic/similar and /api/sem_grove/search"
)
Handler = Callable[[Asker, Parameters, Request], Awaitable[Any]]


class AudioMuse:
    """Answers plugins of AudioMuse-AI.

    Args:
        mixes: Finds songs.
        sources: Chooses the source of each player.
        access: Identifies players.
    """

    def __init__(self, mixes: Mixes, sources: Sources, access: PlayerAccess) -> None:
        self._mixes = mixes
        self._sources = sources
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """List the routes, below the base path."""
        handlers: Mapping[str, tuple[str, Handler]] = {
            "/api/similar_tracks": ("GET", self.similar_tracks),
            "/api/find_path": ("GET", self.find_path),
            "/api/similar_artists": ("GET", self.similar_artists),
            "/api/search_tracks": ("GET", self.search_tracks),
            "/api/alchemy": ("POST", self.alchemy),
            "/api/hyperbolic/similar": ("POST", self.hyperbolic),
            "/api/sem_grove/search": ("POST", self.sem_grove),
            "/api/active_tasks": ("GET", _nothing),
            "/api/last_task": ("GET", _no_task),
            "/api/playlists": ("GET", _nothing),
        }
        found: list[BaseRoute] = [
            Route(path, self._answering(path, handler), methods=[method], name=path)
            for path, (method, handler) in handlers.items()
        ]
        found += [Route(path, _healthy, name="health") for path in ("/", "/api/health")]
        return [*found, Route("/api/{rest:path}", self._unknown, name="/api/unknown")]

    def _answering(self, name: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request.scope["state"]["call"] = name
            try:
                player = self._access.by_bearer(
                    request.headers.get("authorization"), request.path_params.get("key", "")
                )
                parameters = Parameters(request.query_params)
                asked = parameters.text("server")
                source = await self._sources.choose(player.source, asked)
                content = await handler(Asker(source, player.listener), parameters, request)
            except QuintetError as fault:
                return render_fault(fault_of(fault))
            except PlayerFault as fault:
                return render_fault(fault)
            return _json(content)

        return answer

    async def similar_tracks(self, asker: Asker, given: Parameters, _: Request) -> Any:
        """Find songs like one song, named by its id, or by title and artist."""
        count = given.whole("n", DEFAULT_SONGS, 1, MOST_SONGS)
        item_id, title, artist = given.text("item_id"), given.name("title"), given.name("artist")
        if not item_id and not (title and artist):
            raise PlayerFault("Give item_id, or title and artist.")
        options: dict[str, Any] = {
            "max_per_artist": (
                _SONGS_PER_ARTIST if given.flag("eliminate_duplicates", True) else 0
            ),
            "flow": given.flag("radius_similarity", False),
        }
        if given.flag("mood_similarity", False):
            options["weights"] = _MOOD
        if item_id:
            found = await self._mixes.match(asker, item_id)
        else:
            found = await self._mixes.song_named(asker, title, artist)
        songs = await self._mixes.similar(asker, found.track_ids, count, **options)
        return [track_json(song) for song in songs]

    async def find_path(self, asker: Asker, given: Parameters, _: Request) -> Any:
        """Find a path from one song to another, both included."""
        start, end = given.required("start_song_id"), given.required("end_song_id")
        if start == end:
            raise PlayerFault("start_song_id and end_song_id must be two songs.")
        length = given.whole("max_steps", DEFAULT_PATH, SHORTEST_PATH, LONGEST_PATH)
        exact = given.flag("path_fix_size", False)
        ends = [await self._mixes.match(asker, each) for each in (start, end)]
        first, last = (each.track_ids[0] for each in ends)
        songs = await self._mixes.path(asker, first, last, length, exact)
        return {
            "path": [track_json(song) for song in songs],
            "total_distance": sum(song.distance or 0.0 for song in songs),
        }

    async def similar_artists(self, asker: Asker, given: Parameters, _: Request) -> Any:
        """Find artists like one artist, named by its id or name."""
        count = given.whole("n", DEFAULT_ARTISTS, 1, _MOST_ARTISTS)
        with_songs = given.flag("include_component_matches", False)
        artist = await self._mixes.artist(asker, given.required("artist"))
        found = await self._mixes.similar_artists(asker, artist, count)
        return [_artist_json(each, with_songs) for each in found]

    async def search_tracks(self, asker: Asker, given: Parameters, _: Request) -> Any:
        """Find songs by text."""
        names = ("search_query", "title", "artist")
        text = " ".join(filter(None, (given.name(name) for name in names)))
        if not text:
            raise PlayerFault("Give search_query, title or artist.")
        songs = await self._mixes.search(asker, text[:256], DEFAULT_SONGS * 2)
        return [_names_json(song) for song in songs]

    async def alchemy(self, asker: Asker, _: Parameters, request: Request) -> Any:
        """Find songs like some songs and unlike others."""
        items, count = blend_of(await request.body())
        seeds: dict[bool, list[str]] = {True: [], False: []}
        for item_id, added in items:
            seeds[added] += (await self._mixes.match(asker, item_id)).track_ids[:MOST_SEEDS]
        songs = await self._mixes.similar(asker, seeds[True], count, negative=seeds[False])
        return {"results": [track_json(song) for song in songs], "filtered_out": []}

    async def hyperbolic(self, asker: Asker, _: Parameters, request: Request) -> Any:
        """Find similar songs for plugins that are set to the hyperbolic search.

        They squash its unbounded distance x to x / (1 + x), which gives ours back.
        """
        item_id, count = seed_of(await request.body())
        found = await self._mixes.match(asker, item_id)
        songs = await self._mixes.similar(asker, found.track_ids, count)
        results = []
        for song in songs:
            row = track_json(song)
            near = min(float(row["distance"]), _MOST_BELOW_ONE)
            results.append({**row, "distance": round(near / (1.0 - near), 6)})
        return {"seed_item_id": item_id, "count": len(results), "results": results}

    async def sem_grove(self, asker: Asker, _: Parameters, request: Request) -> Any:
        """Find similar songs for plugins that are set to the search by lyrics; the seed first."""
        item_id, count = seed_of(await request.body())
        found = await self._mixes.match(asker, item_id)
        seed = await self._mixes.song_of(asker, found)
        # The seed counts: plugins ask for one more than they want, and leave it out.
        songs = [] if count == 1 else await self._mixes.similar(asker, found.track_ids, count - 1)
        rows = [{**_names_json(seed), "similarity": 1.0, "is_seed": True}]
        for song in songs:
            near = 1.0 - float(track_json(song)["distance"])
            rows.append({**_names_json(song), "similarity": round(near, 6), "is_seed": False})
        return {"count": len(rows), "results": rows}

    async def _unknown(self, request: Request) -> Response:
        return render_fault(
            PlayerFault(
                "Quintet does not answer this call of AudioMuse-AI. It answers "
                f"{_ANSWERED}; choose similar songs in the plugin.",
                404,
            )
        )


def track_json(song: Song) -> dict[str, Any]:
    """Write a song as AudioMuse does."""
    distance = UNKNOWN_DISTANCE if song.distance is None else song.distance
    return {**_names_json(song), "distance": round(distance, 6)}


def _names_json(song: Song) -> dict[str, Any]:
    return {
        "item_id": song.item_id,
        "title": song.track.title,
        "author": ", ".join(each.name for each in song.track.artists),
        "album": song.track.album,
    }


def _artist_json(artist: SimilarArtist, with_songs: bool) -> dict[str, Any]:
    distance = UNKNOWN_DISTANCE if artist.distance is None else artist.distance
    content: dict[str, Any] = {
        "artist": artist.name,
        "artist_id": artist.artist_id,
        "distance": round(distance, 6),
    }
    if with_songs:
        content["component_matches"] = [
            {
                "artist1_representative_songs": [_name_json(other)],
                "artist2_representative_songs": [_name_json(own)],
            }
            for other, own in artist.matches
        ]
    return content


def _name_json(names: Names) -> dict[str, str]:
    return {"item_id": names.item_id, "title": names.title}


async def _nothing(_asker: Asker, _given: Parameters, _request: Request) -> Any:
    return {}


async def _no_task(_asker: Asker, _given: Parameters, _request: Request) -> Any:
    facts = ("task_id", "task_type")
    return {**dict.fromkeys(facts), "status": "NO_PREVIOUS_MAIN_TASK", "details": {}}


async def _healthy(_request: Request) -> Response:
    return _json({"status": "ok", "server": "quintet"})


def render_fault(fault: PlayerFault) -> Response:
    """Write a failure as plugins read it."""
    headers = {"WWW-Authenticate": "Bearer"} if fault.status == 401 else {}
    return _json({"error": fault.message}, fault.status, headers)


def _json(
    content: Mapping[str, Any] | Sequence[Any], status: int = 200, headers: Any = None
) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
