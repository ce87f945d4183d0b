import json
import sys
from pathlib import Path

import pytest
from quintet_command import cli
from quintet_training.datasets.embedded import embedded_path

HEADER = (
    "track_id,title,artists,duration_ms,danceability,energy,key,loudness,mode,speechiness,"
    "acousticness,instrumentalness,liveness,valence,tempo\n"
)
ROW = "a/b,Song,Ann,200000,0.5,0.5,1,-7,1,0.1,0.1,0,0.1,0.5,120\n"


@pytest.fixture
def quintet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command as its script does; gives exit code, output and errors."""
    monkeypatch.setenv("QUINTET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QUINTET_DATABASE_URL", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quintet", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def test_import_publishes_and_info_tells_of_it(quintet) -> None:
    path = embedded_path()
    code, out, _ = quintet("catalog", "import", path, "--source", "x", "--licence", "MIT")
    assert code == 0
    assert "5,849" in out
    code, out, _ = quintet("catalog", "info", "--json")
    facts = json.loads(out)
    assert (facts["tracks"], facts["artists"]) == (5849, 2758)
    assert facts["sources"][0]["licence"] == "MIT"
    assert facts["catalogue_version"].startswith("cat-")
    code, out, _ = quintet("catalog", "import", path, "--source", "x", "--licence", "MIT")
    assert code == 0
    assert "changed" in out


def test_dry_run_writes_nothing(quintet, tmp_path: Path) -> None:
    code, out, _ = quintet("catalog", "import", embedded_path(), "--dry-run")
    assert code == 0
    assert "track_genre" in out
    assert not (tmp_path / "home").exists()


def test_playlists_are_imported_and_told_of(quintet, tmp_path: Path) -> None:
    quintet("catalog", "import", embedded_path())
    path = tmp_path / "p.csv"
    path.write_text(
        "playlist_id,position,track_id\np,0,2wrJq5XKLnmhRXHIAf9xBa\np,1,no\n", encoding="utf-8"
    )
    code, out, _ = quintet("playlists", "import", path)
    assert code == 0
    assert "tracks matched by id 1, isrc 0, name 0, fuzzy 0, unmatched 1" in out
    _, out, _ = quintet("playlists", "info", "--json")
    assert json.loads(out)["rows"] == 1


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (("catalog", "import"), "", "empty"),
        (("catalog", "import"), "a,b\n1,2\n", "missing title, artists, duration_ms"),
        (("catalog", "import", "--map", "b"), "a,b\n1,2\n", "COLUMN=FIELD"),
        (("catalog", "import", "--map", "z=title"), "a,b\n1,2\n", "no column 'z'"),
        (("catalog", "import", "--map", "a=tune"), "a,b\n1,2\n", "'tune' is not a field"),
        (("catalog", "import", "--encoding", "klingon"), "a,b\n1,2\n", "not an encoding"),
        (("playlists", "import"), "a,b\n1,2\n", "no format known"),
        (("playlists", "import", "--format", "table"), "a,b\n1,2\n", "no column names tracks"),
        (("playlists", "import", "--map", "b"), "a,b\n1,2\n", "COLUMN=FIELD"),
        (("playlists", "import", "--map", "z=title"), "a,b\n1,2\n", "no column 'z'"),
        (("playlists", "import", "--encoding", "klingon"), "a,b\n1,2\n", "not an encoding"),
        (("playlists", "import"), "track,artist\n", "read as exportify, and no track found"),
        (("playlists", "import"), "track,artist\nx,y\n", "nothing stored of 1 rows: no track"),
        (("playlists", "import", "--format", "m3u"), "#EXTM3U\n", "read as m3u, and no track"),
        (("playlists", "import", "--format", "mpd"), "{}", "read as mpd, and no track found"),
        (("playlists", "import", "--format", "jspf"), "{}", "read as jspf, and no track found"),
        (("playlists", "import", "--format", "xspf"), "<a/>", "read as xspf, and no track found"),
        (("playlists", "import", "--format", "pls"), "[playlist]", "read as pls, and no track"),
        (("playlists", "import", "--format", "feedback"), "{}", "nothing stored of 1 rows"),
        (("catalog", "import"), HEADER, "no row below the header"),
        (("catalog", "import"), HEADER + ROW, "nothing stored, all 1 rows were rejected"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    quintet, tmp_path: Path, arguments: tuple[str, ...], content: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    code, _, err = quintet(*arguments, path)
    assert code == 2
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert message in line


def test_wrong_database_url_is_one_line_and_exit_code_2(
    quintet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTET_DATABASE_URL", "postgresql://u:sesame@127.0.0.1:1/none")
    code, _, err = quintet("catalog", "info")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "cannot be used" in err
    assert "sesame" not in err
