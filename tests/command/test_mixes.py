"""`quintet mixes run`: mixes of what a listener liked, the same all day, each with one playlist."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from quintet_command import cli
from quintet_settings import sqlite_url
from quintet_store import open_engine, writing
from quintet_store.feedback import delete_listener
from quintet_store.listeners import Signal, ban_artist, remember
from quintet_store.source_items import write_items
from quintet_store.sources import SourceSpec, add_source, path_key
from quintet_store.tables import Import, Track, table_of
from quintet_training.datasets.feedback import listener_hash
from quintet_training.settings import TrainingSettings
from quintet_training.steps.mixes import clusters
from sqlalchemy import Engine, insert

from tests.fakes.bundle import publish_trained
from tests.fakes.catalogue import track_id

DAY = date(2030, 1, 31)
COUNT = 240
NOW = "2030-01-31T08:00:00.000+00:00"
LIKED = [*range(16), *range(24, 28)]  # rock and jazz in turns of four
DISLIKED, HEARD, LATER, BANNED = 16, 20, 21, 8
OWNED = {row: "music" for row in range(COUNT) if row % 3}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model, a folder with two thirds of its tracks, and what two listeners did."""
    home = tmp_path_factory.mktemp("mixes") / "home"
    publish_trained(home, COUNT, owned=OWNED)
    music = home.parent / "music"
    music.mkdir()
    engine = open_engine(sqlite_url(home / "quintet.db"))
    with writing(engine) as connection:
        facts: dict[str, Any] = dict.fromkeys(("file_name", "sha256", "source", "licence"), "")
        facts |= {"id": 1, "kind": "catalogue", "fingerprint": "x", "imported_at": NOW}
        connection.execute(insert(table_of(Import)).values(facts))
        connection.execute(insert(table_of(Track)), [_track(row) for row in range(COUNT)])
        add_source(connection, SourceSpec("music", "folder", str(music)))
        write_items(connection, [_item(row, music) for row in OWNED])
    _remember(engine, home, "ann", [*((row, "like", -40) for row in LIKED)])
    _remember(engine, home, "ann", [(DISLIKED, "dislike", -300), (HEARD, "play", -24)])
    _remember(engine, home, "ann", [(LATER, "play", 3)])
    _remember(engine, home, "bob", [(0, "like", -40)])
    with writing(engine) as connection:
        ban_artist(connection, _hash(home, "ann"), f"a{BANNED}", "feedback", NOW)
    engine.dispose()
    return home


def _track(row: int) -> dict[str, Any]:
    names: dict[str, Any] = dict.fromkeys(("album", "release_date", "cover_url", "preview_url"), "")
    facts: dict[str, Any] = {
        "track_id": track_id(row),
        "title": f"Song {row}",
        "artists": [f"Artist {row // 4}"],
    }
    facts |= {"explicit": False, "duration_ms": 2e5, "popularity": None, "provenance": "made"}
    return {**names, **facts, "licence": "", "name_key": None, "import_id": 1, "imported_at": NOW}


def _item(row: int, music: Path) -> dict[str, Any]:
    path = music / f"{row}.mp3"
    path.write_bytes(b"")
    facts: dict[str, Any] = {"source": "music", "item_id": f"i{row}", "track_id": track_id(row)}
    facts |= {"path": str(path).encode(), "path_key": path_key(str(path)), "size": 0}
    facts |= {"mtime_ns": 0, "audio_hash": "", "version": "", "cover": "", "present": True}
    return {**facts, "added_at": NOW, "seen_at": NOW}


def _hash(home: Path, listener: str) -> str:
    return listener_hash(TrainingSettings(home=home), listener)


def _remember(engine: Engine, home: Path, who: str, rows: list[tuple[int, str, int]]) -> None:
    """Remembers (row, kind, hours after the beginning of DAY)."""
    start = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp())
    signals = [Signal(track_id(row), kind, start + 3600 * hours) for row, kind, hours in rows]
    with writing(engine) as connection:
        remember(
            connection,
            _hash(home, who),
            signals,
            source="test",
            licence="listener",
            received_at=NOW,
        )


@pytest.fixture
def quintet(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Run:
    """Runs `quintet mixes run` as its script does; gives exit code, output and errors."""
    monkeypatch.setenv("QUINTET_HOME", str(home))
    monkeypatch.delenv("QUINTET_DATABASE_URL", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        given = ["quintet", "mixes", "run", "--day", DAY.isoformat(), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def mixes_of(quintet: Run, *more: object) -> list[dict[str, Any]]:
    code, out, err = quintet("--listener", "ann", "--dry-run", "--json", *more)
    assert code == 0, err
    (listener,) = json.loads(out)["listeners"]
    return listener["mixes"]


def rows_in(mix: dict[str, Any]) -> list[int]:
    return [int(name[1:]) for name in mix["track_ids"]]


def test_each_mix_is_of_a_cluster_and_leaves_out_what_it_must(quintet):
    mixes = mixes_of(quintet, "--mixes", 2, "--tracks", 20)
    assert [mix["number"] for mix in mixes] == [1, 2]
    all_rows = [row for mix in mixes for row in rows_in(mix)]
    assert len(set(all_rows)) == len(all_rows) == 40
    assert not {DISLIKED, HEARD} & set(all_rows)
    assert not [row for row in all_rows if row // 4 == BANNED]
    for mix in mixes:
        rows = rows_in(mix)
        *genres, artists = mix["name"].partition(": ")[2].split(" · ")
        # The name is true: a genre of at least half of the tracks, and artists with the most.
        jazz = sum(row % 8 >= 4 for row in rows)
        assert genres == (["jazz"] if jazz > 10 else ["rock"] if jazz < 10 else genres)
        counts = sorted((sum(row // 4 == a for row in rows) for a in range(60)), reverse=True)
        named = [int(name.removeprefix("Artist ")) for name in artists.split(", ")]
        assert [sum(row // 4 == a for row in rows) for a in named] == counts[:2]
        assert mix["new"] > 0


def test_what_a_listener_likes_is_clustered_by_what_belongs_together():
    random = np.random.default_rng(5)
    centres = np.eye(3, 14, dtype=np.float32)
    group = np.array([0] * 9 + [1] * 6 + [2] * 2)
    vectors = centres[group] + 0.05 * random.standard_normal((len(group), 14))
    view: Any = SimpleNamespace(
        model=None, liked=SimpleNamespace(rows=np.arange(17), weights=np.ones(17))
    )
    catalogue: Any = SimpleNamespace(unit=vectors.astype(np.float32))
    found = clusters(view, catalogue, 3)
    # Two songs are too few for a mix; the most liked cluster is the first.
    assert [sorted(set(group[rows].tolist())) for rows in found] == [[0], [1]]
    assert [len(rows) for rows in clusters(view, catalogue, 1)] == [17]
    catalogue.unit[2:] = 0  # nobody analysed them
    assert clusters(view, catalogue, 3) == []


def test_a_day_has_one_result_and_the_next_day_another(quintet, home):
    first = mixes_of(quintet)
    assert mixes_of(quintet) == first
    engine = open_engine(sqlite_url(home / "quintet.db"))
    # What is liked and heard during the day counts from tomorrow on.
    _remember(engine, home, "ann", [(100, "like", 5), (rows_in(first[0])[0], "play", 6)])
    assert mixes_of(quintet) == first
    other = mixes_of(quintet, "--day", "2030-02-01")
    assert [mix["track_ids"] for mix in other] != [mix["track_ids"] for mix in first]
    # What is not wanted is left out at once.
    unwanted = rows_in(first[0])[1]
    _remember(engine, home, "ann", [(unwanted, "dislike", 7)])
    engine.dispose()
    assert unwanted not in [row for mix in mixes_of(quintet) for row in rows_in(mix)]


def test_mixes_are_saved_pushed_and_updated_the_next_day(quintet, home):
    music = home.parent / "music"
    given = ("--listener", "ann", "--to", "music", "--mixes", 2, "--tracks", 10)
    code, out, err = quintet(*given)
    assert code == 0, err
    assert "2 mixes of 2030-01-31 for 1 listeners" in out
    assert "missing" not in out  # only tracks that the source has are chosen
    before = {path.name for path in music.glob("*.m3u8")}
    assert len(before) == 2
    assert quintet(*given)[1].count("unchanged, 10 tracks") == 2
    assert quintet(*given, "--day", "2030-02-01")[0] == 0
    after = {path.name for path in music.glob("*.m3u8")}
    assert len(after) == 2
    for path in music.glob("*.m3u8"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert len(lines) == 10
        assert all((music / line).is_file() for line in lines)

    # A listener's mixes are deleted with the listener.
    engine = open_engine(sqlite_url(home / "quintet.db"))
    with writing(engine) as connection:
        query = "SELECT count(*) FROM saved_lists"
        assert connection.exec_driver_sql(query).scalar_one() == 2
        delete_listener(connection, _hash(home, "ann"), "2999-01-01T00:00:00.000+00:00")
        assert connection.exec_driver_sql(query).scalar_one() == 0
        connection.rollback()
    engine.dispose()


def test_every_listener_with_a_memory_has_a_turn_and_few_likes_give_no_mix(quintet, home):
    code, out, _ = quintet("--dry-run")
    assert code == 0
    assert "for 1 listeners; 1 listeners liked too little for one; nothing was saved" in out
    assert _hash(home, "ann")[:8] in out
    code, out, err = quintet("--dry-run", "--most-listeners", 1, "--json")
    assert len(json.loads(out)["listeners"]) == 1
    assert "raise --most-listeners" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "music"), "needs exactly one --listener"),
        (("--listener", "ann", "--to", "nowhere"), "there is no source 'nowhere'"),
        (("--mixes", 7), "--mixes: must be 1 to 6; got 7"),
        (("--tracks", 4), "--tracks: must be 5 to 500; got 4"),
        (("--discovery", 1.5), "--discovery: must be 0 to 1; got 1.5"),
        (("--heard-days", 0), "--heard-days: must be 1 to 3650; got 0"),
        (("--day", "tomorrow"), "--day: must be a date"),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(quintet, arguments, message):
    code, _, err = quintet(*arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert message in err
