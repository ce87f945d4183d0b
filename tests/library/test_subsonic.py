"""Subsonic: against supysonic where it is installed, and a stand-in for what that lacks."""

import hashlib
from pathlib import Path

import pytest
from quintet_library import subsonic
from quintet_library.http import Limits, ServerClient
from quintet_library.records import Listening, Rejected, Song, SourceFailed
from quintet_library.subsonic import SubsonicReader

from tests.fakes.web_server import Answer, Request, web_server
from tests.known_secrets import known
from tests.library.real_servers import PASSWORD, USER, installed, supysonic, wav

SECRET = known("sesame for a stand-in of Subsonic")
CHILD = {
    "id": "s1",
    "title": "One",
    "artist": "Ann & Bob",
    "artists": [{"name": "Ann", "musicBrainzId": "a" * 8}, {"name": "Bob"}],
    "album": "First",
    "year": 2026,
    "genre": "rock",
    "genres": [{"name": "rock"}, {"name": "folk"}],
    "duration": 201,
    "size": 12345,
    "bpm": 128,
    "isrc": ["GBAYE0601498"],
    "musicBrainzId": "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1",
    "replayGain": {"trackGain": -7.2},
    "starred": "2026-01-02T03:04:05Z",
    "userRating": 5,
    "playCount": 7,
    "played": "2026-02-02T03:04:05Z",
}


def reader_of(address: str, password: str = SECRET, *, plain: bool = False) -> SubsonicReader:
    client = ServerClient(address, "the Subsonic server", Limits(wait=lambda seconds: None))
    return SubsonicReader(client, USER, password, plain)


class StandIn:
    """Answers as OpenSubsonic does, and checks each request's token."""

    def __init__(self, songs: list[dict], *, search: bool = True) -> None:
        self.songs, self.search = songs, search
        self.error: dict | None = None

    def __call__(self, request: Request) -> Answer:
        query = request.query
        wanted = hashlib.md5(f"{SECRET}{query['s']}".encode()).hexdigest()
        assert {query["v"], query["c"], query["f"]} == {"1.16.1", "quintet", "json"}
        if query["u"] != USER or query["t"] != wanted:
            return self._failed(40, "Wrong username or password")
        if self.error:
            return self._failed(**self.error)
        return Answer({"subsonic-response": {"status": "ok", **self._body(request.path, query)}})

    def _failed(self, code: int, message: str) -> Answer:
        error = {"code": code, "message": message}
        return Answer({"subsonic-response": {"status": "failed", "error": error}})

    def _body(self, path: str, query) -> dict:
        if path == "/music/rest/search3.view":
            start = int(query["songOffset"])
            found = self.songs[start : start + int(query["songCount"])] if self.search else []
            return {"searchResult3": {"song": found} if found else {}}
        if path == "/music/rest/getAlbumList2.view":
            albums = sorted({song["album"] for song in self.songs})[int(query["offset"]) :]
            return {"albumList2": {"album": [{"id": name} for name in albums]}}
        if path == "/music/rest/getAlbum.view":
            songs = [song for song in self.songs if song["album"] == query["id"]]
            return {"album": {"song": songs}}
        if path == "/music/rest/getPlaylists.view":
            return {"playlists": {"playlist": {"id": "p1", "name": "Road"}}}
        if path == "/music/rest/getPlaylist.view":
            return {"playlist": {"entry": [{"id": "s1"}, {"id": "s2"}]}}
        assert path == "/music/rest/ping.view"
        return {}


def songs_of(reader: SubsonicReader) -> list[Song]:
    found = [item for page in reader.pages() for item in page.items]
    assert all(isinstance(item, Song) for item in found)
    return [item for item in found if isinstance(item, Song)]


def test_a_song_keeps_what_opensubsonic_says():
    with web_server(StandIn([CHILD])) as web:
        (song,) = songs_of(reader_of(f"{web.address}/music"))
    item = song.item
    assert (item.item_id, item.title, item.artists) == ("s1", "One", ("Ann", "Bob"))
    assert (item.album, item.release_date, item.genres) == ("First", "2026", ("rock", "folk"))
    assert (item.duration_ms, item.size, item.path) == (201_000, 12345, "")
    assert item.features == {"tempo": 128, "loudness": -10.8}
    assert item.ids == (
        ("isrc", "GBAYE0601498"),
        ("musicbrainz_recording", "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1"),
        ("musicbrainz_artist", "a" * 8),
    )
    assert song.listening == Listening(
        starred=True,
        starred_at="2026-01-02T03:04:05Z",
        rating=5,
        plays=7,
        played_at="2026-02-02T03:04:05Z",
    )


@pytest.mark.parametrize("search", [True, False])
def test_all_pages_are_read_by_search_or_by_albums(search, monkeypatch):
    monkeypatch.setattr(subsonic, "PAGE", 3)
    songs = [{**CHILD, "id": f"s{n}", "album": f"album {n % 4}"} for n in range(8)]
    with web_server(StandIn(songs, search=search)) as web:
        found = songs_of(reader_of(f"{web.address}/music"))
    assert sorted(song.item.item_id for song in found) == [f"s{n}" for n in range(8)]


def test_playlists_are_read_with_their_songs_in_order():
    with web_server(StandIn([])) as web:
        (playlist,) = reader_of(f"{web.address}/music").playlists()
    assert (playlist.playlist_id, playlist.name, playlist.item_ids) == ("p1", "Road", ["s1", "s2"])


def test_songs_without_artist_or_length_are_rejected_and_videos_left_out():
    bad = [{**CHILD, "id": "a", "artist": "", "artists": []}, {**CHILD, "id": "b", "duration": 0}]
    with web_server(StandIn([*bad, {**CHILD, "id": "v", "isVideo": True}, {"title": "x"}])) as web:
        found = [item for p in reader_of(f"{web.address}/music").pages() for item in p.items]
    assert [(each.item_id, each.reason[:9]) for each in found if isinstance(each, Rejected)] == [
        ("a", "artists: "),
        ("b", "duration:"),
    ]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"code": 41, "message": "LDAP"}, "--send-password"),
        ({"code": 50, "message": "no\x1b right"}, "answered ping with error 50: no  right"),
    ],
)
def test_errors_of_the_server_are_one_line(error, message):
    answers = StandIn([])
    answers.error = error
    with web_server(answers) as web, pytest.raises(SourceFailed) as failed:
        reader_of(f"{web.address}/music").check()
    assert message.replace("  ", " ") in str(failed.value).replace("  ", " ")


def test_a_wrong_password_is_named_without_it():
    with web_server(StandIn([])) as web, pytest.raises(SourceFailed) as failed:
        reader_of(f"{web.address}/music", "a wrong one").check()
    assert "denied the user 'ann' or the password" in str(failed.value)
    assert "a wrong one" not in repr(failed.value) + repr(reader_of(web.address))


def test_another_server_is_recognised():
    with web_server(lambda _: Answer({"hello": 1})) as web, pytest.raises(SourceFailed) as failed:
        reader_of(web.address).check()
    assert "does not speak Subsonic" in str(failed.value)


def test_every_request_has_its_own_salt_and_never_the_password():
    with web_server(StandIn([CHILD])) as web:
        reader = reader_of(f"{web.address}/music")
        reader.check()
        songs_of(reader)
        queries = [request.query for request in web.requests]
    assert len({query["s"] for query in queries}) == len(queries) > 1
    assert all(SECRET not in value for query in queries for value in query.values())


@installed
def test_a_real_server_gives_songs_stars_ratings_and_playlists(tmp_path: Path):
    music = tmp_path / "music"
    for number, name in enumerate(("One", "Two", "Three")):
        fields = {"title": name, "artists": "Ann", "album": "First", "genres": "rock"}
        wav(music / f"{name}.wav", 1.0 + number, 200 + 100 * number, date="2025", **fields)
    with supysonic(music, tmp_path / "state") as address:
        with pytest.raises(SourceFailed, match="--send-password"):
            reader_of(address, PASSWORD).check()
        with pytest.raises(SourceFailed, match="denied the user"):
            reader_of(address, "wrong", plain=True).check()
        reader = reader_of(address, PASSWORD, plain=True)
        reader.check()
        ids = {song.item.title: song.item.item_id for song in songs_of(reader)}
        assert set(ids) == {"One", "Two", "Three"}
        reader.ask("star", id=ids["One"])
        reader.ask("setRating", id=ids["Two"], rating=2)
        reader.client.get(
            "rest/createPlaylist.view",
            {**reader.credentials(), "name": "Road", "songId": [ids["Two"], ids["One"]]},
        )
        songs = {song.item.title: song for song in songs_of(reader)}
        (playlist,) = reader.playlists()
    assert (playlist.name, playlist.item_ids) == ("Road", [ids["Two"], ids["One"]])
    one, two, three = (songs[name] for name in ("One", "Two", "Three"))
    assert one.item.artists == ("Ann",)
    assert {(group.kind, group.name) for group in one.item.groups} == {
        ("artist", "Ann"),
        ("album", "First"),
    }
    assert len({group for song in songs.values() for group in song.item.groups}) == 2
    assert (three.item.duration_ms, three.item.album, three.item.genres) == (
        3000,
        "First",
        ("rock",),
    )
    assert one.listening is not None
    assert one.listening.starred
    assert one.listening.starred_at.startswith("20")
    assert two.listening == Listening(rating=2)
