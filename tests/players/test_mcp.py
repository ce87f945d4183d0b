"""`quintet mcp` with the SDK's own client, over stdio and HTTP, against the whole installation."""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_command.library_worker import LibraryWorker
from quintet_command.mcp_server.server import security_of
from quintet_command.mcp_server.settings import McpSettings
from quintet_command.ports import free_ports
from quintet_settings import sqlite_url

from tests.known_secrets import known
from tests.players.conftest import Running
from tools.processes import environment_without

READS = {"search", "recommend", "explain", "path", "radio"}
LISTS = {"list_playlists", "create_playlist", "push_playlist"}


def credentials(running: Running, *scopes: Scope) -> dict[str, str]:
    client, secret = ClientFolder(running.home / "access").create(uuid4().hex, scopes)
    return {"client_id": client.client_id, "client_secret": known(secret)}


def token(running: Running, *scopes: Scope) -> str:
    form = {"grant_type": "client_credentials", **credentials(running, *scopes)}
    answer = httpx.post(f"{running.gateway}/api/token", data=form, trust_env=False, timeout=60)
    return known(answer.json()["access_token"])


@asynccontextmanager
async def over_stdio(running: Running, *scopes: Scope) -> AsyncIterator[Client]:
    who = credentials(running, *scopes)
    environment = {
        **environment_without("QUINTET_"),
        **{"QUINTET_GATEWAY_URL": running.gateway, "QUINTET_MCP_SECONDS": "30"},
        **{"QUINTET_MCP_CLIENT_ID": who["client_id"]},
        **{"QUINTET_MCP_CLIENT_SECRET": who["client_secret"]},
    }
    arguments = ["-m", "quintet_command", "mcp"]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
    async with Client(server, read_timeout_seconds=60) as client:
        yield client


@pytest.fixture(scope="module")
def address(running: Running) -> Iterator[str]:
    """Where `quintet mcp --http` answers."""
    (port,) = free_ports(1)
    environment = {
        **{"QUINTET_GATEWAY_URL": running.gateway, "QUINTET_AUTH": "on"},
        **{"QUINTET_MCP_PORT": str(port), "QUINTET_MCP_SECONDS": "30"},
    }
    command = [sys.executable, "-m", "quintet_command", "mcp", "--http"]
    running.processes.start("mcp", command, environment)
    running.processes.await_answer(f"http://127.0.0.1:{port}/healthz", 60)
    yield f"http://127.0.0.1:{port}/mcp"
    running.processes.programs.pop("mcp").end()


@asynccontextmanager
async def over_http(url: str, bearer: str, **headers: str) -> AsyncIterator[Client]:
    given = {"Authorization": f"Bearer {bearer}", **headers}
    async with (
        httpx2.AsyncClient(headers=given, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), read_timeout_seconds=60) as client,
    ):
        yield client


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Calls a tool that must succeed; its text must say the same as its structure."""
    result: Any = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def failed(client: Client, tool: str, **arguments: Any) -> str:
    result: Any = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)


async def test_every_tool_has_a_description_schemas_and_hints(running: Running) -> None:
    async with over_stdio(running, Scope.READ) as client:
        tools: Any = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == READS | LISTS
    for tool in tools:
        assert tool.description
        assert tool.description.endswith(".")
        assert tool.input_schema["type"] == tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint is (tool.name in READS | {"list_playlists"})


async def test_an_assistant_finds_recommends_and_explains_over_stdio(running: Running) -> None:
    async with over_stdio(running, Scope.READ) as client:
        found = await called(client, "search", text="Song 3", limit=5)
        song = next(each for each in found["songs"] if each["title"] == "Song 3")
        assert song["artists"]
        # By id and by name it is the same song.
        by_id = await called(client, "recommend", seeds=[song["id"]], limit=5)
        by_name = await called(client, "recommend", seeds=["Song 3"], limit=5)
        assert by_id["seeds"] == by_name["seeds"] == [song]
        assert ids_of(by_id) == ids_of(by_name)
        assert [each["rank"] for each in by_id["songs"]] == [1, 2, 3, 4, 5]
        assert all(each["why"] for each in by_id["songs"])

        first = by_id["songs"][0]
        explained = await called(client, "explain", song=first["id"], seeds=[song["id"]])
        assert explained["song"]["title"] == first["title"]
        assert explained["facts"]
        path = await called(client, "path", start="Song 3", end="Song 8", length=5)
        assert [each["position"] for each in path["songs"]] == [1, 2, 3, 4, 5]
        assert (path["songs"][0]["title"], path["songs"][-1]["title"]) == ("Song 3", "Song 8")
        assert [bool(each["step"]) for each in path["songs"]] == [False, True, True, True, True]

        radio = await called(client, "radio", seeds=["Song 3"], limit=3)
        more = await called(client, "radio", cursor=radio["cursor"], limit=3)
        assert [each["position"] for each in more["songs"]] == [4, 5, 6]
        assert not {*ids_of(radio)} & {*ids_of(more)}


async def test_a_mistake_is_said_in_words(running: Running) -> None:
    async with over_stdio(running, Scope.READ) as client:
        assert "No song of the catalogue matches" in await failed(
            client, "recommend", seeds=["zzzz qqqq xxxx"]
        )
        assert "100" in await failed(client, "recommend", seeds=["Song 3"], limit=101)
        assert "seeds" in await failed(client, "recommend", seeds=[])
        assert "Give seeds to start a radio" in await failed(client, "radio")
        assert "listener" in await failed(client, "recommend", seeds=["Song 3"], listener="a b")
        # A client may not do what its scopes do not allow.
        said = await failed(client, "create_playlist", name="x", song_ids=["y"])
        assert "lacks the scope 'playlists'" in said
        assert "quintet clients create" in said


async def test_a_list_becomes_a_playlist_of_the_media_server(running: Running) -> None:
    async with over_stdio(running, Scope.READ, Scope.PLAYLISTS) as client:
        found = await called(client, "search", text="Song", limit=50)
        # Songs of another source have other titles: all of these are the server's.
        ids = [each["id"] for each in found["songs"] if each["title"].startswith("Song")][:4]
        saved = await called(client, "create_playlist", name="Assistant's list", song_ids=ids)
        waiting = await called(client, "push_playlist", list_id=saved["id"], source="home")
        assert (waiting["state"], "quintet library work" in waiting["hint"]) == ("queued", True)
        worker = LibraryWorker(sqlite_url(running.home / "quintet.db"), _command(running))
        worker.run(lambda _: None, once=True)
        listed = await called(client, "list_playlists")
        (mine,) = [each for each in listed["lists"] if each["id"] == saved["id"]]
        assert [(p["source"], p["songs"], p["missing"]) for p in mine["playlists"]] == [
            ("home", 4, 0)
        ]
        assert "home" in listed["sources"]
        assert (
            "there is no source"
            in (
                await failed(client, "push_playlist", list_id=saved["id"], source="nowhere")
            ).lower()
        )


def _command(running: Running) -> Sequence[str]:
    return ("env", f"QUINTET_HOME={running.home}", sys.executable, "-m", "quintet_command")


def ids_of(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["songs"]]


async def test_over_http_each_caller_has_the_scopes_of_their_token(
    running: Running, address: str
) -> None:
    reader, owner = token(running, Scope.READ), token(running, Scope.READ, Scope.PLAYLISTS)
    async with over_http(address, reader) as one, over_http(address, owner) as two:
        assert ids_of(await called(one, "recommend", seeds=["Song 3"], limit=3))
        assert "lacks the scope 'playlists'" in await failed(one, "list_playlists")
        assert (await called(two, "list_playlists"))["more"] is False
        # In turn again: no answer of one caller is that of another.
        assert "lacks the scope 'playlists'" in await failed(one, "list_playlists")


async def test_without_a_valid_token_nothing_is_answered(running: Running, address: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for sent in (None, "Bearer x", "Bearer " + "a.b.c", "Basic eDp5", "Bearer é"):
            headers = accept | ({} if sent is None else {"Authorization": sent})
            raw = [(k.encode(), v.encode()) for k, v in headers.items()]
            answer = await http.post(address, json=call, headers=raw)
            assert answer.status_code == 401, sent
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        # The name of a website that leads here is no problem: no browser adds a token.
        bearer = {"Authorization": f"Bearer {token(running, Scope.READ)}", **accept}
        answer = await http.post(address, json=call, headers={**bearer, "Host": "evil.example"})
        assert answer.status_code != 421


def test_names_of_other_machines_are_denied_without_authentication() -> None:
    off = security_of(McpSettings(mcp_allowed_hosts="music.example"))
    assert off.enable_dns_rebinding_protection
    assert {"127.0.0.1:*", "localhost", "music.example", "music.example:*"} <= {*off.allowed_hosts}
    assert "https://music.example:*" in off.allowed_origins
    assert not security_of(McpSettings(auth="on")).enable_dns_rebinding_protection
    assert security_of(
        McpSettings(auth="on", mcp_allowed_hosts="a.example")
    ).enable_dns_rebinding_protection
    with pytest.raises(ValueError, match="is not loopback"):
        McpSettings(mcp_host="0.0.0.0").check_exposure()
