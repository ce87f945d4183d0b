"""Saved lists become playlists: of a real supysonic, of folders, and of a stand-in of Jellyfin."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from quintet_library.http import ServerClient
from quintet_library.pushing import Action, PushReport, push_list, write_listenbrainz
from quintet_library.pushing.folder_target import file_stem
from quintet_library.records import SourceFailed
from quintet_library.subsonic import SubsonicReader
from quintet_library.sync import sync_source
from quintet_settings import sqlite_url
from quintet_store import open_engine, reading, writing
from quintet_store.playlists import playlist_sources
from quintet_store.saved_lists import SavedList, delete_list, find_list, save_list
from quintet_store.source_items import remove_source
from quintet_store.sources import SourceInvalid, SourceSpec
from quintet_training.settings import TrainingSettings
from sqlalchemy import Connection

from tests.fakes.own_music import own_item, store
from tests.fakes.web_server import Answer, Request, web_server
from tests.known_secrets import known
from tests.library.real_servers import PASSWORD, USER, installed, supysonic, wav

KEY = "0123456789abcdef0123456789abcdef"
SECRET = known("a password of Jellyfin that may write")


@dataclass
class Home:
    """A home with one source, whose items are tracks."""

    settings: TrainingSettings
    source: str
    tracks: dict[str, str]
    empty: ClassVar[Path]

    def save(self, name: str, *items: str, list_id: str = "") -> SavedList:
        with self.writing() as connection:
            ids = [self.tracks.get(item, item) for item in items]
            return save_list(connection, name, ids, list_id=list_id)

    def push(self, saved: SavedList, **more: Any) -> PushReport:
        return push_list(self.settings, saved, self.source, **more)

    def writing(self) -> Any:
        return writing(open_engine(self.settings.database_url))


@pytest.fixture(scope="module", autouse=True)
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A database with its schema and nothing else, since migrating takes most of a second."""
    Home.empty = tmp_path_factory.mktemp("migrated") / "quintet.db"
    open_engine(sqlite_url(Home.empty)).dispose()


def home_of(tmp_path: Path, spec: SourceSpec, items: list[Any]) -> Home:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(Home.empty, home / "quintet.db")
    tracks = store(home, spec, items)
    url = sqlite_url(home / "quintet.db")
    return Home(TrainingSettings(home=home, database_url=url), spec.name, tracks)


# --- A Subsonic server -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("supysonic")
    for number in range(4):
        wav(folder / "m" / f"{number}.wav", 1, 200 + number, title=f"Song {number}", artist="Ann")
    with supysonic(folder / "m", folder / "state") as address:
        yield address


@pytest.fixture
def subsonic(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MUSIC_PASSWORD", PASSWORD)
    options = {"user": USER, "send_password": True}
    spec = SourceSpec("home", "subsonic", server, options, "env:MUSIC_PASSWORD")
    home = home_of(tmp_path, spec, [])
    sync_source(home.settings, "home")
    with reading(open_engine(home.settings.database_url)) as connection:
        query = "SELECT t.title, t.track_id FROM tracks t"
        home.tracks = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
    return home


def reader_at(address: str) -> SubsonicReader:
    return SubsonicReader(ServerClient(address, "the server"), USER, PASSWORD, True)


def titles(reader: SubsonicReader, name: str) -> list[list[str]]:
    """The titles in each playlist of a name."""
    listed = reader.ask("getPlaylists")["playlists"].get("playlist", [])
    return [
        [e["title"] for e in reader.ask("getPlaylist", id=p["id"])["playlist"].get("entry", [])]
        for p in listed
        if p["name"] == name
    ]


@installed
def test_a_server_gets_one_playlist_which_the_next_push_updates(server: str, subsonic: Home):
    reader = reader_at(server)
    reader.ask("createPlaylist", name="Evening", songId=[_song(reader, "Song 3")])
    saved = subsonic.save("Evening", "Song 2", "Song 0", "elsewhere")
    tried = subsonic.push(saved, dry_run=True)
    assert (tried.action, tried.songs, tried.remote_id) == (Action.CREATED, 2, "")
    assert titles(reader, "Evening") == [["Song 3"]]

    first = subsonic.push(saved)
    assert (first.action, first.songs) == (Action.CREATED, 2)
    assert [(m.track_id, m.reason) for m in first.missing] == [
        ("elsewhere", "the catalogue no longer has it")
    ]
    # The playlist of the same name that a person made is not touched.
    assert sorted(titles(reader, "Evening")) == [["Song 2", "Song 0"], ["Song 3"]]
    assert subsonic.push(saved).action is Action.UNCHANGED

    more = subsonic.save("Night", "Song 1", "Song 2", "Song 3", list_id=saved.list_id)
    second = subsonic.push(more)
    assert (second.action, second.remote_id) == (Action.UPDATED, first.remote_id)
    assert titles(reader, "Night") == [["Song 1", "Song 2", "Song 3"]]
    assert titles(reader, "Evening") == [["Song 3"]]
    # A sync does not take it for a playlist that a person put together.
    sync_source(subsonic.settings, "home")
    with reading(open_engine(subsonic.settings.database_url)) as connection:
        assert sum(origin.playlists for origin in playlist_sources(connection)) == 1


@installed
def test_what_a_person_does_with_the_playlist_is_kept_or_said(server: str, subsonic: Home):
    reader = reader_at(server)
    saved = subsonic.save("Walk", "Song 0", "Song 1")
    made = subsonic.push(saved)
    reader.ask("updatePlaylist", playlistId=made.remote_id, name="My walk", songIndexToRemove=0)
    longer = subsonic.save("Walk 2", "Song 2", "Song 1", list_id=saved.list_id)
    for expected in (Action.UPDATED, Action.UNCHANGED):
        again = subsonic.push(longer)
        assert (again.action, again.name, again.remote_id) == (expected, "My walk", made.remote_id)
        assert any("renamed to 'My walk'" in note for note in again.notes)
    assert titles(reader, "My walk") == [["Song 2", "Song 1"]]

    reader.ask("deletePlaylist", id=made.remote_id)
    anew = subsonic.push(longer)
    assert (anew.action, anew.name) == (Action.CREATED, "Walk 2")
    assert "was deleted there" in anew.notes[0]
    assert subsonic.push(longer).notes == []

    # Without its row, the playlist is found by its comment: no second one is made.
    with subsonic.writing() as connection:
        delete_list(connection, saved.list_id)
    back = subsonic.save("Walk 2", "Song 3", list_id=saved.list_id)
    assert subsonic.push(back).remote_id == anew.remote_id

    # A playlist that lost both the name and the comment is another person's by now.
    reader.ask("updatePlaylist", playlistId=anew.remote_id, name="Theirs", comment="mine now")
    other = subsonic.push(back)
    assert other.remote_id != anew.remote_id
    assert "is another playlist now" in other.notes[0]
    assert titles(reader, "Theirs") == [["Song 3"]]


@installed
def test_songs_that_the_server_lost_since_the_sync_are_named(server: str, subsonic: Home):
    lost = "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1"
    with subsonic.writing() as connection:
        _point_at(connection, subsonic.tracks["Song 1"], lost)
    saved = subsonic.save("Lost", "Song 0", "Song 1", "Song 2")
    done = subsonic.push(saved)
    assert (done.songs, [m.title for m in done.missing]) == (2, ["Song 1"])
    assert "no longer has it" in done.missing[0].reason
    assert titles(reader_at(server), "Lost") == [["Song 0", "Song 2"]]


def _song(reader: SubsonicReader, title: str) -> str:
    return reader.ask("search3", query=title)["searchResult3"]["song"][0]["id"]


def _point_at(connection: Connection, track_id: str, item_id: str) -> None:
    connection.exec_driver_sql(
        "UPDATE track_sources SET item_id = ? WHERE track_id = ?", (item_id, track_id)
    )


def test_a_long_list_is_sent_in_parts_and_only_appending_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_PASSWORD", known("a password of a stand-in"))
    songs = [f"s{number}" for number in range(250)]
    sent: list[tuple[str, int]] = []
    there: dict[str, Any] = {"id": "p1", "name": "", "comment": "", "entry": []}

    def answer(request: Request) -> Answer:
        method = request.path.removeprefix("/rest/").removesuffix(".view")
        asked = request.queries
        ids = asked.get("songId", asked.get("songIdToAdd", []))
        sent.append((method, len(ids)))
        if method == "createPlaylist":
            there["entry"] = []
        there["name"] = asked.get("name", [there["name"]])[0]
        there["comment"] = asked.get("comment", [there["comment"]])[0]
        there["entry"] += [{"id": song} for song in ids]
        lists = {"playlist": there} if method in ("createPlaylist", "getPlaylist") else {}
        return Answer({"subsonic-response": {"status": "ok", **lists}})

    with web_server(answer) as web:
        spec = SourceSpec("home", "subsonic", web.address, {"user": "ann"}, "env:MUSIC_PASSWORD")
        home = home_of(tmp_path, spec, [own_item(song) for song in songs])
        report = home.push(home.save("Long", *songs))
    assert (report.songs, report.missing) == (250, [])
    assert [each["id"] for each in there["entry"]] == songs
    assert [n for method, n in sent if n] == [100, 100, 50]


# --- A folder ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Home:
    root = tmp_path / "music"
    odd = os.fsdecode(b"M\xfcll/\xe9.mp3")
    names = ["Ann/One.mp3", "Björk/두 번째 노래.flac", "#hash.ogg", odd, "Ann/gone.mp3"]
    for name in names[:-1]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    items = [own_item(f"i{n}", str(root / name)) for n, name in enumerate(names)]
    outside = own_item("i5", str(tmp_path / "other" / "x.mp3"))
    broken = own_item("i6", str(root / "line\nbreak.mp3"))
    (root / "line\nbreak.mp3").write_bytes(b"")
    return home_of(tmp_path, SourceSpec("music", "folder", str(root)), [*items, outside, broken])


def paths_in(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_a_folder_gets_a_file_with_relative_paths(folder: Home, tmp_path: Path):
    root = tmp_path / "music"
    report = folder.push(folder.save("Morning: 아침", *(f"i{n}" for n in range(7))))
    assert (report.action, report.remote_id) == (Action.CREATED, "Morning_ 아침.m3u8")
    assert paths_in(root / report.remote_id) == [
        "Ann/One.mp3",
        "Björk/두 번째 노래.flac",
        "./#hash.ogg",
    ]
    assert {m.title: m.reason for m in report.missing} == {
        "i3": "the path of its file is not UTF-8, which M3U8 needs",
        "i4": "its file is gone since the last sync",
        "i5": "its file is outside of the folder",
        "i6": "the path of its file has a line break, which ends an entry of M3U8",
    }
    assert all((root / path).is_file() for path in paths_in(root / report.remote_id))
    assert folder.push(folder.save("x", "i0")).remote_id == "x.m3u8"


def test_a_folder_s_other_files_are_never_written(folder: Home, tmp_path: Path):
    root, outside = tmp_path / "music", tmp_path / "outside.m3u8"
    outside.write_text("theirs")
    (root / "Mine.m3u8").write_text("#EXTM3U\nAnn/One.mp3\n")
    (root / "Mine 2.m3u8").symlink_to(outside)
    saved = folder.save("Mine", "i0", "i1")
    made = folder.push(saved)
    assert made.remote_id == "Mine 3.m3u8"
    assert folder.push(saved).action is Action.UNCHANGED
    assert folder.push(folder.save("../../up/..", "i0")).remote_id == "_.._up_.m3u8"

    # Renamed by a person: it is found by its mark, and keeps that name.
    (root / made.remote_id).rename(root / "Theirs.m3u8")
    moved = folder.push(folder.save("Mine", "i1", list_id=saved.list_id))
    assert (moved.action, moved.remote_id) == (Action.UPDATED, "Theirs.m3u8")
    assert "renamed to 'Theirs'" in moved.notes[0]
    assert paths_in(root / "Theirs.m3u8") == ["Björk/두 번째 노래.flac"]
    # Another name of the list, in turn, renames the file.
    other = folder.save("Other", "i0")
    folder.push(other)
    assert folder.push(folder.save("New", "i0", list_id=other.list_id)).remote_id == "New.m3u8"
    assert not (root / "Other.m3u8").exists()

    assert outside.read_text() == "theirs"
    assert (root / "Mine.m3u8").read_text() == "#EXTM3U\nAnn/One.mp3\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["outside.m3u8"]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "x" * 200, "가" * 200, "CON:<>|", " "])
def test_every_name_makes_a_plain_file_name(name: str):
    stem = file_stem(name)
    assert stem
    assert not stem.startswith(".")
    assert "/" not in stem
    assert len(stem.encode()) <= 180


@pytest.mark.usefixtures("without_rights_of_root")
def test_a_folder_that_cannot_be_written_is_one_line(folder: Home, tmp_path: Path):
    (tmp_path / "music").chmod(0o500)
    with pytest.raises(SourceFailed, match="must be allowed to write"):
        folder.push(folder.save("x", "i0"))


def test_what_cannot_hold_the_list_is_said(folder: Home, tmp_path: Path):
    saved = folder.save("Nothing", "i4", "i5")
    with pytest.raises(SourceFailed, match=r"has none of the 2 tracks of 'Nothing'"):
        folder.push(saved)
    with pytest.raises(SourceInvalid, match="there is no source"):
        push_list(folder.settings, saved, "nowhere")
    store(folder.settings.home, SourceSpec("beets", "beets", "/x/library.db"), [])
    with pytest.raises(SourceInvalid, match="which holds no playlists"):
        push_list(folder.settings, saved, "beets")
    shutil.rmtree(tmp_path / "music")
    with pytest.raises(SourceFailed, match="is the disk mounted"):
        folder.push(saved)
    # With the source, what is known of its playlists goes, and the list stays.
    with folder.writing() as connection:
        remove_source(connection, "music")
        found = find_list(connection, saved.list_id)
    assert found is not None
    assert found.pushes == ()


# --- Jellyfin ----------------------------------------------------------------------------------


class Jellyfin:
    """Answers what a push asks of Jellyfin 10.9, as api.jellyfin.org documents it."""

    def __init__(self) -> None:
        self.playlists: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        if request.path == "/Users/AuthenticateByName":
            return Answer({"AccessToken": KEY, "User": {"Id": "u1"}})
        assert request.headers["authorization"].endswith(f', Token="{KEY}"')
        body = request.body if isinstance(request.body, dict) else {}
        _, kind, *rest = request.path.split("/")
        if request.method == "POST" and not rest:
            assert (body["UserId"], body["MediaType"]) == ("u1", "Audio")
            number = f"p{len(self.playlists) + 1}"
            self.playlists[number] = body
            return Answer({"Id": number})
        playlist = self.playlists.get(rest[0])
        if playlist is None:
            return Answer({}, 404)
        if request.method == "POST":
            playlist |= body
            return Answer({}, 204)
        if kind == "Items":
            return Answer({"Name": playlist["Name"]})
        items = [{"Id": each, "Type": "Audio"} for each in playlist["Ids"]]
        return Answer({"Items": items, "TotalRecordCount": len(items)})


def test_jellyfin_gets_one_playlist_which_the_next_push_updates(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_PASSWORD", SECRET)
    server = Jellyfin()
    with web_server(server) as web:
        spec = SourceSpec("tv", "jellyfin", web.address, {"user": "ann"}, "env:MUSIC_PASSWORD")
        home = home_of(tmp_path, spec, [own_item("j1"), own_item("j2")])
        saved = home.save("Road", "j2", "j1")
        made = home.push(saved)
        assert (made.action, made.remote_id) == (Action.CREATED, "p1")
        assert home.push(saved).action is Action.UNCHANGED
        home.push(home.save("Road", "j1", list_id=saved.list_id))
        assert server.playlists["p1"]["Ids"] == ["j1"]
        del server.playlists["p1"]
        assert "was deleted there" in home.push(saved).notes[0]
        assert list(server.playlists) == ["p1"]


def test_a_jellyfin_key_has_no_user_to_own_a_playlist(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_KEY", KEY)
    spec = SourceSpec("tv", "jellyfin", "http://127.0.0.1:9", {}, "env:MUSIC_KEY")
    home = home_of(tmp_path, spec, [own_item("j1")])
    with pytest.raises(SourceFailed, match="add the source again with --user"):
        home.push(home.save("Road", "j1"))


# --- ListenBrainz ------------------------------------------------------------------------------


def test_listenbrainz_gets_the_recordings_and_no_other_file_is_replaced(tmp_path: Path):
    mbid = "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1"
    artist = "11111111-5b0c-4d0b-8c0f-0f5bd1a0c9d1"
    ids = (("musicbrainz_recording", mbid), ("musicbrainz_artist", artist))
    home = home_of(
        tmp_path,
        SourceSpec("music", "folder", str(tmp_path)),
        [own_item("i0", ids=ids), own_item("i1")],
    )
    file = tmp_path / "list.jspf"
    saved = home.save("Evening", "i0", "i1")
    assert write_listenbrainz(home.settings, saved, file, dry_run=True).action is Action.CREATED
    assert not file.exists()
    report = write_listenbrainz(home.settings, saved, file)
    assert (report.songs, [m.title for m in report.missing]) == (1, ["i1"])
    playlist = json.loads(file.read_text())["playlist"]
    assert playlist["extension"] == {"https://musicbrainz.org/doc/jspf#playlist": {"public": False}}
    (track,) = playlist["track"]
    assert track["identifier"] == [f"https://musicbrainz.org/recording/{mbid}"]
    assert track["extension"]["https://musicbrainz.org/doc/jspf#track"] == {
        "artist_identifiers": [f"https://musicbrainz.org/artist/{artist}"]
    }
    assert write_listenbrainz(home.settings, saved, file).action is Action.UNCHANGED
    file.write_text('{"playlist": {"creator": "someone", "track": []}}')
    with pytest.raises(SourceFailed, match="stays as it is"):
        write_listenbrainz(home.settings, saved, file)
    with pytest.raises(SourceFailed, match="tag the files"):
        write_listenbrainz(home.settings, home.save("No", "i1"), tmp_path / "no.jspf")
