"""A small catalogue of real names, published as the importer publishes one."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN
from quintet_modelkit.identity import album_id, artist_id
from quintet_modelkit.publication import publish, staged
from quintet_modelkit.snapshot import IDS_SCHEMA, SCHEMA, write_snapshot
from quintet_search.app import build
from quintet_search.settings import SearchSettings
from quintet_servicekit.channel import open_channel

# id, title, artists, album, release date, genres, popularity
TRACKS = [
    ("t01", "Halo", ["Beyoncé"], "I Am... Sasha Fierce", "2008", ["pop", "r-n-b"], 85),
    ("t02", "Bohemian Rhapsody", ["Queen"], "A Night at the Opera", "1975-11-21", ["rock"], 88),
    ("t03", "Don\u2019t Stop Me Now", ["Queen"], "Jazz", "1978-11", ["rock"], 84),
    (
        "t04",
        "Hotel California - 2013 Remaster",
        ["Eagles"],
        "Hotel California",
        "1976",
        ["rock"],
        83,
    ),
    ("t05", "봄날", ["방탄소년단"], "You Never Walk Alone", "2017", ["k-pop"], 80),
    ("t06", "Ace of Spades", ["Motörhead"], "Ace of Spades", "1980", ["metal", "rock"], 70),
    ("t07", "Hoppípolla", ["Sigur Rós"], "Takk...", "2005", ["ambient"], 60),
    ("t08", "夜に駆ける", ["YOASOBI"], "THE BOOK", "2021", ["j-pop"], 78),
    ("t09", "Hello", ["Adele"], "25", "2015", ["pop"], 82),
    ("t10", "Hello Kitty", ["Avril Lavigne"], "Avril Lavigne", "2013", ["pop"], 90),
    ("t11", "Thunderstruck", ["AC/DC"], "The Razors Edge", "1990", ["rock"], 86),
    ("t12", "Under Pressure", ["Queen", "David Bowie"], "Hot Space", "1982", ["rock", "pop"], 81),
    ("t13", "Metropolis", ["Hello"], "", "", [], 10),
    ("t14", "Same", ["Twin"], "Twins", "2000", ["indie"], 50),
    ("t15", "Same", ["Twin"], "Twins", "2000", ["indie"], 50),
]


IDS = (
    "isrc:GBUM71029604",
    "musicbrainz_recording:0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
    "source:home:42",
)
"""What others call t02."""


def publish_tracks(home: Path, tracks: list[tuple] = TRACKS) -> str:
    rows = [
        {
            "track_id": name,
            "title": title,
            "artists": artists,
            "artist_ids": [artist_id(artist) for artist in artists],
            "album": album,
            "album_id": album_id(artists[0], album),
            "release_date": date,
            "explicit": name == "t06",
            "genres": genres,
            "isrc": "GBUM71029604" if name == "t02" else "",
            "provenance": "made",
            "licence": "CC0",
            "cover_url": "https://example.org/c.jpg" if name == "t01" else "",
            "preview_url": "https://example.org/p.mp3" if name == "t01" else "",
            "recording": row,
        }
        for row, (name, title, artists, album, date, genres, _) in enumerate(tracks)
    ]
    features = np.full((len(tracks), len(ATTRIBUTES)), 0.5)
    features[:, COLUMN["popularity"]] = [track[-1] for track in tracks]
    features[:, COLUMN["duration_ms"]] = [200_000 + row for row in range(len(tracks))]
    root = home / "catalogue"
    with staged(root) as folder:
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        # Only the first rows have ids by others.
        ids = pa.Table.from_pylist([{"id": name, "row": 1} for name in IDS], schema=IDS_SCHEMA)
        version = write_snapshot(folder, table, features, ids=ids if len(tracks) > 1 else None)
        publish(folder, root, version)
    return version


@contextlib.asynccontextmanager
async def serve(home: Path, *, wait: bool = True, **options: Any) -> AsyncIterator[Any]:
    """Gives the channel to a service over a home."""
    service = build(SearchSettings(home=home, port=0, follow_seconds=0.02, **options))
    await service.start()
    try:
        if wait:
            await asyncio.wait_for(service.ready.wait(), 90)
        async with open_channel(f"127.0.0.1:{service.port}", timeout=60) as channel:
            await asyncio.wait_for(channel.channel_ready(), 90)
            yield channel
    finally:
        await service.stop()


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch):
    for name in ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "QUINTET_AUTH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def made_tracks() -> list[tuple]:
    return list(TRACKS)


@pytest.fixture(scope="session")
def publish_catalogue() -> Callable[..., str]:
    return publish_tracks


@pytest.fixture
def home(tmp_path) -> Path:
    publish_tracks(tmp_path)
    return tmp_path


@pytest.fixture
def serving(home) -> Callable[..., contextlib.AbstractAsyncContextManager[Any]]:
    return functools.partial(serve, home)
