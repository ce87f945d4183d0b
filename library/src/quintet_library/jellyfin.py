"""A Jellyfin server, by its documented HTTP API (api.jellyfin.org)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quintet_access.media_servers import jellyfin_authorization
from quintet_text.track_ids import ARTIST, ISRC, RECORDING, RELEASE

from quintet_library.http import ServerClient
from quintet_library.records import (
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
    make_song,
    number_of,
    text_of,
    texts_of,
)

PAGE: Final = 500
# A tick is 100 nanoseconds.
_TICKS_PER_MS: Final = 10_000
_FIELDS: Final = "ProviderIds,Genres"


@dataclass(frozen=True)
class JellyfinReader:
    """Reads the songs and playlists of a server.

    Attributes:
        client: Of the server's address.
        user: Name of a user, whose favourites, play counts and playlists are read too; empty to
            read the songs alone with an API key.
        secret: The user's password, or the API key.
    """

    client: ServerClient
    user: str
    secret: str = field(repr=False)

    def check(self) -> None:
        """Check that the server answers, and that it accepts the user or the key.

        Raises:
            SourceFailed: With the reason and the way out.
        """
        signed, user = self.signed_in()
        self._items(signed, user, 0, 1, "Audio")

    def pages(self, start: str = "") -> Iterator[Page]:
        """Read all songs, or those from a place on.

        Raises:
            SourceFailed: The server cannot be reached, denies the user, or answers otherwise.
        """
        signed, user = self.signed_in()
        offset = int(start or 0)
        while True:
            songs, total = self._items(signed, user, offset, PAGE, "Audio")
            if not songs:
                return
            offset += len(songs)
            items = {text_of(song.get("Id")): song for song in songs if song.get("Id")}
            share = min(1.0, offset / total) if total else None
            yield Page([song_of(song) for song in items.values()], share, str(offset))
            if offset >= total:
                return

    def playlists(self) -> Iterator[SourcePlaylist]:
        """Read the playlists that the user may see; none with an API key.

        Raises:
            SourceFailed: As `pages`.
        """
        if not self.user:
            return
        signed, user = self.signed_in()
        for each in every(lambda start: self._items(signed, user, start, PAGE, "Playlist")):
            playlist_id = text_of(each.get("Id"))
            path = f"Playlists/{playlist_id}/Items"
            ids = [
                text_of(entry.get("Id"))
                for entry in every(lambda start, path=path: self.entries(signed, user, path, start))
                if entry.get("Type", "Audio") == "Audio"
            ]
            yield SourcePlaylist(playlist_id, text_of(each.get("Name")), [*filter(None, ids)])

    def signed_in(self) -> tuple[ServerClient, str]:
        """Sign in, and give a client with the token, and the user's id."""
        client = self.client
        if not self.user:
            return self._with_token(self.secret), ""
        asking = client.with_headers({"authorization": jellyfin_authorization()})
        answer = asking.post("Users/AuthenticateByName", {"Username": self.user, "Pw": self.secret})
        token, user = answer.get("AccessToken"), answer.get("User")
        if not isinstance(token, str) or not isinstance(user, dict) or not user.get("Id"):
            raise SourceFailed(f"{client.name} at {client.host} did not answer as Jellyfin does")
        return self._with_token(token), text_of(user["Id"])

    def _with_token(self, token: str) -> ServerClient:
        client = self.client
        try:
            return client.with_headers({"authorization": jellyfin_authorization(token)})
        except ValueError as fault:
            raise SourceFailed(f"{client.name} at {client.host}: {fault}") from None

    def _items(
        self, client: ServerClient, user: str, start: int, limit: int, kind: str
    ) -> tuple[list[dict[str, Any]], int]:
        parameters = {
            "recursive": "true",
            "includeItemTypes": kind,
            "startIndex": start,
            "limit": limit,
            "fields": _FIELDS,
            # An order that does not change while songs are added.
            "sortBy": "DateCreated,SortName",
            "enableImages": "false",
        }
        if user:
            parameters |= {"userId": user, "enableUserData": "true"}
        return _listed(client, client.get("Items", parameters))

    def entries(
        self, client: ServerClient, user: str, path: str, start: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Read one page of a playlist's entries, and how many it has in all."""
        parameters = {"userId": user, "startIndex": start, "limit": PAGE}
        return _listed(client, client.get(path, parameters))


def _listed(client: ServerClient, answer: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    items, total = answer.get("Items"), answer.get("TotalRecordCount")
    if not isinstance(items, list) or not isinstance(total, int):
        raise SourceFailed(f"{client.name} at {client.host} did not answer as Jellyfin does")
    return [each for each in items if isinstance(each, dict)], total


def every(page: Any) -> Iterator[dict[str, Any]]:
    """Read page after page until all are read, or one is empty."""
    start = 0
    while True:
        items, total = page(start)
        yield from items
        start += len(items)
        if not items or start >= total:
            return


def song_of(song: Mapping[str, Any]) -> Song | Rejected:
    """Make a song of a `BaseItemDto` of type Audio."""
    found = {str(name).lower(): value for name, value in _object(song.get("ProviderIds")).items()}
    data = _object(song.get("UserData"))
    values = {
        "title": text_of(song.get("Name")),
        "artists": texts_of(song.get("Artists")) or texts_of([song.get("AlbumArtist")]),
        "duration_ms": (number_of(song.get("RunTimeTicks")) or 0.0) / _TICKS_PER_MS,
        "album": text_of(song.get("Album")),
        "release_date": date_of(song.get("PremiereDate")) or date_of(song.get("ProductionYear")),
        "genres": genres_of(song.get("Genres") or ()),
        "ids": ids_of(
            (
                # MusicBrainzTrack is the id of a track on a release and not of a recording.
                (RECORDING, found.get("musicbrainzrecording")),
                (RELEASE, found.get("musicbrainzalbum")),
                (ARTIST, found.get("musicbrainzartist")),
                (ISRC, found.get("isrc")),
            )
        ),
        "groups": groups_of(
            ((each.get("Id"), each.get("Name")) for each in _artists(song)),
            (song.get("AlbumId"), song.get("Album")),
        ),
    }
    # Paths are those of the server's machine, so they are left out.
    listening = Listening(
        starred=data.get("IsFavorite") is True,
        plays=max(0, int(number_of(data.get("PlayCount")) or 0)),
        played_at=text_of(data.get("LastPlayedDate"))[:40],
    )
    return make_song(text_of(song.get("Id")), values, listening)


def _artists(song: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = song.get("ArtistItems") or song.get("AlbumArtists")
    return [_object(each) for each in items] if isinstance(items, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
