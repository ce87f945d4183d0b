"""A whole installation that follows a real supysonic, and the players service before it."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest
from quintet_access.clients import ClientFolder
from quintet_access.players import Player, PlayerFolder
from quintet_access.tokens import Scope
from quintet_command.ports import free_ports
from quintet_library.sync import sync_source
from quintet_store import open_engine, writing
from quintet_store.features import put_features
from quintet_store.items import Item
from quintet_store.recording_items import record_items
from quintet_store.source_items import items_of_source
from quintet_store.sources import SourceSpec, add_source, begin_sync
from quintet_training.datasets.publishing import publish_catalogue
from quintet_training.settings import TrainingSettings
from quintet_training.steps import publish_model

from tests.known_secrets import known
from tests.library.real_servers import PASSWORD, SERVERS, USER, supysonic, wav
from tests.needs import LIBRARY_SERVERS, skip
from tools.processes import Processes

ARTISTS = ("Ann", "Bob", "Cleo", "Dora", "Egon", "Finn")
SERVICES = ("search", "profile", "ranker", "memory", "gateway")
READY_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """The players service, what it serves, and the ids of the media server by title."""

    url: str
    server: str
    ids: Mapping[str, str]
    artists: Mapping[str, str]
    albums: Mapping[str, str]
    player: Player
    home: Path
    processes: Processes
    gateway: str

    def get(self, path: str, **parameters: object) -> httpx.Response:
        """Call as a plugin does: with the key as bearer token."""
        headers = {"Authorization": f"Bearer {self.player.key}"}
        url, given = f"{self.url}{path}", {k: str(v) for k, v in parameters.items()}
        return httpx.get(url, params=given, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not (SERVERS / "subsonic-cli").exists():
        skip(LIBRARY_SERVERS)
    base = tmp_path_factory.mktemp("players")
    home = base / "home"
    home.mkdir()
    _write_music(base / "music")
    with supysonic(base / "music", base / "supysonic") as server:
        _sync(home, server)
        ids, artists, albums = _ids(server)
        client, secret = ClientFolder(home / "access").create("p", (Scope.READ, Scope.LIBRARY))
        player = PlayerFolder(home / "access").add("navidrome")
        known(player.key), known(secret)
        ports = dict(zip((*SERVICES, "players"), free_ports(6), strict=True))
        environment = {f"QUINTET_{name.upper()}_PORT": str(p) for name, p in ports.items()}
        environment |= {
            **{"QUINTET_HOME": str(home), "QUINTET_AUTH": "on", "QUINTET_GATEWAY_GRPC_PORT": "0"},
            **{"QUINTET_GATEWAY_BUDGET_SECONDS": "20", "QUINTET_PLAYERS_SECONDS": "30"},
            **{"QUINTET_PLAYERS_BASE_PATH": "/quintet", "QUINTET_MLFLOW_URI": ""},
            **{"QUINTET_PLAYERS_CLIENT_ID": client.client_id},
            **{"QUINTET_PLAYERS_CLIENT_SECRET": secret},
        }
        with Processes(base / "logs") as processes:
            # All services in one process: five would start five interpreters.
            for name in ("home", "players"):
                processes.start(name, [sys.executable, "-m", f"quintet_{name}"], environment)
            processes.await_answer(f"http://127.0.0.1:{ports['gateway']}/readyz", READY_SECONDS)
            gateway = f"http://127.0.0.1:{ports['gateway']}"
            url = f"http://127.0.0.1:{ports['players']}"
            processes.await_answer(f"{url}/healthz", READY_SECONDS)
            names = (ids, artists, albums)
            yield Running(f"{url}/quintet", server, *names, player, home, processes, gateway)


def _write_music(folder: Path) -> None:
    for number in range(24):
        artist = ARTISTS[number % len(ARTISTS)]
        fields = {"title": f"Song {number}", "artists": artist, "album": f"{artist}'s record"}
        path = folder / artist / f"{number}.wav"
        wav(path, 1.0 + number % 3, 200.0 + 20 * number, date="1999", genres="rock", **fields)


def _sync(home: Path, server: str) -> None:
    settings = TrainingSettings(home=home, database_url="")
    secret = home.parent / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    options = {"user": USER, "send_password": True}
    spec = SourceSpec("home", "subsonic", server, options, f"file:{secret}")
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            add_source(connection, spec)
            add_source(connection, SourceSpec("other", "folder", str(home.parent)))
            since = begin_sync(connection, "other")
            # Another source, whose songs must never come.
            record_items(connection, "other", [*map(_other, range(60))], since)
        sync_source(settings, "home")
        random = Random(7)
        with writing(engine) as connection:
            # As an analysis would: supysonic has no audio features.
            items = [*items_of_source(connection, "home"), *items_of_source(connection, "other")]
            rows = [(item.track_id, _features(random)) for item in items]
            put_features(connection, "analysis", rows)
    finally:
        engine.dispose()
    publish_catalogue(settings)
    publish_model(home)


def _other(number: int) -> Item:
    return Item(
        f"{number:032x}",
        f"Other {number}",
        [f"Other {number % 20}"],
        180_000.0,
        genres=["rock"],
        audio_hash=f"{number:032x}",
    )


def _features(random: Random) -> dict[str, float | None]:
    unit = ("acousticness", "danceability", "energy", "instrumentalness", "liveness")
    return {
        **{name: random.random() for name in (*unit, "speechiness", "valence")},
        **{"key": float(random.randrange(12)), "mode": float(random.randrange(2))},
        **{"loudness": random.uniform(-20, -4), "tempo": random.uniform(70, 170)},
        "time_signature": 4.0,
    }


def _ids(server: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    given = {"u": USER, "p": PASSWORD, "v": "1.16.1", "c": "test", "f": "json", "query": ""}
    given |= {"songCount": "100", "artistCount": "0", "albumCount": "0"}
    answer = httpx.get(f"{server}/rest/search3.view", params=given, trust_env=False, timeout=60)
    songs = answer.json()["subsonic-response"]["searchResult3"]["song"]
    assert len(songs) == 24
    return (
        {song["title"]: song["id"] for song in songs},
        {song["artist"]: song["artistId"] for song in songs},
        {song["album"]: song["albumId"] for song in songs},
    )
