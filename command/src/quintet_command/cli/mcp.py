"""`quintet mcp`: a server of the Model Context Protocol, for assistants."""

from importlib.util import find_spec
from typing import Annotated

import typer
from quintet_settings import SettingsInvalid, load

from quintet_command.cli.failure import CommandFailed


def mcp(
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve streamable HTTP at QUINTET_MCP_HOST and _PORT."),
    ] = False,
) -> None:
    """Let an assistant search, recommend and make playlists, by the Model Context Protocol."""
    if find_spec("mcp") is None:
        raise CommandFailed(
            "quintet mcp needs the extra `mcp`, which is not installed; in the repository, run: "
            "uv sync --package quintet-command --extra mcp"
        )
    # Imported here: the other commands should not wait for the SDK, and work without it.
    from quintet_command.mcp_server.server import ServerRefused, serve_http, serve_stdio
    from quintet_command.mcp_server.settings import McpSettings

    try:
        settings = load(McpSettings)
        if http:
            serve_http(settings)
        else:
            serve_stdio(settings)
    except (SettingsInvalid, ServerRefused) as fault:
        raise CommandFailed(str(fault)) from fault
