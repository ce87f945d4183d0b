"""`quintet playlists push`: from JSON, a recorded or a saved list, to a folder and to a file."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quintet_command import cli
from quintet_command.cli.playlists.inputs import tracks_in
from quintet_settings import sqlite_url
from quintet_store import open_engine, writing
from quintet_store.feedback import add_shown
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import own_item, store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tracks(tmp_path: Path) -> dict[str, str]:
    """Songs of the folder `music`, by item; the last one's file is missing."""
    for name in ("a", "b"):
        (tmp_path / "music").mkdir(exist_ok=True)
        (tmp_path / "music" / f"{name}.mp3").write_bytes(b"")
    items = [own_item(name, str(tmp_path / "music" / f"{name}.mp3")) for name in ("a", "b", "c")]
    return store(tmp_path / "home", SourceSpec("music", "folder", str(tmp_path / "music")), items)


@pytest.fixture
def quintet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Run:
    """Runs `quintet playlists` as its script does; gives exit code, output and errors."""
    monkeypatch.setenv("QUINTET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QUINTET_DATABASE_URL", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quintet", "playlists", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def test_a_list_is_tried_pushed_updated_shown_and_forgotten(quintet, tracks, tmp_path):
    answer = {"tracks": [{"rank": n, "track": {"id": i}} for n, i in enumerate(tracks.values())]}
    (tmp_path / "list.json").write_text(json.dumps(answer))
    given = ("--from", tmp_path / "list.json", "--name", "Evening")
    code, out, _ = quintet("push", *given, "--to", "music", "--dry-run")
    assert code == 0
    assert "would be created, 2 tracks; 1 missing: Björk - c" in out
    assert json.loads(quintet("saved", "--json")[1]) == []
    assert sorted(path.name for path in (tmp_path / "music").iterdir()) == ["a.mp3", "b.mp3"]

    code, out, _ = quintet("push", *given, "--to", "music")
    assert out.splitlines() == [
        "  missing: Björk - c (its file is gone since the last sync)",
        "music: playlist 'Evening' created, 2 tracks; 1 missing: Björk - c",
    ]
    assert "unchanged" in quintet("push", *given, "--to", "music")[1]
    (found,) = json.loads(quintet("saved", "--json")[1])
    assert (found["name"], found["track_ids"]) == ("Evening", list(tracks.values()))
    assert [(p["source"], p["playlist"], p["missing"]) for p in found["pushes"]] == [
        ("music", "Evening.m3u8", 1)
    ]
    code, out, _ = quintet(
        "push", "--saved", found["id"], "--name", "Night", "--to", "music", "--json"
    )
    (report,) = json.loads(out)["pushes"]
    assert (report["action"], report["name"], report["songs"]) == ("updated", "Night", 2)
    assert quintet("forget", found["id"])[0] == 0
    assert (tmp_path / "music" / "Night.m3u8").exists()
    code, _, err = quintet("forget", found["id"])
    assert (code, "quintet playlists saved shows them" in err) == (2, True)


def test_a_recorded_recommendation_is_pushed(quintet, tracks, tmp_path):
    engine = open_engine(sqlite_url(tmp_path / "home" / "quintet.db"))
    row = {
        **{"recommendation_id": "r1", "listener": "", "shown_at": "2026-01-01T00:00:00.000+00:00"},
        **{"surface": "/x", "seeds": [], "model_version": "", "index_version": ""},
        **{"catalogue_version": "", "feature_hash": "", "experiment_id": "", "arm": "", "bytes": 0},
    }
    shown = [
        {
            **{"recommendation_id": "r1", "position": place, "track_id": tracks[item]},
            **{"score": 0.0, "channels": "", "features": b"", "origin": ""},
        }
        for place, item in ((2, "a"), (1, "b"))
    ]
    with writing(engine) as connection:
        add_shown(connection, [], [row], shown)
    engine.dispose()
    assert quintet("push", "--recommendation", "r1", "--name", "x", "--to", "music")[0] == 0
    text = (tmp_path / "music" / "x.m3u8").read_text()
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["b.mp3", "a.mp3"]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ('["t1", "spotify:track:6rqhFgbbKwnb9MLmUQDhG6", "t1"]', ["t1", "6rqhFgbbKwnb9MLmUQDhG6"]),
        ('{"track_ids": ["t1"]}', ["t1"]),
        ('{"id": 1, "tracks": ["t1", "t2"]}', ["t1", "t2"]),
        (
            '{"tracks": [{"id": "t1"}, {"track_id": "t2"}, {"track": {"id": "t3"}}]}',
            ["t1", "t2", "t3"],
        ),
    ],
)
def test_every_form_in_which_a_list_is_printed_is_read(tmp_path, content, ids):
    (tmp_path / "x.json").write_text(content)
    assert tracks_in(tmp_path / "x.json") == ids


MISTAKES = [
    ((), "--to: name a source"),
    (("--to", "music"), "give one list"),
    (("--to", "music", "x", "--saved", "y"), "give one list"),
    (("--to", "music", "--radio", "--path", "x"), "give one of them"),
    (("--to", "music", "--saved", "y"), "there is no saved list 'y'"),
    (("--to", "music", "--from", "missing.json", "--name", "x"), "missing.json"),
    (("--to", "music", "--from", "bad.json", "--name", "x"), "has no list of tracks"),
    (("--to", "music", "--from", "list.json"), "--name: give the playlist a name"),
    (("--to", "music", "--from", "list.json", "--name", "a\nb"), "in one line"),
    (("--to", "nowhere", "--from", "list.json", "--name", "x"), "there is no source 'nowhere'"),
    (("--to", "music", "--from", "list.json", "--name", "x"), "has none of the 1 tracks"),
    (("--to", "music", "--recommendation", "r", "--name", "x"), "no list 'r' is recorded"),
    (("--to", "music", "--path", "x", "--name", "x"), "needs two songs"),
]


@pytest.mark.usefixtures("tracks")
def test_a_mistake_is_one_line_with_the_way_out(quintet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text('{"tracks": [{"title": "x"}]}')
    (tmp_path / "list.json").write_text('["unknown"]')
    for arguments, message in MISTAKES:
        code, _, err = quintet("push", *arguments)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        assert message in err
