"""beets: a library of the real program where it is installed, and files of older versions."""

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from quintet_library.beets import BeetsReader
from quintet_library.records import Listening, Rejected, Song, SourceFailed

from tests.library.real_servers import beet, installed, wav


def library_of(path: Path, rows: list[dict], flexible: Iterable[tuple] = ()) -> Path:
    """Writes a library as beets 1.6 did: one genre, absolute paths, no list of artists."""
    library = sqlite3.connect(path)
    columns = "path BLOB, title TEXT, artist TEXT, album TEXT, genre TEXT, length REAL, bpm INTEGER"
    more = "initial_key TEXT, isrc TEXT, mb_trackid TEXT, year INTEGER, month INTEGER, day INTEGER"
    library.execute(f"CREATE TABLE items (id INTEGER PRIMARY KEY, {columns}, {more}, mtime REAL)")
    library.execute("CREATE TABLE item_attributes (entity_id INTEGER, key TEXT, value TEXT)")
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        library.execute(f"INSERT INTO items ({names}) VALUES ({marks})", list(row.values()))
    library.executemany("INSERT INTO item_attributes VALUES (?, ?, ?)", flexible)
    library.commit()
    library.close()
    return path


def read(file: Path, music: str = "") -> list[Song | Rejected]:
    pages = BeetsReader(file, music).pages()
    return [i for page in pages for i in page.items if isinstance(i, Song | Rejected)]


def test_an_old_library_is_read_with_flexible_attributes(tmp_path):
    row = {
        "title": "One",
        "artist": "Ann",
        "album": "First",
        "genre": "rock; folk",
        "length": 201.5,
    }
    more = {"path": b"/m/caf\xe9.flac", "bpm": 128, "initial_key": "F#m", "isrc": "GBAYE0601498"}
    date = {"length": 201.5, "year": 2026, "month": 3, "day": 0, "mtime": 1796031178.5}
    flexible = [
        (1, "valence", "0.4"),
        (1, "danceability", "7.5"),
        (1, "instrumentalness", "1.2e-05"),
        (1, "mood", "dark"),
        (1, "play_count", "12"),
        (1, "rating", "0.8"),
    ]
    (song,) = read(library_of(tmp_path / "library.db", [{**row, **more, **date}], flexible))
    assert isinstance(song, Song)
    item = song.item
    assert (item.item_id, item.title, item.artists) == ("1", "One", ("Ann",))
    assert (item.duration_ms, item.genres, item.release_date) == (
        201_500,
        ("rock", "folk"),
        "2026-03",
    )
    assert os.fsencode(item.path) == b"/m/caf\xe9.flac"
    assert item.features_from == "beets"
    # Out of its range a value is not known.
    assert item.features == {
        "tempo": 128,
        "key": 6,
        "mode": 0,
        "valence": 0.4,
        "instrumentalness": 1.2e-05,
    }
    assert song.listening == Listening(rating=4, plays=12)


def test_pages_cover_ids_with_gaps(tmp_path, monkeypatch):
    monkeypatch.setattr("quintet_library.beets.PAGE", 3)
    rows = [{"id": n * n, "title": f"T{n}", "artist": "Ann", "length": 9.0} for n in range(1, 9)]
    songs = read(library_of(tmp_path / "library.db", rows))
    assert [int(song.item.item_id) for song in songs if isinstance(song, Song)] == [
        n * n for n in range(1, 9)
    ]


def test_a_song_without_names_is_rejected(tmp_path):
    rows = [{"title": "", "artist": "Ann", "length": 9.0}, {"title": "One", "length": 9.0}]
    found = read(library_of(tmp_path / "library.db", rows))
    assert [each.reason.split(":")[0] for each in found if isinstance(each, Rejected)] == [
        "title",
        "artists",
    ]


def test_a_file_that_is_no_library_is_named(tmp_path):
    with pytest.raises(SourceFailed, match=r"no such file; .*beet config -p"):
        read(tmp_path / "missing.db")
    (tmp_path / "text.db").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(SourceFailed, match=r"text\.db: is no library of beets"):
        read(tmp_path / "text.db")
    sqlite3.connect(tmp_path / "other.db").close()
    with pytest.raises(SourceFailed, match="no such table: items"):
        read(tmp_path / "other.db")


def test_a_library_is_never_written(tmp_path):
    path = library_of(tmp_path / "library.db", [{"title": "One", "artist": "Ann", "length": 9.0}])
    path.chmod(0o400)
    before = path.read_bytes()
    assert len(read(path)) == 1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["library.db"]


@installed
def test_a_library_of_the_real_program_is_read(tmp_path: Path):
    fields = {"title": "One", "artists": "Ann", "album": "First", "isrc": "GBAYE0601498"}
    path = tmp_path / "in" / "one.wav"
    wav(path, 2.0, 300, bpm="120", key="Am", genres=["rock", "folk"], **fields)
    configuration = f"directory: {tmp_path / 'music'}\nlibrary: {tmp_path / 'library.db'}\n"
    (tmp_path / "config.yaml").write_text(configuration, encoding="utf-8")
    beet(tmp_path, "import", "-q", "-A", str(tmp_path / "in"))
    beet(tmp_path, "modify", "-y", "valence=0.4", "energy=0.7", "danceability=0.61")
    (song,) = read(tmp_path / "library.db", str(tmp_path / "music"))
    assert isinstance(song, Song)
    item = song.item
    assert (item.title, item.artists, item.album) == ("One", ("Ann",), "First")
    assert item.genres == ("rock", "folk")
    assert item.duration_ms == pytest.approx(2000)
    assert item.features == {
        **{"tempo": 120, "key": 9, "mode": 0},
        **{"valence": 0.4, "energy": 0.7, "danceability": 0.61},
    }
    assert Path(item.path).is_file()
    # This version stores paths relative to its folder, which the library does not name.
    (without,) = read(tmp_path / "library.db")
    assert isinstance(without, Song)
    assert without.item.path == ""
