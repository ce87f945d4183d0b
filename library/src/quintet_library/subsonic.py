"""A server that speaks Subsonic: Navidrome, gonic, Airsonic, Ampache, supysonic and others.

The protocol is described at subsonic.org/pages/api.jsp; OpenSubsonic adds fields to it, which are
read where a server sends them (opensubsonic.netlify.app).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quintet_access.media_servers import subsonic_credentials
from quintet_store.items import Group
from quintet_text.track_ids import ARTIST, ISRC, RECORDING

from quintet_library.http import ServerClient
from quintet_library.records import (
    AnsweredError,
    Listening,
    Page,
    Rejected,
    Song,
    SourceFailed,
    SourcePlaylist,
)
from quintet_library.values import (
    date_of,
    genres_of,
    groups_of,
    ids_of,
    in_range,
    make_song,
    number_of,
    tempo_and_key,
    text_of,
    texts_of,
)

PAGE: Final = 500
"""Songs of one request; what servers allow at most."""
MOST_PLAYLISTS: Final = 10_000
_REPLAYGAIN_LUFS: Final = -18.0
_WRONG_PASSWORD: Final = (40, 44)
# The server cannot check a token, because it does not have the password itself.
_NO_TOKENS: Final = (41, 42)
_MISSING: Final = 10
# The two ways to read all songs, as `Page.next` names them.
_SEARCH, _ALBUM = "search", "album"


@dataclass(frozen=True)
class SubsonicReader:
    """Reads the songs and playlists that one user of a server may see.

    Attributes:
        client: Of the server's address, without /rest.
        user: Name of the user.
        password: Of the user.
        plain: Send the password itself, not a token of it, to servers that keep only its hash.
    """

    client: ServerClient
    user: str
    password: str = field(repr=False)
    plain: bool = False

    def check(self) -> None:
        """Check that the server answers, and that it accepts user and password.

        Raises:
            SourceFailed: With the reason and the way out.
        """
        self.ask("ping")

    def pages(self, start: str = "") -> Iterator[Page]:
        """Read all songs, or those from a place on.

        An empty search lists every song. Where a server does not answer it with any, its albums
        are read one by one.

        Raises:
            SourceFailed: The server cannot be reached, denies the user, or answers otherwise.
        """
        way, _, place = start.partition(":")
        if way == _ALBUM:
            yield from self._by_album(int(place))
            return
        found = bool(start)
        for page in self._by_search(int(place or 0)):
            found = True
            yield page
        if not found:
            yield from self._by_album(0)

    def playlists(self) -> Iterator[SourcePlaylist]:
        """Read the playlists that the user may see.

        Raises:
            SourceFailed: As `pages`.
        """
        listed = objects_of(self.ask("getPlaylists").get("playlists"), "playlist")
        for each in listed[:MOST_PLAYLISTS]:
            playlist_id = text_of(each.get("id"))
            answer = self.ask("getPlaylist", id=playlist_id).get("playlist")
            entries = (text_of(entry.get("id")) for entry in objects_of(answer, "entry"))
            yield SourcePlaylist(playlist_id, text_of(each.get("name")), [*filter(None, entries)])

    def _by_search(self, offset: int) -> Iterator[Page]:
        while True:
            answer = self.ask(
                "search3",
                query="",
                songCount=PAGE,
                songOffset=offset,
                artistCount=0,
                albumCount=0,
            )
            songs = objects_of(answer.get("searchResult3"), "song")
            if not songs:
                return
            offset += len(songs)
            yield Page(_items(songs), next=f"{_SEARCH}:{offset}")
            if len(songs) < PAGE:
                return

    def _by_album(self, offset: int) -> Iterator[Page]:
        while True:
            answer = self.ask("getAlbumList2", type="alphabeticalByName", size=PAGE, offset=offset)
            albums = objects_of(answer.get("albumList2"), "album")
            for album in albums:
                songs = self.ask("getAlbum", id=text_of(album.get("id"))).get("album")
                offset += 1
                yield Page(_items(objects_of(songs, "song")), next=f"{_ALBUM}:{offset}")
            if len(albums) < PAGE:
                return

    def ask(self, method: str, *, again: bool = True, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol and give the content of the answer.

        Args:
            method: Its name, without ".view".
            again: As in `ServerClient.get`.
            parameters: Of the method; a list is repeated.

        Raises:
            SourceFailed: As `pages`; `AnsweredError` has the protocol's code of an error.
        """
        given = {**self.credentials(), **parameters}
        answer = self.client.get(f"rest/{method}.view", given, again=again)
        body = answer.get("subsonic-response")
        if not isinstance(body, dict):
            raise SourceFailed(
                f"{self.client.name} at {self.client.host} does not speak Subsonic; check the "
                "address, which is that of the server without /rest"
            )
        if body.get("status") != "ok":
            self._fail(method, body.get("error"))
        return body

    def credentials(self) -> dict[str, str]:
        """Make the parameters that each request carries, with a new salt."""
        return subsonic_credentials(self.user, self.password, plain=self.plain)

    def _fail(self, method: str, error: object) -> None:
        fault = error if isinstance(error, dict) else {}
        # A server may repeat what it was sent.
        code, said = fault.get("code"), text_of(fault.get("message"))[:200]
        said = said.replace(self.password, "***") if self.password else said
        where = f"{self.client.name} at {self.client.host}"
        if code in _NO_TOKENS or (code == _MISSING and not self.plain and method == "ping"):
            raise SourceFailed(
                f"{where} cannot check tokens, because it keeps only a hash of the password; add "
                "the source with --send-password, over https or on your own network"
            )
        if code in _WRONG_PASSWORD:
            raise SourceFailed(
                f"{where} denied the user {self.user!r} or the password; check both, and the "
                "variable or the file that holds the password"
            )
        raise AnsweredError(
            f"{where} answered {method} with error {code}: {said or 'no reason'}",
            code if isinstance(code, int) else 0,
        )


def _items(songs: list[dict[str, Any]]) -> list[Song | Rejected]:
    # One answer may hold a song twice; a page is stored in one statement.
    unique = {text_of(song.get("id")): song for song in songs if not song.get("isVideo")}
    return [song_of(song) for item_id, song in unique.items() if item_id]


def objects_of(holder: object, name: str) -> list[dict[str, Any]]:
    """List the objects under a name; a single one may stand without a list around it."""
    value = holder.get(name) if isinstance(holder, dict) else None
    values = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [each for each in values if isinstance(each, dict)]


def song_of(song: Mapping[str, Any]) -> Song | Rejected:
    """Make a song of a `Child` of the protocol, with what OpenSubsonic adds."""
    gain = song.get("replayGain")
    track_gain = number_of(gain.get("trackGain")) if isinstance(gain, dict) else None
    features = tempo_and_key(song.get("bpm"), "")
    if track_gain:
        loudness = in_range("loudness", f"{_REPLAYGAIN_LUFS - track_gain:.6f}")
        features |= {} if loudness is None else {"loudness": loudness}
    artists = [each.get("name") for each in objects_of(song, "artists")]
    genres = [each.get("name") for each in objects_of(song, "genres")]
    values = {
        "title": text_of(song.get("title")),
        "artists": texts_of(artists) or texts_of([song.get("artist")]),
        "duration_ms": (number_of(song.get("duration")) or 0.0) * 1000,
        "album": text_of(song.get("album")),
        "release_date": date_of(song.get("year")),
        "genres": genres_of(genres) or genres_of(song.get("genre")),
        "ids": ids_of(
            (
                (ISRC, song.get("isrc")),
                (RECORDING, song.get("musicBrainzId")),
                (ARTIST, [each.get("musicBrainzId") for each in objects_of(song, "artists")]),
            )
        ),
        "features": features,
        "size": _whole(song.get("size")),
        "groups": _groups(song),
    }
    return make_song(text_of(song["id"]), values, _listening(song))


def _groups(song: Mapping[str, Any]) -> tuple[Group, ...]:
    """List the artists and the album of a song by the server's ids."""
    named = [each for each in objects_of(song, "artists") if text_of(each.get("id"))]
    artists = named or [{"id": song.get("artistId"), "name": song.get("artist")}]
    return groups_of(
        ((each.get("id"), each.get("name")) for each in artists),
        (song.get("albumId"), song.get("album")),
    )


def _listening(song: Mapping[str, Any]) -> Listening:
    stars, plays = _whole(song.get("userRating")) or 0, _whole(song.get("playCount")) or 0
    starred_at = text_of(song.get("starred"))[:40]
    return Listening(
        starred=bool(starred_at),
        starred_at=starred_at,
        rating=stars if 1 <= stars <= 5 else 0,
        plays=plays,
        played_at=text_of(song.get("played"))[:40] if plays else "",
    )


def _whole(value: object) -> int | None:
    number = number_of(value)
    return int(number) if number is not None and number >= 0 else None
