"""Audio and covers of tracks: ranges, files that are gone or elsewhere, sources that deny it."""

import os
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_gateway.adapters.music.ranges import MOST_BYTES, asked_span, bounded_range
from quintet_servicekit.errors import InvalidInput
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import gateway_of, own_item, store

DATA = bytes(range(256)) * 40
PIXEL = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def folder_with(home: Path, file: Path, *, play: bool = True, **more: Any) -> str:
    """Store a source whose folder is `home/music` and that lists one file; give its track."""
    (home / "music").mkdir(exist_ok=True)
    spec = SourceSpec("music", "folder", str(home / "music"), play_allowed=play)
    return store(home, spec, [own_item("one", str(file))], **more)["one"]


async def asked(home: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway_of(home) as (_, client):
        return await client.request(method, path, headers=named)


def song(home: Path) -> tuple[Path, str]:
    file = home / "music" / "One.MP3"
    file.parent.mkdir()
    file.write_bytes(DATA)
    return file, folder_with(home, file)


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["details"][0]["reason"]


async def test_a_whole_file_is_played_with_its_type(tmp_path: Path) -> None:
    _, track = song(tmp_path)
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")


@pytest.mark.parametrize(
    ("given_range", "part", "content_range"),
    [
        ("bytes=0-", DATA, "bytes 0-10239/10240"),
        ("bytes=10-19", DATA[10:20], "bytes 10-19/10240"),
        ("bytes=10200-99999", DATA[10200:], "bytes 10200-10239/10240"),
        ("bytes=-40", DATA[-40:], "bytes 10200-10239/10240"),
    ],
)
async def test_a_range_is_a_206(
    tmp_path: Path, given_range: str, part: bytes, content_range: str
) -> None:
    _, track = song(tmp_path)
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio", range=given_range)
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == content_range


async def test_a_range_after_the_end_is_a_416_with_the_length(tmp_path: Path) -> None:
    _, track = song(tmp_path)
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio", range="bytes=10240-")
    assert reason(answer) == (416, "RANGE_UNSATISFIABLE")
    assert answer.headers["content-range"] == "bytes */10240"


async def test_if_range_gives_the_whole_file_once_it_is_another(tmp_path: Path) -> None:
    file, track = song(tmp_path)
    path = f"/api/v1/tracks/{track}/audio"
    first = await asked(tmp_path, path, range="bytes=0-9")
    for tag in (first.headers["etag"], first.headers["last-modified"]):
        again = await asked(tmp_path, path, range="bytes=10-19", if_range=tag)
        assert again.status_code == 206
    for tag in ('"other"', f"W/{first.headers['etag']}", formatdate(0, usegmt=True)):
        other = await asked(tmp_path, path, range="bytes=10-19", if_range=tag)
        assert (other.status_code, other.content) == (200, DATA)
    os.utime(file, ns=(1, 1))
    changed = await asked(tmp_path, path, range="bytes=0-9", if_range=first.headers["etag"])
    assert changed.status_code == 200


async def test_head_reads_nothing(tmp_path: Path) -> None:
    _, track = song(tmp_path)
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio", "HEAD", range="bytes=0-99")
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == "100"


async def test_no_file_stays_open(tmp_path: Path) -> None:
    _, track = song(tmp_path)
    handles = Path("/proc/self/fd")
    async with gateway_of(tmp_path) as (_, client):
        path = f"/api/v1/tracks/{track}/audio"
        await client.get(path)
        before = len(list(handles.iterdir()))
        for _ in range(10):
            await client.get(path)
            await client.get(path, headers={"range": "bytes=99999-"})
            await client.head(path)
        assert len(list(handles.iterdir())) <= before


@pytest.mark.parametrize("way", ["outside", "dots", "link", "folder-link", "pipe", "name", "gone"])
async def test_only_audio_files_inside_of_the_folder_are_played(tmp_path: Path, way: str) -> None:
    music, secret = tmp_path / "music", tmp_path / "secret"
    music.mkdir()
    secret.mkdir()
    (secret / "one.mp3").write_bytes(DATA)
    file = {"outside": secret, "dots": music / ".." / "secret", "folder-link": music / "in"}.get(
        way, music
    ) / ("one.txt" if way == "name" else "one.mp3")
    if way == "link":
        file.symlink_to(secret / "one.mp3")
    elif way == "folder-link":
        (music / "in").symlink_to(secret)
    elif way == "pipe":
        os.mkfifo(file)
    elif way == "name":
        file.write_bytes(DATA)
    answer = await asked(tmp_path, f"/api/v1/tracks/{folder_with(tmp_path, file)}/audio")
    assert reason(answer) == (404, "AUDIO_UNAVAILABLE")
    assert str(secret) not in answer.text


async def test_a_link_inside_of_the_folder_is_followed(tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "albums").mkdir(parents=True)
    (music / "albums" / "one.mp3").write_bytes(DATA)
    (music / "favourite.mp3").symlink_to(music / "albums" / "one.mp3")
    track = folder_with(tmp_path, music / "favourite.mp3")
    assert (await asked(tmp_path, f"/api/v1/tracks/{track}/audio")).content == DATA


async def test_a_folder_that_is_not_mounted_says_so(tmp_path: Path) -> None:
    file, track = song(tmp_path)
    file.parent.rename(tmp_path / "elsewhere")
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio")
    assert reason(answer) == (404, "AUDIO_UNAVAILABLE")
    assert "music: No such file or directory" in answer.json()["error"]["message"]


async def test_a_source_that_does_not_allow_it_plays_nothing(tmp_path: Path) -> None:
    file = tmp_path / "music" / "one.mp3"
    file.parent.mkdir()
    file.write_bytes(DATA)
    track = folder_with(tmp_path, file, play=False)
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio")
    assert reason(answer) == (403, "PLAY_DENIED")
    assert "--allow-play" in answer.json()["error"]["message"]


async def test_a_track_of_no_source_has_no_audio(tmp_path: Path) -> None:
    answer = await asked(tmp_path, "/api/v1/tracks/nope/audio")
    assert reason(answer) == (404, "AUDIO_UNAVAILABLE")


async def test_the_next_source_plays_what_the_first_has_lost(tmp_path: Path) -> None:
    _, track = song(tmp_path)
    gone = SourceSpec("attic", "folder", "/srv/attic", play_allowed=True)
    assert store(tmp_path, gone, [own_item("one", "/srv/attic/one.mp3")])["one"] == track
    assert (await asked(tmp_path, f"/api/v1/tracks/{track}/audio")).content == DATA


async def test_files_of_beets_are_played_from_its_music_folder_alone(tmp_path: Path) -> None:
    file = tmp_path / "music" / "one.flac"
    file.parent.mkdir()
    file.write_bytes(DATA)
    database = str(tmp_path / "library.db")
    spec = SourceSpec("beets", "beets", database, {"music": str(file.parent)}, play_allowed=True)
    track = store(tmp_path, spec, [own_item("1", str(file))])["1"]
    answer = await asked(tmp_path, f"/api/v1/tracks/{track}/audio")
    assert (answer.content, answer.headers["content-type"]) == (DATA, "audio/flac")


async def test_a_cover_is_served_with_its_type_and_its_tag(tmp_path: Path) -> None:
    name = f"{'ab' * 16}.png"
    track = folder_with(tmp_path, tmp_path / "music" / "one.mp3", covers={"one": name})
    path = f"/api/v1/tracks/{track}/cover"
    assert reason(await asked(tmp_path, path)) == (404, "ID_UNKNOWN")
    (tmp_path / "covers").mkdir()
    (tmp_path / "covers" / name).write_bytes(PIXEL)
    answer = await asked(tmp_path, path)
    assert (answer.status_code, answer.content) == (200, PIXEL)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await asked(tmp_path, path, if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["../quintet.db", "page.svg", f"{'ab' * 16}.html", ".png"])
async def test_nothing_but_covers_is_served_as_one(tmp_path: Path, name: str) -> None:
    track = folder_with(tmp_path, tmp_path / "music" / "one.mp3", covers={"one": name})
    (tmp_path / "covers").mkdir()
    if "/" not in name:
        (tmp_path / "covers" / name).write_bytes(PIXEL)
    assert (await asked(tmp_path, f"/api/v1/tracks/{track}/cover")).status_code == 404


@given(st.integers(0, 4 * MOST_BYTES), st.text("bytes=-,0123456789 ", max_size=16))
def test_any_range_header_gives_a_part_of_the_file(size: int, header: str) -> None:
    try:
        span = asked_span(header, size)
    except InvalidInput as fault:
        length = fault.metadata["content_range"]
    else:
        length = f"bytes */{size}"
        if span is not None:
            assert 0 <= span.start < span.stop <= size
            assert span.stop - span.start <= MOST_BYTES
    assert length == f"bytes */{size}"


@given(st.integers(0, 10**12), st.none() | st.integers(0, 10**12))
def test_a_range_that_is_passed_on_begins_as_asked_and_is_bounded(
    start: int, last: int | None
) -> None:
    bounded = bounded_range(f"bytes={start}-{'' if last is None else last}")
    if last is not None and last < start:
        # Malformed: the server gets no range, and answers with the whole file.
        assert bounded is None
        return
    assert bounded is not None
    first, end = map(int, bounded.removeprefix("bytes=").split("-"))
    assert first == start
    assert first <= end < first + MOST_BYTES
