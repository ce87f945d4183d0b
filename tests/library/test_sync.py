"""Bringing the catalogue in step with a folder: new, changed, moved, gone, killed and full."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from quintet_engine.catalogue import Catalogue
from quintet_engine.engine import Engine as RankingEngine
from quintet_engine.engine import Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, Seed, SeedKind
from quintet_library import folder, sync
from quintet_library.records import SourceFailed
from quintet_library.sync import SyncReport, remove, sources, sync_source
from quintet_library.tag_readers import TagReaders
from quintet_modelkit.snapshot import Snapshot
from quintet_settings import sqlite_url
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store.catalogue import count_tracks
from quintet_store.features import chosen_features
from quintet_store.source_items import absent_tracks, items_of_source
from quintet_store.source_sync import replace_playlist
from quintet_store.sources import SourceInvalid, SourceSpec, add_source, quarantined_items
from quintet_training.datasets import import_playlists, read_playlists
from quintet_training.datasets.publishing import publish_catalogue
from quintet_training.settings import TrainingSettings
from sqlalchemy import Engine, event

from tests.fakes.audio_files import add_picture, distinct, tag, tone
from tests.root import ROOT


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema and nothing else, since migrating takes most of a second."""
    path = tmp_path_factory.mktemp("migrated") / "quintet.db"
    open_engine(sqlite_url(path)).dispose()
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> TrainingSettings:
    (tmp_path / "home").mkdir()
    shutil.copy(migrated, tmp_path / "home" / "quintet.db")
    return TrainingSettings(home=tmp_path / "home", library_readers=1, database_url="")


@pytest.fixture
def music(tmp_path: Path, settings: TrainingSettings) -> Path:
    """An empty folder that is the source `music`."""
    path = tmp_path / "music"
    path.mkdir()
    add(settings, SourceSpec("music", "folder", str(path)))
    return path


def add(settings: TrainingSettings, spec: SourceSpec) -> None:
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_source(connection, spec)
    engine.dispose()


def songs(path: Path, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        fields = {"title": f"T{number}", "artists": f"A{number}", "album": "First", "bpm": "120"}
        distinct("tone.wav", path / f"{number:03}.wav", number, **fields)


def tracks(settings: TrainingSettings, name: str = "music") -> dict[str, str]:
    """Names of present files to their tracks."""
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        items = items_of_source(connection, name)
    engine.dispose()
    return {Path(item.path).name: item.track_id for item in items if item.present}


def recommended(settings: TrainingSettings, seed: str) -> set[str]:
    """Ids of all tracks that are recommended for one, from the catalogue as it is published."""
    folder = settings.catalogue / publish_catalogue(settings)
    catalogue = Catalogue.of(Snapshot.load(folder))
    versions = Versions("", "", folder.name)
    engine = RankingEngine(catalogue, FaissIndex.build(catalogue.unit, seed=1), None, versions)
    query = Query((Seed(SeedKind.TRACK, seed),), limit=100, max_per_artist=0)
    return {track.track_id for track in engine.recommend(query).tracks}


def outcome(report: SyncReport) -> tuple[int, int, int, int]:
    counts = report.counts
    return counts["new"], counts["changed"], counts["unchanged"], counts["rejected"]


def test_a_folder_becomes_tracks_and_a_second_sync_changes_nothing(settings, music):
    songs(music, 3)
    (music / "broken.mp3").write_bytes(b"")
    report = sync_source(settings, "music")
    assert outcome(report) == (3, 0, 0, 1)
    found = tracks(settings)
    assert all(track.startswith("audio-") for track in found.values())
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        (rejected,) = quarantined_items(connection, "music")
        features = chosen_features(connection, found.values())
    engine.dispose()
    assert (Path(rejected.path).name, rejected.reason) == ("broken.mp3", "it is empty")
    assert {each["tempo"].provenance for each in features.values()} == {"tags:music"}
    report = sync_source(settings, "music")
    # The broken file is not read again either.
    assert outcome(report) == (0, 0, 4, 0)
    (state,) = sources(settings)
    assert (state.present, state.quarantined, state.last_error) == (3, 1, "")


def test_moved_renamed_and_retagged_files_keep_their_tracks(settings, music):
    songs(music, 3)
    sync_source(settings, "music")
    before = tracks(settings)
    (music / "deep").mkdir()
    (music / "000.wav").rename(music / "deep" / "moved.wav")
    (music / "001.wav").rename(music / "renamed.wav")
    tag(music / "002.wav", title="Other", artists="Someone else")
    report = sync_source(settings, "music")
    assert outcome(report) == (2, 1, 0, 0)
    after = tracks(settings)
    assert after["moved.wav"] == before["000.wav"]
    assert after["renamed.wav"] == before["001.wav"]
    assert after["002.wav"] == before["002.wav"]
    assert report.removal.deleted == 0


def test_a_file_that_holds_another_song_now_leaves_no_track_of_the_old_one(settings, music):
    songs(music, 2)
    sync_source(settings, "music")
    before = tracks(settings)
    distinct("tone.wav", music / "000.wav", 99, title="Another", artists="Someone")
    report = sync_source(settings, "music")
    assert outcome(report) == (0, 1, 1, 0)
    after = tracks(settings)
    assert after["000.wav"] != before["000.wav"]
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        assert count_tracks(connection) == 2
    engine.dispose()


def test_what_is_gone_is_removed_but_for_tracks_in_playlists(settings, music):
    songs(music, 4)
    sync_source(settings, "music")
    found = tracks(settings)
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_source(connection, SourceSpec("other", "folder", "/nowhere"))
        replace_playlist(connection, "other", "p", "Road", [found["000.wav"]])
    (music / "000.wav").unlink()
    (music / "001.wav").unlink()
    report = sync_source(settings, "music")
    assert (report.removal.items, report.removal.deleted, report.removal.kept) == (2, 1, 1)
    with reading(engine) as connection:
        assert absent_tracks(connection) == [found["000.wav"]]
        assert count_tracks(connection) == 3
    engine.dispose()
    seed = found["003.wav"]
    assert recommended(settings, seed) == {found["002.wav"]}
    # An absent track is still a seed: playlists have it.
    assert recommended(settings, found["000.wav"]) == {found["002.wav"], seed}
    songs(music, 1)
    assert sync_source(settings, "music").counts["changed"] == 1
    assert tracks(settings)["000.wav"] == found["000.wav"]
    assert recommended(settings, seed) == {found["000.wav"], found["002.wav"]}


def test_tracks_in_files_of_imported_playlists_stay(settings, music):
    songs(music, 3)
    sync_source(settings, "music")
    found = tracks(settings)
    path = settings.home / "p.csv"
    path.write_text(f"playlist_id,track_id\np,{found['000.wav']}\n", encoding="utf-8")
    import_playlists(settings, path)
    for name in ("000.wav", "001.wav"):
        (music / name).unlink()
    removal = sync_source(settings, "music").removal
    assert (removal.items, removal.deleted, removal.kept) == (2, 1, 1)
    assert read_playlists(settings)["track_id"].to_list() == [found["000.wav"]]
    assert remove(settings, "music").kept == 1


def test_a_disk_that_is_not_mounted_removes_nothing(settings, music):
    songs(music, 3)
    sync_source(settings, "music")
    for path in music.iterdir():
        path.unlink()
    with pytest.raises(SourceFailed, match="3 of 3 songs are gone, so nothing was removed"):
        sync_source(settings, "music")
    assert len(tracks(settings)) == 3
    (state,) = sources(settings)
    assert "--accept-removals" in state.last_error
    report = sync_source(settings, "music", accept_removals=True)
    assert report.removal.deleted == 3
    assert sources(settings)[0].last_error == ""


def test_more_than_half_of_many_songs_are_not_removed_at_once(settings, music, monkeypatch):
    monkeypatch.setattr(sync, "_LEAST_GUARDED", 3)
    songs(music, 5)
    sync_source(settings, "music")
    for number in range(3):
        (music / f"{number:03}.wav").unlink()
    with pytest.raises(SourceFailed, match="3 of 5 songs are gone"):
        sync_source(settings, "music")
    assert len(tracks(settings)) == 5


def test_a_folder_that_cannot_be_listed_loses_no_song(settings, music, monkeypatch):
    songs(music / "open", 2)
    songs(music / "closed", 2, 2)
    sync_source(settings, "music")
    listing = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = sync_source(settings, "music")
    assert report.removal.items == 0
    assert any("closed: Permission denied" in note for note in report.notes)
    assert "nothing was removed" in report.notes[-1]
    assert len(tracks(settings)) == 4


def test_two_libraries_with_the_same_song_have_one_track(settings, music, tmp_path):
    songs(music, 2)
    songs(tmp_path / "copy", 3)
    add(settings, SourceSpec("copy", "folder", str(tmp_path / "copy")))
    sync_source(settings, "music")
    sync_source(settings, "copy")
    mine, others = tracks(settings), tracks(settings, "copy")
    assert {name: others[name] for name in mine} == mine
    assert len(others) == 3
    # One source less leaves the song.
    assert sync.remove(settings, "music").deleted == 0
    assert tracks(settings, "copy") == others
    assert sync.remove(settings, "copy").deleted == 3


def test_covers_are_kept_once_and_go_with_the_last_song(settings, music, monkeypatch):
    monkeypatch.setattr(sync, "_COVER_SECONDS", -60)
    picture = b"\x89PNG\r\n\x1a\n" + b"p" * 50
    add_picture(tone("tone.flac", music / "a.flac", title="One", artist="Ann"), picture)
    tone("tone.ogg", music / "b.ogg", title="Two", artist="Ann")
    (music / "cover.png").write_bytes(picture)
    sync_source(settings, "music")
    (cover,) = settings.covers.iterdir()
    assert cover.read_bytes() == picture
    sync_source(settings, "music")
    assert cover.exists()
    sync.remove(settings, "music")
    assert list(settings.covers.iterdir()) == []


def test_no_cover_is_kept_beyond_the_bound(settings, music):
    settings.library_covers_max_bytes = 0
    (music / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    songs(music, 1)
    sync_source(settings, "music")
    assert not settings.covers.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from quintet_library import folder, sync
from quintet_training.settings import TrainingSettings
folder.PAGE = 2
pages = 0
store = sync._store
def store_and_die(run, connection, page, all_again):
    global pages
    pages += 1
    store(run, connection, page, all_again)
    if pages == 3:
        os.kill(os.getpid(), signal.SIGKILL)
sync._store = store_and_die
sync.sync_source(TrainingSettings(home=Path(sys.argv[1]), library_readers=1), "music")
"""


def test_a_killed_sync_goes_on_with_what_it_has_not_stored(settings, music, monkeypatch):
    songs(music, 8)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, settings.home],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        env={**os.environ, "QUINTET_DATABASE_URL": ""},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # Two pages were committed; the third was on its way.
    before = tracks(settings)
    assert sorted(before) == ["000.wav", "001.wav", "002.wav", "003.wav"]
    read: list[str] = []
    reading_tags = TagReaders.read

    def note(self, paths):
        for path, answer in reading_tags(self, paths):
            read.append(Path(path).name)
            yield path, answer

    monkeypatch.setattr(TagReaders, "read", note)
    assert outcome(sync_source(settings, "music")) == (4, 0, 4, 0)
    assert read == ["004.wav", "005.wav", "006.wav", "007.wav"]
    assert before.items() <= tracks(settings).items()


def test_a_full_disk_ends_the_sync_and_the_next_one_goes_on(settings, music, monkeypatch):
    monkeypatch.setattr(folder, "PAGE", 10)
    songs(music, 120)
    opened: list[Engine] = []

    def small(url: str, **options: bool) -> Engine:
        engine = open_engine(url, **options)

        @event.listens_for(engine, "connect")
        def limit(connection: sqlite3.Connection, record: object) -> None:
            del record
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            limits.setdefault("most", pages + 12)
            connection.execute(f"PRAGMA max_page_count = {limits['most']}")

        # The connection that migrated the schema is kept, and would have no limit.
        engine.dispose()
        opened.append(engine)
        return engine

    limits: dict[str, int] = {}
    monkeypatch.setattr(sync, "open_engine", small)
    with pytest.raises(StoreUnavailable, match="database or disk is full"):
        sync_source(settings, "music")
    monkeypatch.undo()
    stored = len(tracks(settings))
    assert 0 < stored < 120
    assert stored % 10 == 0
    report = sync_source(settings, "music")
    assert outcome(report) == (120 - stored, 0, stored, 0)


def test_a_source_removed_while_it_is_synced_ends_the_sync(settings, music, monkeypatch):
    monkeypatch.setattr(folder, "PAGE", 1)
    songs(music, 3)
    pages = 0

    def remove_after_one(_: float, text: str) -> None:
        nonlocal pages
        pages += "1 songs" in text
        if pages == 1 and "1 songs" in text:
            sync.remove(settings, "music")

    with pytest.raises(SourceInvalid, match="there is no source 'music'"):
        sync_source(settings, "music", remove_after_one)
    assert sources(settings) == []
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        assert count_tracks(connection) == 0
    engine.dispose()


def test_a_source_that_does_not_exist_is_named(settings):
    with pytest.raises(SourceInvalid, match="there is no source 'nothing'"):
        sync_source(settings, "nothing")


def test_everything_is_read_again_if_asked(settings, music):
    songs(music, 2)
    sync_source(settings, "music")
    assert outcome(sync_source(settings, "music", all_again=True)) == (0, 2, 0, 0)
