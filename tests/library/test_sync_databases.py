"""The queries of a sync, on SQLite and on PostgreSQL."""

from pathlib import Path

from quintet_library import sync
from quintet_library.sync import sync_source
from quintet_store import open_engine, reading, writing
from quintet_store.source_sync import (
    count_without_features,
    covers_in_use,
    forget_unknown,
    ids_without_features,
    replace_playlist,
    versions_of,
)
from quintet_store.sources import SourceSpec, add_source
from quintet_training.settings import TrainingSettings

from tests.fakes.audio_files import distinct


def test_a_sync_and_its_queries_work_on_both(database_url, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("quintet_library.folder.PAGE", 3)
    music = tmp_path / "music"
    for number in range(5):
        fields = {"title": f"T{number}", "artists": f"A{number}", "isrc": f"GBAYE060000{number}"}
        distinct("tone.wav", music / f"{number}.wav", number, bpm="120", **fields)
    (music / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (music / "empty.mp3").write_bytes(b"")
    settings = TrainingSettings(home=tmp_path / "home", database_url=database_url)
    engine = open_engine(database_url)
    with writing(engine) as connection:
        add_source(connection, SourceSpec("music", "folder", str(music)))
    assert +sync_source(settings, "music").counts == {"new": 5, "rejected": 1}
    assert +sync_source(settings, "music").counts == {"unchanged": 6}
    with writing(engine) as connection:
        tracks = list(ids_without_features(connection, "reccobeats", limit=2))
        assert len(tracks) == 2
        assert count_without_features(connection, "reccobeats") == 5
        forget_unknown(connection, "reccobeats")
        replace_playlist(connection, "music", "source:music:p", "Road", tracks)
        replace_playlist(connection, "music", "source:music:p", "Street", tracks[:1])
        assert len(covers_in_use(connection)) == 1
    (music / "0.wav").unlink()
    (music / "1.wav").rename(music / "new.wav")
    report = sync_source(settings, "music")
    assert +report.counts == {"new": 1, "unchanged": 4}
    assert (report.removal.items, report.removal.deleted) == (2, 1)
    removal = sync.remove(settings, "music")
    assert (removal.deleted, removal.kept) == (4, 0)
    with reading(engine) as connection:
        assert versions_of(connection, "music", ["x"]) == {}
    engine.dispose()
