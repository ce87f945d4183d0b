"""Evaluation on a listener's own data: the questions, no leak from later, the table, the errors."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from quintet_command.cli import app
from quintet_contract.attributes import ATTRIBUTES
from quintet_contract.signals import DAY, SignalRow
from quintet_store import listeners, open_engine, writing
from quintet_store.listeners import Signal
from quintet_training import datasets
from quintet_training.datasets.feedback import listener_hash
from quintet_training.datasets.listener_cases import SEEDS, session_cases
from quintet_training.datasets.publishing import publish_catalogue
from quintet_training.evaluation.listener_report import (
    ListenerReport,
    ListenerSection,
    listener_tables,
)
from quintet_training.evaluation.listening import FIRST, playlist_cases
from quintet_training.settings import TrainingSettings
from rich.console import Console
from typer.testing import CliRunner

from tests.fakes.reasoned import bootstrap, made_rows

NOW = 1_700_000_000


@pytest.fixture(scope="module")
def catalogue():
    return bootstrap().engine.catalogue


def plays(numbers: Sequence[int], at: int, kind: str = "play") -> list[SignalRow]:
    return [(f"t{n:05d}", kind, at + 200 * place, 1, "test") for place, n in enumerate(numbers)]


def rows_of(case) -> list[list[int]]:
    return [each.tolist() for each in (case.seeds, case.truth, case.excluded)]


KNOWN = plays(range(100, 115), NOW - 60 * DAY)


def test_a_session_asks_for_what_was_played_after_its_first_songs(catalogue):
    session = plays([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], NOW)
    (case,) = session_cases([*KNOWN, *session], catalogue)
    assert rows_of(case) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11, 12], []]
    # A skip and an unknown track are nothing to look for; half of a short session are seeds.
    skipped = [*plays([1, 2], NOW), *plays([3], NOW + 600, "skip"), *plays([4, 99999], NOW + 900)]
    (case,) = session_cases([*KNOWN, *skipped], catalogue)
    assert rows_of(case)[:2] == [[1], [2, 4]]


def test_what_was_heard_within_the_window_is_not_asked_for(catalogue):
    lately = plays([3, 200], NOW - 5 * DAY)
    case = session_cases([*KNOWN, *lately, *plays([1, 2, 3, 4], NOW)], catalogue)[-1]
    assert rows_of(case) == [[1, 2], [4], [3, 200]]


def test_a_session_without_a_memory_before_it_is_not_asked_about(catalogue):
    assert session_cases(plays(range(20), NOW), catalogue) == []
    assert session_cases([*KNOWN[:9], *plays(range(20), NOW)], catalogue) == []


def test_nothing_from_the_session_or_after_it_reaches_the_memory(catalogue):
    session = plays([1, 2, 3, 4], NOW)
    (case,) = session_cases([*KNOWN, *session], catalogue)
    assert not {"t00001", "t00002", "t00003", "t00004"} & set(case.preferences.track_ids)
    later = [*plays([300, 301], NOW + DAY), ("t00100", "dislike", NOW + 1, 1, "test")]
    signals = sorted([*KNOWN, *session, *later], key=lambda row: row[2])
    assert session_cases(signals, catalogue)[0].preferences == case.preferences
    # An event that is moved from before to after the session is gone from the memory.
    moved = [*KNOWN[1:], *session, ("t00100", "play", NOW + 2 * DAY, 1, "test")]
    before = session_cases(moved, catalogue)[0].preferences
    assert set(before.track_ids) == set(case.preferences.track_ids) - {"t00100"}


def test_a_playlist_asks_for_its_end_with_the_others_as_memory(catalogue):
    playlists = [np.arange(40), np.arange(50, 62), np.arange(300, 304)]
    (case,) = playlist_cases(playlists, [0, 2], [1], catalogue)
    assert rows_of(case) == [list(range(15, 20)), list(range(20, 40)), []]
    assert list(case.preferences.track_ids) == [f"t{n:05d}" for n in range(50, 62)]
    assert len(case.seeds) == SEEDS


def test_the_table_says_what_a_listener_wants_to_know():
    found = {
        "with_memory": np.array([7.0, 8.0, 6.0]),
        "without_memory": np.array([5.0, 5.0, 5.0]),
        "popularity": np.zeros(3),
    }
    section = ListenerSection.of("sessions", [20, 20, 20], 0.1, found, 1)
    assert section.gains["without_memory"].mean == pytest.approx(2.0)
    assert section.gains["without_memory"].lower == pytest.approx(1.0)
    report = ListenerReport("trained", 30, 0, (section,))
    written = StringIO()
    console = Console(file=written, width=100)
    console.print(listener_tables(report))
    text = " ".join(written.getvalue().split())
    assert (
        f"Of your next 20.0 songs, 7.0 were in the first {FIRST}; without your memory 5.0, by "
        "chance 0.1. (3 sessions)" in text
    )
    assert "the same without memory 5.00 5.00 to 5.00 +2.00" in text
    assert json.loads(report.to_json())["sections"][0]["methods"]["popularity"]["mean"] == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """A home with 600 tracks, and a listener who likes the artists near one artist."""
    settings = TrainingSettings(home=tmp_path_factory.mktemp("home"))
    rows, features = made_rows(np.random.default_rng(11))
    table = pl.DataFrame(
        [
            {
                **dict(zip(ATTRIBUTES, values, strict=True)),
                **{key: row[key] for key in ("track_id", "title", "explicit")},
                "artists": row["artists"][0],
            }
            for row, values in zip(rows, features.tolist(), strict=True)
        ]
    ).with_columns(
        *(pl.col(name).cast(pl.Int64) for name in ("key", "mode", "time_signature", "popularity")),
        pl.col("duration_ms").cast(pl.Int64),
    )
    path = settings.home / "tracks.parquet"
    table.write_parquet(path)
    datasets.import_catalogue(settings, datasets.preview(path))
    publish_catalogue(settings)
    source = np.random.default_rng(3)
    artist_of = [int(row["artist_ids"][0][1:]) for row in rows]
    near = np.flatnonzero(np.abs(np.array(artist_of) - 40) < 8)
    signals = [
        Signal(f"t{number:05d}", "play", NOW + 20 * DAY * day + 200 * place)
        for day in range(14)
        for place, number in enumerate(source.choice(near, 12, replace=False).tolist())
    ]
    database = open_engine(settings.database_url)
    with writing(database) as connection:
        listeners.remember(
            connection, listener_hash(settings, "ann"), signals, source="test", licence="none",
            received_at="2026-01-01T00:00:00.000+00:00",
        )  # fmt: skip
        listeners.remember(
            connection, listener_hash(settings, "eve"), signals[:30], source="test",
            licence="none", received_at="2026-01-01T00:00:00.000+00:00",
        )  # fmt: skip
    database.dispose()
    return settings


def test_the_command_shows_that_memory_finds_more_of_what_came_next(
    home: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTET_HOME", str(home.home))
    target = tmp_path / "report.json"
    asked = ["evaluate", "--listener", "ann", "--threads", "1", "--json", str(target)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "Of your next 7.0 songs" in result.output
    assert "bootstrap model" in result.output
    (section,) = json.loads(target.read_text())["sections"]
    means = {name: value["mean"] for name, value in section["methods"].items()}
    assert section["cases"] == 13
    # Stated beforehand: half a song more than without the memory, and an interval above zero.
    assert means["with_memory"] >= means["without_memory"] + 0.5
    assert section["gains"]["without_memory"]["lower"] > 0
    assert means["with_memory"] > 2 * section["chance"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listener", "nobody"], "listener nobody has no memory here"),
        (["--listener", "eve"], "at least 10 sessions of eve"),
        (["--listener", "a b"], "a listener's id is"),
        (["--my-playlists"], "at least 10 held-out playlists"),
        (["--listener", "ann", "--html", "page.html"], "--html, --metrics and"),
    ],
)
def test_data_that_cannot_be_asked_about_is_a_clear_error(
    home: TrainingSettings, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.setenv("QUINTET_HOME", str(home.home))
    result = CliRunner().invoke(app, ["evaluate", *options])
    assert result.exit_code
    assert said in " ".join(f"{result.output} {result.exception}".split())
