"""Whom the service answers, for which source, and within which bounds, by a real gateway."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from quintet_access.players import PlayerFolder
from quintet_client import AsyncQuintet, Retries
from quintet_command.ports import free_ports
from quintet_players.app import build
from quintet_players.settings import PlayersSettings
from quintet_store.items import Group
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import gateway_of, own_item, store
from tests.known_secrets import known
from tools.processes import Processes, environment_without

HOME = SourceSpec("home", "subsonic", "https://one.example")
NAS = SourceSpec("nas", "jellyfin", "https://two.example")
FILES = SourceSpec("files", "folder", "/srv/music")


@asynccontextmanager
async def players(
    home: Path, gateway: AsyncQuintet | None = None, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    app = build(PlayersSettings(home=home, **settings), gateway)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost:8600"
        ) as client,
    ):
        yield client


@asynccontextmanager
async def with_gateway(home: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The players service before a real gateway without services: its database answers."""
    async with gateway_of(home) as (app, _):
        gateway = AsyncQuintet(
            "http://localhost",
            transport=httpx.ASGITransport(app),
            retries=Retries(attempts=1),
            timeout=60,
        )
        async with players(home, gateway, **{"seconds": 60, **settings}) as client:
            yield client


@asynccontextmanager
async def silence() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that accepts requests and never answers, with an event: one has arrived."""
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrived
        # The client has closed its connection.
        await ended.wait()


async def error_of(client: httpx.AsyncClient, **given: str) -> tuple[int, str]:
    answer = await client.get("/api/similar_tracks", params={"item_id": "nothing", **given})
    return answer.status_code, answer.json()["error"]


async def test_the_only_media_server_is_the_source(tmp_path: Path) -> None:
    store(tmp_path, FILES, [own_item("x")])
    async with with_gateway(tmp_path) as client:
        code, said = await error_of(client)
        assert (code, "No media server is a source" in said) == (404, True)
        store(tmp_path, HOME, [own_item("a", groups=[Group("artist", "ar", "Ann")])])
        assert await error_of(client) == (
            404,
            "The source 'home' has no song with the id 'nothing'; sync it if the song is new: "
            "quintet library sync home.",
        )


async def test_of_several_media_servers_one_must_be_named(tmp_path: Path) -> None:
    for spec in (HOME, NAS, FILES):
        store(tmp_path, spec, [own_item(spec.name)])
    async with with_gateway(tmp_path) as client:
        code, said = await error_of(client)
        assert (code, "home, nas" in said, "QUINTET_PLAYERS_SOURCE" in said) == (400, True, True)
        assert "'nas'" in (await error_of(client, server="nas"))[1]
        assert (await error_of(client, server="attic"))[0] == 404
        player = PlayerFolder(tmp_path / "access").add("lms", "home")
        keyed = f"/key/{known(player.key)}/api/similar_tracks"
        said = (await client.get(keyed, params={"item_id": "n"})).json()["error"]
        assert "The source 'home' has no song" in said
        answer = await client.get(keyed, params={"item_id": "n", "server": "nas"})
        assert (answer.status_code, "'home' alone" in answer.json()["error"]) == (400, True)
    async with with_gateway(tmp_path, source="nas") as client:
        assert "The source 'nas' has no song" in (await error_of(client))[1]
        # Without authentication a user name alone chooses the player.
        answer = await client.get("/rest/getSimilarSongs", params={"u": "lms", "id": "n"})
        assert "The source &apos;home&apos;" in answer.text or "'home'" in answer.text


async def test_without_authentication_only_this_machine_may_ask(tmp_path: Path) -> None:
    async with players(tmp_path) as client:
        for name, value in (
            ("host", "quintet.example"),
            ("host", "192.168.1.2:8600"),
            ("origin", "https://evil.example"),
        ):
            answer = await client.get("/api/health", headers={name: value})
            assert (answer.status_code, "QUINTET_AUTH=on" in answer.json()["error"]) == (403, True)
        for host in ("localhost:8600", "127.0.0.1", "[::1]:8600"):
            assert (await client.get("/api/health", headers={"host": host})).status_code == 200
    async with players(tmp_path, auth="on") as client:
        answer = await client.get("/api/health", headers={"host": "quintet.example"})
        assert answer.status_code == 200


async def test_a_gateway_that_is_down_is_a_503_and_one_that_hangs_a_504(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with players(tmp_path, gateway_url=url, source="home", seconds=2.0) as client:
        code, said = await error_of(client)
        assert (code, "QUINTET_GATEWAY_URL" in said) == (503, True)
        answer = await client.get("/rest/getSimilarSongs?id=a&f=json")
        assert answer.status_code == 200
        assert answer.json()["subsonic-response"]["error"]["code"] == 0
    async with (
        silence() as (url, _),
        players(tmp_path, gateway_url=url, source="home", seconds=0.5) as client,
    ):
        assert (await error_of(client))[0] == 504


async def test_requests_beyond_the_bound_are_turned_down_and_health_is_answered(
    tmp_path: Path,
) -> None:
    settings: dict[str, Any] = {"source": "home", "seconds": 1.0, "max_in_flight": 1}
    async with (
        silence() as (url, arrived),
        players(tmp_path, gateway_url=url, **settings) as client,
    ):
        first = asyncio.create_task(error_of(client))
        await arrived.wait()
        code, said = await error_of(client)
        assert (code, said) == (429, "Too many requests at once; try again in a second.")
        assert (await client.get("/healthz")).status_code == 200
        assert (await first)[0] == 504


async def test_large_bodies_and_unknown_paths_have_their_answers(tmp_path: Path) -> None:
    async with players(tmp_path, base_path="/music/quintet", source="home") as client:
        answer = await client.post("/music/quintet/api/alchemy", content=b"x" * 70_000)
        assert (answer.status_code, "65536" in answer.json()["error"]) == (413, True)

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield b"x" * 10_000

        answer = await client.post("/music/quintet/api/alchemy", content=pieces())
        assert answer.status_code == 413
        assert (await client.get("/music/quintet/")).json()["status"] == "ok"
        assert (await client.get("/api/similar_tracks")).status_code == 404
        answer = await client.get("/music/quintet/rest/startScan")
        assert 'status="failed"' in answer.text


def test_half_of_the_clients_credentials_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set both or none"):
        PlayersSettings(home=tmp_path, client_id="a")
    with pytest.raises(ValidationError, match="base_path"):
        PlayersSettings(home=tmp_path, base_path="music/")


def test_the_process_drains_at_sigterm_and_names_a_port_in_use(tmp_path: Path) -> None:
    port, metrics = free_ports(2)
    environment = {
        **{"QUINTET_HOME": str(tmp_path), "QUINTET_PLAYERS_PORT": str(port)},
        "QUINTET_PLAYERS_METRICS_PORT": str(metrics),
    }
    command = [sys.executable, "-m", "quintet_players"]
    with Processes(tmp_path / "logs") as processes:
        processes.start("players", command, environment)
        processes.await_answer(f"http://127.0.0.1:{port}/healthz", 60)
        assert httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False).json()
        text = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
        assert 'quintet_players_requests_total{call="none",status="200"} 1.0' in text
        done = subprocess.run(
            command,
            env={**environment_without("QUINTET_"), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert "QUINTET_PLAYERS_METRICS_PORT" in done.stderr
        process = processes.programs["players"].running
        process.terminate()
        assert process.wait(60) == 0
