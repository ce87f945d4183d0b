"""The calls of OpenSubsonic that return similar songs, in JSON and XML.

The protocol: subsonic.org/pages/api.jsp and opensubsonic.netlify.app, with its extensions
sonicSimilarity, apiKeyAuthentication and formPost.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from quintet_client import QuintetError
from quintet_client.models import SourceMatch
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from quintet_players.access import ANYONE, PlayerAccess
from quintet_players.envelope import render
from quintet_players.faults import GENERIC, NOT_FOUND, PlayerFault, fault_of
from quintet_players.mixes import LONGEST_PATH, MOST_SONGS, SHORTEST_PATH, Mixes
from quintet_players.parameters import Parameters
from quintet_players.songs import Asker, Song
from quintet_players.sources import Sources

PREFIX: Final = "/rest/"
DEFAULT_SIMILAR: Final = 50
DEFAULT_SONIC: Final = 10
DEFAULT_PATH: Final = 25
UNKNOWN_SIMILARITY: Final = -1.0
"""As sonicSimilarity defines it."""
EXTENSIONS: Final[Mapping[str, tuple[int, ...]]] = {
    "apiKeyAuthentication": (1,),
    "formPost": (1,),
    "sonicSimilarity": (1,),
}
Method = Callable[[Asker, Parameters], Awaitable[dict[str, Any]]]


class Subsonic:
    """Answers clients of OpenSubsonic.

    Args:
        mixes: Finds songs.
        sources: Chooses the source of each player.
        access: Identifies players.
    """

    def __init__(self, mixes: Mixes, sources: Sources, access: PlayerAccess) -> None:
        self._mixes = mixes
        self._sources = sources
        self._access = access
        self._methods: Mapping[str, Method] = {
            "getSimilarSongs": self.similar_songs,
            "getSimilarSongs2": self.similar_songs_2,
            "getSonicSimilarTracks": self.sonic_similar_tracks,
            "findSonicPath": self.sonic_path,
        }

    def routes(self) -> list[BaseRoute]:
        """List the routes, below the base path."""
        methods = ["GET", "POST"]
        return [Route(f"{PREFIX}{{method:path}}", self._answer, methods=methods, name="/rest")]

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["method"].removesuffix(".view")
        given = dict(request.query_params)
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=100)
            given |= {key: value for key, value in form.items() if isinstance(value, str)}
        form_of_answer = given.get("f", "xml")
        try:
            if form_of_answer not in ("xml", "json"):
                form_of_answer = "xml"
                raise PlayerFault("f must be json or xml.")
            content: dict[str, Any] | PlayerFault = await self._called(name, given)
        except QuintetError as fault:
            content = fault_of(fault)
        except PlayerFault as fault:
            content = fault
        request.scope["state"]["call"] = name if name in self.known else "unknown"
        return render(content, form_of_answer)

    @property
    def known(self) -> frozenset[str]:
        """The methods that are answered."""
        return frozenset((*self._methods, *_SYSTEM))

    async def _called(self, name: str, given: Mapping[str, str]) -> dict[str, Any]:
        if name == "getOpenSubsonicExtensions":
            # A client asks before it knows how to authenticate.
            return {
                "openSubsonicExtensions": [
                    {"name": each, "versions": [*versions]} for each, versions in EXTENSIONS.items()
                ]
            }
        player = self._access.by_subsonic(given)
        if name in _SYSTEM:
            who = player.name if player is not ANYONE else given.get("u", "")[:64]
            return _system(name, who)
        method = self._methods.get(name)
        if method is None:
            raise PlayerFault(
                f"Quintet does not answer {name!r:.60}; ask your music server. Quintet answers "
                f"{', '.join(self._methods)}.",
                404,
                GENERIC,
            )
        source = await self._sources.choose(player.source, "")
        return await method(Asker(source, player.listener), Parameters(given))

    async def similar_songs(self, asker: Asker, given: Parameters) -> dict[str, Any]:
        """Find songs like a song, an album or an artist."""
        return {"similarSongs": await self._similar(asker, given)}

    async def similar_songs_2(self, asker: Asker, given: Parameters) -> dict[str, Any]:
        """Find songs like an artist, or like a song or an album."""
        return {"similarSongs2": await self._similar(asker, given)}

    async def sonic_similar_tracks(self, asker: Asker, given: Parameters) -> dict[str, Any]:
        """Find songs like a song, the most similar in sound first."""
        count = given.whole("count", DEFAULT_SONIC, 1, MOST_SONGS)
        found = _song(await self._mixes.match(asker, given.required("id")))
        songs = await self._mixes.similar(asker, [found], count)
        ordered = sorted(songs, key=lambda song: 2.0 if song.distance is None else song.distance)
        return {"sonicMatch": [_match(song, song.distance) for song in ordered]}

    async def sonic_path(self, asker: Asker, given: Parameters) -> dict[str, Any]:
        """Find a path between two songs, both included."""
        names = (given.required("startSongId"), given.required("endSongId"))
        if names[0] == names[1]:
            raise PlayerFault("startSongId and endSongId must be two songs.")
        length = given.whole("count", DEFAULT_PATH, SHORTEST_PATH, LONGEST_PATH)
        start, end = [_song(await self._mixes.match(asker, each)) for each in names]
        songs = await self._mixes.path(asker, start, end, length, exact=False)
        # Similarity is relative to the start, and only steps from song to song are known.
        known = [0.0, *(None for _ in songs[1:])]
        return {"sonicMatch": [_match(*each) for each in zip(songs, known, strict=True)]}

    async def _similar(self, asker: Asker, given: Parameters) -> dict[str, Any]:
        count = given.whole("count", DEFAULT_SIMILAR, 1, MOST_SONGS)
        found = await self._mixes.match(asker, given.required("id"))
        songs = await self._mixes.similar(asker, found.track_ids, count)
        return {"song": [child(song) for song in songs]}


_SYSTEM: Final = ("ping", "getLicense", "tokenInfo", "getOpenSubsonicExtensions")


def _system(name: str, player: str) -> dict[str, Any]:
    match name:
        case "getLicense":
            return {"license": {"valid": True}}
        case "tokenInfo":
            return {"tokenInfo": {"username": player}}
    return {}


def _song(found: SourceMatch) -> str:
    """Read the track of a match that must be a song.

    Raises:
        PlayerFault: It is an album or an artist.
    """
    if found.kind != "song":
        raise PlayerFault(
            f"{found.id!r:.80} is the id of an {found.kind}; give a song's.", 404, NOT_FOUND
        )
    return found.track_ids[0]


def child(song: Song) -> dict[str, Any]:
    """Write a song as the protocol's Child; what is unknown is left out."""
    track, place = song.track, song.place
    artists = place.artists
    year = track.release_date[:4]
    content: dict[str, Any] = {
        "id": song.item_id,
        "isDir": False,
        "title": track.title,
        "artist": ", ".join(each.name for each in track.artists),
        "album": track.album,
        "duration": round(track.duration_ms / 1000),
        "type": "music",
        "mediaType": "song",
        "isVideo": False,
    }
    if place.album is not None:
        content |= {"parent": place.album.id, "albumId": place.album.id}
    if artists:
        content["artistId"] = artists[0].id
        content["artists"] = [{"id": each.id, "name": each.name} for each in artists]
    if year.isdigit():
        content["year"] = int(year)
    if track.genres:
        content["genre"] = track.genres[0]
    return content


def _match(song: Song, distance: float | None) -> dict[str, Any]:
    similarity = UNKNOWN_SIMILARITY if distance is None else round(1.0 - distance, 6)
    return {"entry": child(song), "similarity": similarity}
