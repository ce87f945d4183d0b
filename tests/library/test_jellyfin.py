"""Jellyfin: against a stand-in that speaks its documented HTTP API; no real server was tried."""

import pytest
from quintet_library import jellyfin
from quintet_library.http import Limits, ServerClient
from quintet_library.jellyfin import JellyfinReader
from quintet_library.records import Listening, Song, SourceFailed

from tests.fakes.web_server import Answer, Request, web_server
from tests.known_secrets import known

PASSWORD = known("a password of Jellyfin")
KEY = "0123456789abcdef0123456789abcdef"
SONG = {
    "Id": "j1",
    "Type": "Audio",
    "Name": "One",
    "Artists": ["Ann", "Bob"],
    "AlbumArtist": "Ann",
    "Album": "First",
    "PremiereDate": "2026-03-01T00:00:00.0000000Z",
    "ProductionYear": 2026,
    "Genres": ["rock", "folk"],
    "RunTimeTicks": 2_010_000_000,
    "Path": "/server/music/one.flac",
    "ProviderIds": {
        "MusicBrainzRecording": "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1",
        "MusicBrainzTrack": "11111111-5b0c-4d0b-8c0f-0f5bd1a0c9d1",
        "MusicBrainzAlbum": "22222222-5b0c-4d0b-8c0f-0f5bd1a0c9d1",
    },
    "UserData": {"PlayCount": 4, "IsFavorite": True, "LastPlayedDate": "2026-02-01T10:00:00Z"},
}


class StandIn:
    """Answers /Users/AuthenticateByName, /Items and /Playlists/{id}/Items as documented."""

    def __init__(self, songs: list[dict]) -> None:
        self.songs = songs

    def __call__(self, request: Request) -> Answer:
        authorization = request.headers["authorization"]
        assert authorization.startswith('MediaBrowser Client="Quintet", Device=')
        if request.path == "/Users/AuthenticateByName":
            assert request.method == "POST"
            if request.body != {"Username": "ann", "Pw": PASSWORD}:
                return Answer({}, 401)
            return Answer({"AccessToken": KEY, "User": {"Id": "u1", "Name": "ann"}})
        if not authorization.endswith(f', Token="{KEY}"'):
            return Answer({}, 401)
        return self._listed(request)

    def _listed(self, request: Request) -> Answer:
        start, limit = int(request.query["startIndex"]), int(request.query["limit"])
        if request.path == "/Playlists/p1/Items":
            items = [{"Id": song["Id"], "Type": "Audio"} for song in reversed(self.songs)]
            items.append({"Id": "clip", "Type": "MusicVideo"})
        elif request.query["includeItemTypes"] == "Playlist":
            items = [{"Id": "p1", "Name": "Road"}]
        else:
            assert request.query["recursive"] == "true"
            items = self.songs
            if "userId" not in request.query:
                items = [{k: v for k, v in each.items() if k != "UserData"} for each in items]
        return Answer({"Items": items[start : start + limit], "TotalRecordCount": len(items)})


def reader_of(address: str, user: str = "ann", secret: str = PASSWORD) -> JellyfinReader:
    client = ServerClient(address, "the Jellyfin server", Limits(wait=lambda seconds: None))
    return JellyfinReader(client, user, secret)


def songs_of(reader: JellyfinReader) -> list[Song]:
    return [item for p in reader.pages() for item in p.items if isinstance(item, Song)]


def test_a_song_keeps_what_the_server_says():
    with web_server(StandIn([SONG])) as web:
        (song,) = songs_of(reader_of(web.address))
    item = song.item
    assert (item.item_id, item.title, item.artists) == ("j1", "One", ("Ann", "Bob"))
    assert (item.album, item.release_date, item.genres) == ("First", "2026-03-01", ("rock", "folk"))
    assert item.duration_ms == 201_000
    # A path on the server's machine is no file of this one.
    assert item.path == ""
    # MusicBrainzTrack names a track on a release, and not a recording.
    assert item.ids == (
        ("musicbrainz_recording", "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1"),
        ("musicbrainz_release", "22222222-5b0c-4d0b-8c0f-0f5bd1a0c9d1"),
    )
    assert song.listening == Listening(starred=True, plays=4, played_at="2026-02-01T10:00:00Z")


def test_all_pages_and_playlists_are_read(monkeypatch):
    monkeypatch.setattr(jellyfin, "PAGE", 3)
    with web_server(StandIn([{**SONG, "Id": f"j{n}"} for n in range(7)])) as web:
        reader = reader_of(web.address)
        pages = list(reader.pages())
        (playlist,) = reader.playlists()
    assert [page.share for page in pages] == [pytest.approx(n / 7) for n in (3, 6, 7)]
    assert (playlist.playlist_id, playlist.name) == ("p1", "Road")
    assert playlist.item_ids == [f"j{n}" for n in reversed(range(7))]


def test_a_key_reads_songs_alone():
    with web_server(StandIn([SONG])) as web:
        reader = reader_of(web.address, "", KEY)
        reader.check()
        (song,) = songs_of(reader)
        assert list(reader.playlists()) == []
    assert song.listening == Listening()


@pytest.mark.parametrize(("user", "secret"), [("ann", "wrong"), ("bob", PASSWORD), ("", "f" * 32)])
def test_a_wrong_password_or_key_is_denied(user, secret):
    with web_server(StandIn([])) as web, pytest.raises(SourceFailed, match="denied the user"):
        reader_of(web.address, user, secret).check()


def test_a_key_that_would_change_the_header_is_not_sent():
    with web_server(StandIn([])) as web:
        with pytest.raises(SourceFailed, match="characters that none has"):
            reader_of(web.address, "", 'x"\r\nHost: other').check()
        assert web.requests == []


def test_another_server_is_recognised():
    with (
        web_server(lambda _: Answer({"Items": "none"})) as web,
        pytest.raises(SourceFailed, match="did not answer as Jellyfin does"),
    ):
        reader_of(web.address, "", KEY).check()
