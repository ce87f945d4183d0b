"""A history that a listener uploads: parts over HTTP, the worker's import, and its deletion."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import pytest_asyncio
from quintet_client import AsyncQuintet
from quintet_client.errors import ApiError
from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings
from quintet_store.uploads import MOST_ATTEMPTS, MOST_OF_ONE, Uploads
from quintet_training import datasets
from quintet_training.settings import TrainingSettings

from tests.training.test_playlists_import import FEATURES

WHO = "uploading-listener"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose catalogue has forty tracks; nothing here needs a model or another service."""
    settings = TrainingSettings(home=tmp_path_factory.mktemp("home"))
    path = settings.home / "tracks.parquet"
    rows = [
        {"track_id": f"t{n:03d}", "title": f"Song {n}", "artists": f"Artist {n % 7}", **FEATURES}
        for n in range(40)
    ]
    pl.DataFrame(rows).write_parquet(path)
    datasets.import_catalogue(settings, datasets.preview(path))
    return settings.home


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(home: Path) -> AsyncIterator[AsyncQuintet]:
    app = build(GatewaySettings(home=home, budget_seconds=30))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncQuintet("http://localhost", transport=transport, timeout=60) as client,
    ):
        yield client


def worked(home: Path) -> str:
    """Run the worker's command, as `quintet library work` does."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("QUINTET_")}
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", "history", "work"],
        env={**own, "QUINTET_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def played(number: int, minute: int) -> dict[str, Any]:
    return {
        "ts": f"2026-11-02T03:{minute:02d}:05Z",
        "ms_played": 200_000,
        "master_metadata_track_name": f"Song {number}",
        "master_metadata_album_artist_name": f"Artist {number % 7}",
        "spotify_track_uri": f"spotify:track:t{number:03d}",
    }


def archive(*rows: dict[str, Any]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as into:
        into.writestr("MyData/Streaming_History_Audio_2026.json", json.dumps(rows))
        into.writestr("MyData/ReadMeFirst.json", "{}")
    return made.getvalue()


async def sent(client: AsyncQuintet, content: bytes, listener: str = WHO, part: int = 300) -> str:
    upload = await client.start_history(listener, len(content))
    while upload.state == "receiving":
        end = upload.received + part
        piece = content[upload.received : end]
        upload = await client.add_history_part(upload.upload_id, upload.received, piece)
    assert (upload.state, upload.received) == ("queued", len(content))
    return upload.upload_id


async def test_an_uploaded_export_becomes_the_listeners_memory(
    client: AsyncQuintet, home: Path
) -> None:
    missing = {
        **played(1, 9),
        "master_metadata_track_name": "Not here",
        "master_metadata_album_artist_name": "Nobody",
        "spotify_track_uri": "spotify:track:zzz",
    }
    name = await sent(client, archive(played(1, 1), played(2, 5), missing))
    assert (await client.history(name)).worker_running is False
    assert "2 rows remembered" in worked(home)
    upload = await client.history(name)
    assert (upload.state, upload.share, upload.failure) == ("done", 1.0, "")
    report = upload.report
    assert report is not None
    assert (report.rows_read, report.rows_stored, report.rows_quarantined) == (3, 2, 1)
    assert report.unmatched == ("Nobody - Not here",)
    assert report.kinds["play"] == 2
    assert report.files_ignored == 1
    assert report.sessions == 1
    kept = await client.export_listener(WHO)
    assert {row["track_id"] for row in kept if row.get("kind") == "play"} == {"t001", "t002"}
    # The file itself is gone.
    assert not list((home / "uploads").glob("*/content"))


async def test_a_file_that_is_no_history_fails_with_its_reason_and_no_path(
    client: AsyncQuintet, home: Path
) -> None:
    unknown = {**played(1, 1), "master_metadata_album_artist_name": "Q", "spotify_track_uri": None}
    names = [
        await sent(client, content, "listener-of-bad-files")
        for content in (b"no history at all", archive(), json.dumps([unknown]).encode())
    ]
    worked(home)
    ended = [await client.history(name) for name in names]
    assert [each.state for each in ended] == ["failed"] * 3
    assert [each.reason for each in ended] == ["unreadable", "unreadable", "unmatched"]
    assert not any(str(home) in each.failure for each in ended)


async def test_parts_may_be_repeated_but_neither_skipped_nor_too_long(
    client: AsyncQuintet,
) -> None:
    upload = await client.start_history("listener-of-parts", 10)
    first = await client.add_history_part(upload.upload_id, 0, b"12345")
    again = await client.add_history_part(upload.upload_id, 0, b"12345")
    assert (first.received, again.received) == (5, 5)
    for offset, part in ((6, b"7"), (5, b"678901"), (3, b"45678")):
        with pytest.raises(ApiError) as fault:
            await client.add_history_part(upload.upload_id, offset, part)
        assert (fault.value.code, fault.value.metadata["received"]) == (409, "5")
    with pytest.raises(ApiError) as fault:
        await client.add_history_part(upload.upload_id, 5, b"")
    assert fault.value.code == 400


@pytest.mark.parametrize("name", ["0" * 32, "..", "%2e%2e%2fcatalogue", "A" * 32, ".lock"])
async def test_an_unknown_upload_is_not_found(client: AsyncQuintet, name: str) -> None:
    with pytest.raises(ApiError) as fault:
        await client.history(name)
    assert fault.value.code == 404


async def test_uploads_are_bounded_in_size_and_number(client: AsyncQuintet) -> None:
    with pytest.raises(ApiError) as fault:
        await client.start_history(WHO, 600 * 1024**2)
    assert (fault.value.code, fault.value.reason) == (413, "REQUEST_TOO_LARGE")
    many = "listener-of-many-files"
    for _ in range(MOST_OF_ONE):
        await client.start_history(many, 10)
    with pytest.raises(ApiError) as fault:
        await client.start_history(many, 10)
    assert fault.value.code == 429
    with pytest.raises(ApiError) as fault:
        await client.start_history("a listener", 10)
    assert fault.value.reason == "LISTENER_INVALID"


async def test_forgetting_a_listener_deletes_what_was_uploaded(
    client: AsyncQuintet, home: Path
) -> None:
    who = "listener-to-forget"
    name = await sent(client, archive(played(3, 1)), who)
    files = [path.read_bytes() for path in (home / "uploads").rglob("*") if path.is_file()]
    assert not any(who.encode() in content for content in files)
    await client.delete_listener(who)
    with pytest.raises(ApiError) as fault:
        await client.history(name)
    assert fault.value.code == 404
    worked(home)
    assert await client.export_listener(who) == ()


async def test_a_file_that_ends_its_worker_each_time_is_given_up(
    client: AsyncQuintet, home: Path
) -> None:
    name = await sent(client, archive(played(4, 1)), "listener-of-a-bad-end")
    uploads = Uploads(home)
    # As a worker that was killed leaves it.
    uploads.note(uploads.get(name), MOST_ATTEMPTS, 0.4)
    assert (await client.history(name)).state == "running"
    worked(home)
    ended = await client.history(name)
    assert (ended.state, ended.reason) == ("failed", "interrupted")
