"""Stars, ratings, plays and playlists become training data and a listener's memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from quintet_access.pseudonyms import Pseudonyms
from quintet_library import listening
from quintet_library.adding import add_source
from quintet_library.listening import Heard
from quintet_library.records import Listening
from quintet_library.sync import remove, sync_source
from quintet_settings import sqlite_url
from quintet_store import open_engine, reading, writing
from quintet_store.feedback import delete_listener, stamp
from quintet_store.listeners import read_signals
from quintet_store.sources import SourceSpec
from quintet_training.datasets.playlists import read_playlists
from quintet_training.settings import TrainingSettings

from tests.fakes.web_server import Answer, Request, Web, web_server

DAY = 1_767_312_000  # 2026-01-02T00:00:00Z


class StandIn:
    """A Subsonic server with some songs and one playlist, whatever the credentials."""

    def __init__(self) -> None:
        self.songs = {f"s{n}": self._song(n) for n in range(6)}
        self.playlists = {"p1": ["s3", "s1", "gone", "s3"]}

    def _song(self, number: int) -> dict:
        names = {"title": f"T{number}", "artist": f"A{number}", "album": "First"}
        return {"id": f"s{number}", "duration": 100 + 10 * number, **names}

    def __call__(self, request: Request) -> Answer:
        body: dict = {}
        if "search3" in request.path and request.query["songOffset"] == "0":
            body = {"searchResult3": {"song": list(self.songs.values())}}
        elif "getPlaylists" in request.path:
            body = {"playlists": {"playlist": [{"id": p, "name": "Road"} for p in self.playlists]}}
        elif "getPlaylist" in request.path:
            songs = self.playlists[request.query["id"]]
            body = {"playlist": {"entry": [{"id": song} for song in songs]}}
        return Answer({"subsonic-response": {"status": "ok", **body}})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingSettings:
    monkeypatch.setenv("MUSIC_PASSWORD", "sesame")
    return TrainingSettings(home=tmp_path, database_url=sqlite_url(tmp_path / "q.db"))


@pytest.fixture
def server(settings: TrainingSettings) -> Iterator[Web]:
    with web_server(StandIn()) as web:
        options = {"user": "ann", "listener": "listener-7"}
        spec = SourceSpec("nd", "subsonic", web.address, options, "env:MUSIC_PASSWORD")
        add_source(settings, spec)
        yield web


def playlists(settings: TrainingSettings) -> dict[str, list[str]]:
    """Playlists of the source as training reads them: the end of the id to titles."""
    titles = {}
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        for row in connection.exec_driver_sql("SELECT track_id, title FROM tracks"):
            titles[row[0]] = row[1]
    engine.dispose()
    found: dict[str, list[str]] = {}
    for playlist, _, track in read_playlists(settings).iter_rows():
        found.setdefault(playlist.removeprefix("source:nd:"), []).append(titles[track])
    return found


def memory(settings: TrainingSettings) -> list[tuple[str, int, int, str]]:
    """The signals of the listener: kind, seconds, plays, source."""
    engine = open_engine(settings.database_url)
    hashed = Pseudonyms.of(settings.home / "access").listener("listener-7")
    with reading(engine) as connection:
        found = [row[1:] for row in read_signals(connection, hashed)]
    engine.dispose()
    return sorted(found)


def test_playlists_are_training_data_and_follow_the_server(settings, server):
    report = sync_source(settings, "nd")
    assert report.playlists == 1
    # A song that the server no longer has is left out; training counts a song once.
    assert playlists(settings) == {"p1": ["T3", "T1"]}
    server.answer.playlists = {"p2": ["s2", "s0"]}
    sync_source(settings, "nd")
    assert playlists(settings) == {"p2": ["T2", "T0"]}
    assert +sync_source(settings, "nd").counts == {"unchanged": 6}
    remove(settings, "nd")
    assert playlists(settings) == {}


def test_stars_ratings_and_plays_are_kept_and_lifted(settings, server):
    songs = server.answer.songs
    songs["s0"] |= {"starred": "2026-01-02T00:00:00Z"}
    songs["s1"] |= {"userRating": 5, "playCount": 9, "played": "2026-01-02T00:10:00Z"}
    songs["s2"] |= {"userRating": 1, "playCount": 3, "played": "2026-01-02T00:30:00Z"}
    songs["s3"] |= {"playCount": 30, "played": "2026-01-02T02:00:00Z"}
    assert sync_source(settings, "nd").signals == 6
    assert memory(settings) == [
        ("dislike", DAY + 1800, 1, "nd"),
        ("like", DAY, 1, "nd"),
        ("like", DAY + 600, 1, "nd"),
        ("play", DAY + 600, 9, "nd"),
        ("play", DAY + 1800, 3, "nd"),
        ("play", DAY + 7200, 30, "nd"),
    ]
    found = playlists(settings)
    assert found["made:favourites"] == ["T0", "T1"]
    assert found["made:most-played"] == ["T3", "T1", "T2"]
    assert found[f"made:session:{DAY + 600}"] == ["T1", "T2"]
    del songs["s0"]["starred"]
    sync_source(settings, "nd")
    assert ("like", DAY, 1, "nd") not in memory(settings)
    assert "made:favourites" not in playlists(settings)


def test_a_deleted_listener_is_not_remembered_until_the_source_is_added_again(settings, server):
    server.answer.songs["s0"] |= {"starred": "2026-01-02T00:00:00Z"}
    sync_source(settings, "nd")
    assert len(memory(settings)) == 1
    engine = open_engine(settings.database_url)
    hashed = Pseudonyms.of(settings.home / "access").listener("listener-7")
    with writing(engine) as connection:
        delete_listener(connection, hashed, stamp(datetime.now(UTC)))
    engine.dispose()
    report = sync_source(settings, "nd")
    assert report.signals == 0
    assert "the listener of this source was deleted" in report.notes[0]
    assert memory(settings) == []


def test_what_is_heard_is_bounded_and_the_newest_stays(monkeypatch):
    monkeypatch.setattr(listening, "MOST_TRACKS", 3)
    monkeypatch.setattr(listening, "MOST_RECENT", 4)
    monkeypatch.setattr(listening, "MAX_SIGNALS", 5)
    heard = Heard()
    for number in range(50):
        at = f"2026-01-02T00:00:{number:02}Z"
        heard.add(f"t{number:02}", Listening(True, at, 0, 10 + number, at))
    made = {end: tracks for end, _, tracks in heard.playlists()}
    assert made["made:favourites"] == ["t49", "t48", "t47"]
    assert made["made:most-played"] == ["t49", "t48", "t47"]
    assert made[f"made:session:{DAY + 46}"] == ["t46", "t47", "t48", "t49"]
    assert {(track, kind) for _, _, track, kind, _ in heard.signals} == {
        (f"t{number}", "like") for number in range(45, 50)
    }
