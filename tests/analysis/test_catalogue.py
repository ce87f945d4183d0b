"""From the catalogue's files to stored values: what waits, what is kept, what is tried again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from quintet_analysis.catalogue import (
    MEASURED_HERE,
    PERCEIVED_HERE,
    Options,
    analyse_catalogue,
)
from quintet_analysis.perception import PERCEIVED, Perception
from quintet_settings import sqlite_url
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store.features import chosen_features, features_of
from quintet_store.recording_items import record_items
from quintet_store.source_items import Removal, remove_source
from quintet_store.sources import quarantined_items
from sqlalchemy import event

from tests.analysis.programs import MODEL, STAND_IN, script
from tests.fakes.synthetic_audio import clicks
from tests.store.library_rows import folder, item


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    path = tmp_path_factory.mktemp("migrated") / "quintet.db"
    open_engine(sqlite_url(path)).dispose()
    return path


@pytest.fixture
def engine(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "quintet.db")
    made = open_engine(sqlite_url(tmp_path / "quintet.db"))
    yield made
    made.dispose()


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    tone = tmp_path / "tone.f32"
    tone.write_bytes(clicks(120, 4).tobytes())
    monkeypatch.setenv("TONE", str(tone))
    return script(tmp_path / "ffmpeg", STAND_IN)


@pytest.fixture
def model(tmp_path):
    return Perception(Path(script(tmp_path / "python", MODEL)), 0)


def record(engine, tmp_path, *names, size=1):
    """Files of the source `music`, and the tracks that they are: name to track id."""
    items = []
    for name in names:
        (tmp_path / f"{name}.mp3").write_bytes(b"audio")
        items.append(item(name, path=str(tmp_path / f"{name}.mp3"), size=size))
    with writing(engine) as connection:
        recorded = record_items(connection, "music", items, "2026-01-01T00:00:00.000")
    return {each.item_id: each.track_id for each in recorded}


def run(engine, tmp_path, ffmpeg, model=None, **options):
    lines = []
    report = analyse_catalogue(
        engine,
        tmp_path / "scratch",
        ffmpeg,
        model,
        Options(nice=0, **options),
        lambda share, text: lines.append((share, text)),
    )
    return report, lines


def known(engine, tracks):
    with reading(engine) as connection:
        return features_of(connection, tracks.values())


def test_values_are_stored_with_their_provenance_and_done_once(engine, tmp_path, ffmpeg, model):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "a", "b")
    report, lines = run(engine, tmp_path, ffmpeg, model)
    assert (report.waiting, report.analysed, report.perceived, report.failures) == (2, 2, 2, 0)
    assert report.audio_seconds == 8.0
    assert lines[-1][0] == 1.0
    assert lines[-1][1].startswith("2 of 2 files, ")
    assert "left" in lines[-1][1]
    for values in known(engine, tracks).values():
        assert values[MEASURED_HERE]["loudness"] == -12.3
        assert values[MEASURED_HERE]["tempo"] == pytest.approx(120, rel=1e-3)
        assert set(values[PERCEIVED_HERE]) == set(PERCEIVED)
    with reading(engine) as connection:
        chosen = chosen_features(connection, tracks.values())[tracks["a"]]
    assert chosen["valence"].provenance == PERCEIVED_HERE
    assert chosen["loudness"].provenance == MEASURED_HERE
    assert run(engine, tmp_path, ffmpeg, model)[0].waiting == 0


def test_a_model_that_is_installed_later_hears_what_was_measured_without_it(
    engine, tmp_path, ffmpeg, model
):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "a")
    run(engine, tmp_path, ffmpeg)
    assert set(known(engine, tracks)[tracks["a"]]) == {MEASURED_HERE}
    assert run(engine, tmp_path, ffmpeg)[0].waiting == 0
    assert run(engine, tmp_path, ffmpeg, model)[0].perceived == 1
    assert set(known(engine, tracks)[tracks["a"]]) == {MEASURED_HERE, PERCEIVED_HERE}


@pytest.mark.usefixtures("ffmpeg")
def test_silence_has_its_loudness_alone_and_is_not_heard_again(engine, tmp_path, model):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "a")
    silent = script(tmp_path / "silent", STAND_IN.replace("-12.3", "-70.0"))
    assert run(engine, tmp_path, silent, model)[0].silent == 1
    assert known(engine, tracks)[tracks["a"]][MEASURED_HERE] == {"loudness": -70.0}
    assert run(engine, tmp_path, silent, model)[0].waiting == 0


@pytest.mark.usefixtures("ffmpeg")
def test_a_loudness_that_no_catalogue_may_hold_is_left_out(engine, tmp_path):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "a")
    run(engine, tmp_path, script(tmp_path / "loud", STAND_IN.replace("-12.3", "61.0")))
    values = known(engine, tracks)[tracks["a"]][MEASURED_HERE]
    assert "loudness" not in values
    assert "tempo" in values


def test_a_file_that_fails_waits_in_quarantine_until_it_changes(engine, tmp_path, ffmpeg):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "crash", "good")
    report, lines = run(engine, tmp_path, ffmpeg)
    assert (report.analysed, report.failures) == (1, 1)
    assert lines[-1][1].endswith("1 failed")
    (path, reason) = report.failed[0]
    assert path.endswith("crash.mp3")
    with reading(engine) as connection:
        (bad,) = quarantined_items(connection)
    assert (bad.item_id, bad.stage, bad.reason) == ("crash", "analysis", reason)
    assert run(engine, tmp_path, ffmpeg)[0].waiting == 0

    record(engine, tmp_path, "crash", size=2)
    healthy = script(tmp_path / "healthy", STAND_IN.replace("*crash*", "*never*"))
    assert run(engine, tmp_path, healthy)[0].analysed == 1
    assert MEASURED_HERE in known(engine, tracks)[tracks["crash"]]
    with reading(engine) as connection:
        assert quarantined_items(connection) == []


def test_a_run_may_be_limited_to_a_number_of_files_and_to_a_source(engine, tmp_path, ffmpeg):
    with writing(engine) as connection:
        folder(connection)
        folder(connection, "other")
    record(engine, tmp_path, "a", "b", "c")
    report, _ = run(engine, tmp_path, ffmpeg, most=2, workers=2)
    assert (report.waiting, report.analysed) == (3, 2)
    assert run(engine, tmp_path, ffmpeg, source="other")[0].waiting == 0
    assert run(engine, tmp_path, ffmpeg, source="music")[0].analysed == 1


def test_a_source_that_is_removed_during_the_run_loses_nothing_else(engine, tmp_path, ffmpeg):
    with writing(engine) as connection:
        folder(connection)
    record(engine, tmp_path, "a", "b")
    removed: list[Removal] = []

    def remove(_share, text):
        if text.startswith("1 of") and not removed:
            with writing(engine) as connection:
                removed.append(remove_source(connection, "music"))

    report = analyse_catalogue(engine, tmp_path / "scratch", ffmpeg, None, Options(nice=0), remove)
    assert report.analysed == 2
    assert removed[0].deleted == 2
    assert run(engine, tmp_path, ffmpeg)[0].waiting == 0


def test_a_full_disk_below_the_database_stops_the_run_and_keeps_what_was_stored(
    engine, tmp_path, ffmpeg
):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, *(f"f{number:02}" for number in range(40)))
    full = [False]

    @event.listens_for(engine, "begin")
    def refuse_more(connection):
        # SQLite's own bound on the file stands for the end of the disk.
        if full[0]:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={used}")

    def on_progress(_share, text):
        if text.startswith("17 of"):
            with writing(engine) as connection:
                connection.exec_driver_sql("CREATE TABLE filler (bytes)")
            full[0] = True
            for size in (1000, 100, 10):
                with pytest.raises(StoreUnavailable, match="full"):
                    fill(size)

    def fill(size):
        for _ in range(500):
            with writing(engine) as connection:
                connection.exec_driver_sql(f"INSERT INTO filler VALUES (zeroblob({size}))")

    with pytest.raises(StoreUnavailable, match="full"):
        analyse_catalogue(engine, tmp_path / "scratch", ffmpeg, None, Options(nice=0), on_progress)
    stored = len(known(engine, tracks))
    assert stored >= 16
    full[0] = False
    assert run(engine, tmp_path, ffmpeg)[0].analysed == 40 - stored
    assert len(known(engine, tracks)) == 40


def test_a_run_that_is_killed_is_resumed_without_loss(engine, tmp_path, ffmpeg):
    with writing(engine) as connection:
        folder(connection)
    names = [f"f{number:03}" for number in range(60)]
    tracks = record(engine, tmp_path, *names)
    program = (
        "import sys; from pathlib import Path; from quintet_store import open_engine; "
        "from quintet_analysis.catalogue import Options, analyse_catalogue; "
        "analyse_catalogue(open_engine(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], None, "
        "Options(nice=0), lambda share, text: print(text, flush=True))"
    )
    arguments = [sqlite_url(tmp_path / "quintet.db"), str(tmp_path / "scratch"), ffmpeg]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        for line in command.stdout:
            if line.startswith("20 of"):
                command.send_signal(signal.SIGKILL)
                break
    first = len(known(engine, tracks))
    assert 16 <= first < 60
    # The excerpts of a killed run are removed by the next one.
    left = tmp_path / "scratch" / "run-left"
    left.mkdir()
    (left / "0.wav").write_bytes(b"x")
    report, _ = run(engine, tmp_path, ffmpeg, workers=2)
    assert report.waiting == 60 - first
    assert len(known(engine, tracks)) == 60
    assert not left.exists()


def test_a_second_run_waits_for_the_first(engine, tmp_path, ffmpeg):
    with writing(engine) as connection:
        folder(connection)
    record(engine, tmp_path, "a")
    script_text = (
        "import sys, fcntl; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('locked', flush=True); sys.stdin.readline()"
    )
    (tmp_path / "scratch").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script_text, str(tmp_path / "scratch" / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        released = []

        def on_progress(_share, text):
            if text.startswith("Waiting for another"):
                assert other.stdin is not None
                other.stdin.write("\n")
                other.stdin.flush()
                released.append(time.monotonic())

        report = analyse_catalogue(
            engine, tmp_path / "scratch", ffmpeg, None, Options(nice=0), on_progress
        )
    assert report.analysed == 1
    assert released


@pytest.mark.usefixtures("ffmpeg")
def test_the_workers_give_way_to_other_programs(engine, tmp_path):
    with writing(engine) as connection:
        folder(connection)
    tracks = record(engine, tmp_path, "a")
    # A decoder cannot write files, so it reports its priority as the loudness.
    noting = script(
        tmp_path / "noting", STAND_IN.replace("'    I:         -12.3 LUFS'", '"I: -$(nice).0 LUFS"')
    )
    before = os.nice(0)
    analyse_catalogue(engine, tmp_path / "scratch", noting, None, Options(nice=7), lambda *_: None)
    assert known(engine, tracks)[tracks["a"]][MEASURED_HERE]["loudness"] == -(before + 7)
