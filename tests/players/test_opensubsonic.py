"""OpenSubsonic: a real client, both forms of answers, every way to authenticate, every error."""

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from quintet_access.players import subsonic_token

from tests.library.real_servers import SERVERS
from tests.players.conftest import ARTISTS, Running
from tests.root import ROOT

NAMESPACE = "{http://subsonic.org/restapi}"


def credentials(running: Running) -> dict[str, str]:
    salt = secrets.token_hex(4)
    token = subsonic_token(running.player.key, salt)
    return {"u": running.player.name, "t": token, "s": salt, "v": "1.16.1", "c": "test"}


def ask(running: Running, method: str, **given: object) -> httpx.Response:
    parameters = {name: str(value) for name, value in given.items()}
    url = f"{running.url}/rest/{method}"
    answer = httpx.get(url, params=parameters, timeout=60, trust_env=False)
    assert answer.status_code == 200
    return answer


def answered(running: Running, method: str, **given: object) -> dict[str, Any]:
    answer = ask(running, method, f="json", **{**credentials(running), **given})
    content = answer.json()["subsonic-response"]
    assert content["openSubsonic"] is True
    assert (content["version"], content["type"]) == ("1.16.1", "quintet")
    return content


@pytest.mark.parametrize("way", ["token", "key"])
def test_a_real_client_gets_songs_by_the_servers_ids(running: Running, way: str) -> None:
    parts = urlsplit(running.url)
    done = subprocess.run(
        [
            *(SERVERS / "python", ROOT / "tests/fakes/run_opensonic.py"),
            *(f"http://{parts.hostname}", str(parts.port), parts.path),
            *(running.player.name, running.player.key),
            running.player.key if way == "key" else "",
            *(running.ids["Song 2"], running.ids["Song 9"], running.artists["Dora"]),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["ping"] is True
    assert "sonicSimilarity" in {each["name"] for each in found["extensions"]}
    for name, count in (("songs", 7), ("songs2", 7)):
        assert len(found[name]) == count
        for song in found[name]:
            assert running.ids[song["title"]] == song["id"]
            assert running.artists[song["artist"]] == song["artistId"]
            assert running.albums[song["album"]] == song["albumId"]
    sonic = found["sonic"]
    assert len(sonic) == 5
    values = [each["similarity"] for each in sonic]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1 for value in values)
    path = [each["entry"]["id"] for each in found["path"]]
    assert [path[0], path[-1], len(path)] == [running.ids["Song 2"], running.ids["Song 9"], 6]
    assert [each["similarity"] for each in found["path"]] == [1.0, *[-1.0] * 5]
    assert found["fault"][0] == "DataNotFoundError"


def test_a_command_line_client_asks_too(running: Running, tmp_path: Path) -> None:
    settings = tmp_path / "subsonic.ini"
    settings.write_text(
        f"[subsonic-cli]\nurl = {running.url}\nusername = {running.player.name}\n"
        f"password = {running.player.key}\n",
        encoding="utf-8",
    )
    command = [str(SERVERS / "subsonic-cli"), "-c", str(settings), "-f", "getSimilarSongs2"]
    command += ["-p", "id", running.ids["Song 3"], "-p", "count", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    songs = json.loads(done.stdout)["subsonic-response"]["similarSongs2"]["song"]
    assert [running.ids[song["title"]] for song in songs] == [song["id"] for song in songs]
    assert len(songs) == 4


def test_xml_and_json_say_the_same(running: Running) -> None:
    given = {**credentials(running), "id": running.ids["Song 11"], "count": 4}
    for method, holder in (("getSimilarSongs", "similarSongs"), ("getSonicSimilarTracks", "")):
        content = answered(running, method, **given)
        answer = ask(running, f"{method}.view", **given)
        assert answer.headers["content-type"].startswith("text/xml")
        root = ElementTree.fromstring(answer.text)
        assert (root.tag, root.get("status")) == (f"{NAMESPACE}subsonic-response", "ok")
        if holder:
            songs = root.findall(f"{NAMESPACE}{holder}/{NAMESPACE}song")
            wanted = content[holder]["song"]
        else:
            matches = root.findall(f"{NAMESPACE}sonicMatch")
            wanted = [each["entry"] for each in content["sonicMatch"]]
            assert [float(each.get("similarity", "")) for each in matches] == [
                each["similarity"] for each in content["sonicMatch"]
            ]
            songs = [each.find(f"{NAMESPACE}entry") for each in matches]  # type: ignore[misc]
        for song, other in zip(songs, wanted, strict=True):
            shown = {name: _text(value) for name, value in other.items() if name != "artists"}
            assert dict(song.attrib) == shown
            assert [each.attrib for each in song] == other["artists"]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_albums_and_artists_are_seeds_too(running: Running) -> None:
    for item in (running.albums["Egon's record"], running.artists["Egon"]):
        songs = answered(running, "getSimilarSongs", id=item, count=12)["similarSongs"]["song"]
        assert len(songs) == 12
        assert {song["id"] for song in songs} <= set(running.ids.values())
    fault = answered(running, "getSonicSimilarTracks", id=running.artists["Egon"])["error"]
    assert (fault["code"], "id of an artist" in fault["message"]) == (70, True)


def test_system_calls(running: Running) -> None:
    assert answered(running, "ping")["status"] == "ok"
    assert answered(running, "getLicense")["license"] == {"valid": True}
    key = {"apiKey": running.player.key, "f": "json"}
    content = ask(running, "tokenInfo", **key).json()["subsonic-response"]
    assert content["tokenInfo"] == {"username": running.player.name}
    # Before it knows how to authenticate, a client asks what there is.
    extensions = ask(running, "getOpenSubsonicExtensions", f="json").json()["subsonic-response"]
    assert {"name": "sonicSimilarity", "versions": [1]} in extensions["openSubsonicExtensions"]


def test_a_password_in_clear_text_counts_too(running: Running) -> None:
    plain, key = {"u": running.player.name, "f": "json"}, running.player.key
    for password in (key, f"enc:{key.encode().hex()}"):
        content = ask(running, "ping", p=password, **plain).json()["subsonic-response"]
        assert content["status"] == "ok"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"t": "0" * 32}, 40),
        ({"u": "nobody"}, 40),
        ({"u": ""}, 10),
        ({"t": "", "s": ""}, 10),
        ({"t": "", "s": "", "p": "wrong"}, 40),
        ({"t": "", "s": "", "p": "enc:zz"}, 40),
        ({"u": "", "t": "", "s": "", "apiKey": "wrong"}, 44),
        ({"apiKey": "any"}, 43),
        ({"p": "any"}, 43),
    ],
)
def test_wrong_credentials_have_their_code(
    running: Running, change: dict[str, str], code: int
) -> None:
    given = {name: text for name, text in {**credentials(running), **change}.items() if text}
    content = ask(running, "ping", f="json", **given).json()["subsonic-response"]
    assert (content["status"], content["error"]["code"]) == ("failed", code)
    assert running.player.key not in content["error"]["message"]


@pytest.mark.parametrize(
    ("method", "given", "code", "said"),
    [
        ("getSimilarSongs", {}, 10, "id is missing"),
        ("getSimilarSongs2", {"id": "nothing"}, 70, "no song with the id"),
        ("getSimilarSongs", {"id": "a", "count": "many"}, 0, "count must be a whole number"),
        ("findSonicPath", {"startSongId": "a"}, 10, "endSongId is missing"),
        ("findSonicPath", {"startSongId": "a", "endSongId": "a"}, 0, "two songs"),
        ("getSong", {"id": "a"}, 0, "ask your music server"),
        ("ping", {"f": "jsonp"}, 0, "f must be json or xml"),
    ],
)
def test_a_wrong_request_has_its_code(
    running: Running, method: str, given: dict[str, str], code: int, said: str
) -> None:
    answer = ask(running, method, **{"f": "json", **credentials(running), **given})
    if given.get("f"):
        fault: Any = ElementTree.fromstring(answer.text).find(f"{NAMESPACE}error")
        fault = dict(fault.attrib)
    else:
        fault = answer.json()["subsonic-response"]["error"]
    assert (int(fault["code"]), said in fault["message"]) == (code, True), fault


def test_lists_hold_every_artist_of_the_library(running: Running) -> None:
    songs = answered(running, "getSimilarSongs", id=running.ids["Song 0"], count=500)
    assert {song["artist"] for song in songs["similarSongs"]["song"]} == set(ARTISTS)
