"""`quintet library`: what a person types, sees, and reads when it fails."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quintet_command import cli

from tests.fakes.audio_files import distinct
from tests.fakes.web_server import Answer, web_server
from tests.known_secrets import known
from tests.slow import slow

PASSWORD = known("a password that no file and no line may show")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def quintet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Run:
    """Runs the command as its script does; gives exit code, output and errors."""
    monkeypatch.setenv("QUINTET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QUINTET_LIBRARY_READERS", "1")
    monkeypatch.setenv("MUSIC_PASSWORD", PASSWORD)
    monkeypatch.delenv("QUINTET_DATABASE_URL", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quintet", "library", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def music(tmp_path: Path) -> Path:
    path = tmp_path / "My Music"
    for number in range(3):
        fields = {"title": f"T{number}", "artists": f"A{number}"}
        distinct("tone.wav", path / f"{number}.wav", number, **fields)
    return path


def test_a_folder_is_added_synced_listed_and_removed(quintet, music):
    (music / "broken.mp3").write_text("no audio", encoding="utf-8")
    code, out, _ = quintet("add", "folder", music)
    assert (code, out) == (0, "source my-music added; next: quintet library sync my-music\n")
    code, out, _ = quintet("sync", "--no-publish")
    assert code == 0
    assert "my-music: 3 new, 1 rejected" in out
    assert "reasons: quintet library rejected my-music" in out
    _, out, _ = quintet("rejected", "--json")
    (item,) = json.loads(out)
    assert (Path(item["path"]).name, item["source"]) == ("broken.mp3", "my-music")
    assert "it is no MP3" in item["reason"]
    assert "broken.mp3" in quintet("rejected", "my-music")[1]
    code, out, _ = quintet("sync", "my-music", "--no-publish")
    assert "my-music: 4 unchanged" in out
    _, out, _ = quintet("list", "--json")
    (source,) = json.loads(out)
    assert (source["songs"], source["rejected"], source["last_error"]) == (3, 1, "")
    code, out, _ = quintet("remove", "my-music", "--no-publish")
    assert "3 songs, 3 tracks deleted, 0 kept" in out
    assert json.loads(quintet("list", "--json")[1]) == []
    assert len(list(music.iterdir())) == 4


def test_a_sync_is_served_and_so_is_the_removal_of_a_source(quintet, music, tmp_path):
    quintet("add", "folder", music, "--name", "m")
    code, out, err = quintet("sync")
    assert (code, err) == (0, "")
    assert "catalogue cat-" in out
    current = (tmp_path / "home" / "catalogue" / "current").read_text(encoding="utf-8")
    # A catalogue of no track cannot be published, so the last one stays.
    code, out, _ = quintet("remove", "m")
    assert (code, out.count("\n")) == (0, 1)
    assert (tmp_path / "home" / "catalogue" / "current").read_text(encoding="utf-8") == current


def test_what_is_wrong_with_a_sync_is_in_the_list_and_ends_with_code_two(quintet, music):
    quintet("add", "folder", music, "--name", "a")
    quintet("add", "folder", music.parent, "--name", "b")
    music.rename(music.parent / "moved")
    code, out, err = quintet("sync", "--no-publish")
    assert code == 2
    assert err.startswith(f"error: {music}: cannot be read: No such file or directory; check the")
    # The other source is in step all the same.
    assert "b: 3 new" in out
    assert "No such file or directory" in json.loads(quintet("list", "--json")[1])[0]["last_error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sync",), "there is no source yet; add one, for example: quintet library add folder"),
        (("remove", "x"), "there is no source 'x'; quintet library list shows them"),
        (("rejected", "x"), "there is no source 'x'; quintet library list shows them"),
        (("add", "plex", "x"), "plex"),
        (("add", "folder"), "folder: give the path as the second argument"),
        (("add", "folder", "/missing"), "/missing: no such folder"),
        (("add", "folder", "/tmp", "--user", "ann"), "--user: is for subsonic and jellyfin"),
        (("add", "folder", "/tmp", "--name", "My Music"), "name: 'My Music' is not allowed"),
        (("add", "beets", "/missing"), "/missing: no such file; `beet config -p`"),
        (("add", "subsonic", "localhost:4533"), "--password-env"),
        (("add", "subsonic", "http://h", "--password-env", "MUSIC_PASSWORD"), "--user"),
        (
            ("add", "jellyfin", "http://h", "--password-env", "MUSIC_PASSWORD", "--listener", "a"),
            "--listener: needs --user",
        ),
        (
            ("add", "subsonic", "h:1", "--user", "a", "--password-env", "MUSIC_PASSWORD"),
            "write http://HOST:PORT",
        ),
        (
            ("add", "subsonic", "http://a:b@h", "--user", "a", "--password-env", "MUSIC_PASSWORD"),
            "address: has a user, password, query or fragment",
        ),
        (
            ("add", "subsonic", "http://h", "--user", "a", "--password-env", "NOT_SET_HERE"),
            "NOT_SET_HERE: holds no secret; set it, or NOT_SET_HERE_FILE to a file",
        ),
        (
            ("add", "subsonic", "http://h", "--user", "a", "--password-file", "/missing"),
            "/missing: names what cannot be read: No such file or directory",
        ),
        (
            ("add", "jellyfin", "http://h", "--password-env", "A", "--password-file", "b"),
            "give one of them",
        ),
        (
            ("add", "beets", "x", "--listener", "no listener!"),
            "--listener: 1 to 128 letters",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(quintet, arguments, message):
    code, _, err = quintet(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_password_is_neither_stored_nor_shown(quintet, tmp_path, caplog):
    caplog.set_level("DEBUG")

    def answer(request):
        error = {"code": 50, "message": f"no {PASSWORD}?"}
        status = {"status": "failed", "error": error} if "bad" in request.query["u"] else {}
        return Answer({"subsonic-response": {"status": "ok", **status}})

    with web_server(answer) as web:
        asked = ("--password-env", "MUSIC_PASSWORD")
        code, out, err = quintet("add", "subsonic", web.address, "--user", "ann", *asked)
        assert (code, err) == (0, "")
        secret = tmp_path / "secret"
        secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
        code, more, err = quintet(
            *("add", "subsonic", web.address, "--user", "bad", "--password-file", secret)
        )
        assert code == 2
        code, shown, _ = quintet("sync", "subsonic", "--no-publish")
        assert code == 0
        listed = quintet("list")[1] + quintet("list", "--json")[1]
        tokens = {value for r in web.requests for n, value in r.query.items() if n in ("t", "s")}
    everything = out + more + err + shown + listed + caplog.text
    database = (tmp_path / "home" / "quintet.db").read_bytes()
    assert tokens
    for text in (PASSWORD, *tokens):
        assert text not in everything
        assert text.encode() not in database
    assert b"env:MUSIC_PASSWORD" in database


def test_only_folders_can_be_watched(quintet):
    with web_server(lambda _: Answer({"subsonic-response": {"status": "ok"}})) as web:
        asked = ("--user", "ann", "--password-env", "MUSIC_PASSWORD")
        quintet("add", "subsonic", web.address, *asked)
    code, _, err = quintet("sync", "--watch")
    assert (code, err) == (2, "error: --watch: there is no folder to watch\n")
    code, _, err = quintet("sync", "subsonic", "--watch")
    assert code == 2
    assert "subsonic is a subsonic source, and only folders can be watched" in err


@slow("runs many commands")
def test_a_watched_folder_is_synced_whenever_it_changes(quintet, music, tmp_path):
    quintet("add", "folder", music, "--name", "m")
    watching = subprocess.Popen(
        [sys.executable, "-m", "quintet_command", "library", "sync", "--watch", "--no-publish"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QUINTET_HOME": str(tmp_path / "home")},
    )
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline() == "m: 3 new\n"
        assert watching.stdout.readline() == "watching m; Ctrl-C ends it\n"
        distinct("tone.wav", tmp_path / "new.wav", 9, title="T9", artists="A9")
        (tmp_path / "new.wav").rename(music / "new.wav")
        assert watching.stdout.readline() == "m: 1 new, 3 unchanged\n"
        (music / "new.wav").unlink()
        assert watching.stdout.readline() == "m: 3 unchanged, 1 gone\n"
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 130
        watching.stdout.close()
