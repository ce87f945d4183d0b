"""Build the MCP server, and serve it over stdio or HTTP."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Final

import anyio
import uvicorn
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from quintet_client import ApiError, AsyncQuintet, QuintetError, calls
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from quintet_command.mcp_server.access import GatewayVerifier
from quintet_command.mcp_server.gateway import CHECKED, open_gateway
from quintet_command.mcp_server.settings import McpSettings
from quintet_command.mcp_server.tools import add_playlists, add_reading

PATH: Final = "/mcp"
HEALTH: Final = "/healthz"
_MOST_REQUESTS: Final = 64
"""HTTP requests at once; further ones get 503."""
_MOST_BODY: Final = 1024**2
_DRAIN_SECONDS: Final = 5
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_INSTRUCTIONS: Final = (
    "Quintet recommends music from its own catalogue. Find songs with `search`, then pass their "
    "ids to the other tools. Quote `why` as it is: it contains true facts only. To put songs "
    "into the listener's player, save them with `create_playlist`, then use `push_playlist`."
)


class ServerRefused(Exception):
    """The server cannot be started; the message is one line for a person, with the way out."""


def build(settings: McpSettings, *, http: bool) -> tuple[MCPServer, AsyncQuintet]:
    """Build the server with its tools, and the client of the gateway that they use.

    Args:
        settings: As read from the environment.
        http: Whether callers send tokens over HTTP, if QUINTET_AUTH is on.
    """
    of_callers = http and settings.auth == "on"
    gateway = open_gateway(settings, of_callers=of_callers)
    security = AuthSettings(issuer_url=AnyHttpUrl(settings.gateway_url), resource_server_url=None)
    server = MCPServer(
        "quintet",
        title="Quintet",
        version=version("quintet-command"),
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
        auth=security if of_callers else None,
        token_verifier=GatewayVerifier(gateway) if of_callers else None,
        subscriptions=False,
    )
    add_reading(server, gateway)
    add_playlists(server, gateway, settings.mcp_seconds)
    return server, gateway


def serve_stdio(settings: McpSettings) -> None:
    """Serve one client over standard input and output, until the input ends."""

    async def run() -> None:
        server, gateway = build(settings, http=False)
        async with gateway:
            await server.run_stdio_async()

    anyio.run(run)


def http_app(settings: McpSettings) -> Starlette:
    """Build the ASGI application of streamable HTTP; it keeps no session between requests."""
    server, gateway = build(settings, http=True)
    server.custom_route(HEALTH, methods=["GET"])(_health)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=_MOST_BODY,
        transport_security=security_of(settings),
        host=settings.mcp_host,
    )
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with gateway:
            if settings.auth == "on":
                await _check_gateway(gateway)
            async with inner(application):
                yield

    app.router.lifespan_context = lifespan
    return app


def security_of(settings: McpSettings) -> TransportSecuritySettings:
    """Choose by which names callers may reach the server, against DNS rebinding.

    With QUINTET_AUTH=on and no names given, any name is answered, as by the gateway: each call
    needs a token, which no browser adds by itself.
    """
    names = settings.host_names()
    if settings.auth == "on" and not names:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = [*_LOOPBACK, settings.mcp_host, *names]
    allowed = [form for host in hosts for form in (host, f"{host}:*")]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in allowed]
    return TransportSecuritySettings(allowed_hosts=allowed, allowed_origins=origins)


def serve_http(settings: McpSettings) -> None:
    """Serve over HTTP until SIGTERM or SIGINT.

    Raises:
        ServerRefused: It would be open to the network without authentication.
    """
    try:
        settings.check_exposure()
    except ValueError as fault:
        raise ServerRefused(str(fault)) from fault
    config = uvicorn.Config(
        http_app(settings),
        host=settings.mcp_host,
        port=settings.mcp_port,
        log_level="warning",
        limit_concurrency=_MOST_REQUESTS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise ServerRefused(
            f"the MCP server did not start at {settings.mcp_host}:{settings.mcp_port}; the reason "
            "is above"
        )


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _check_gateway(gateway: AsyncQuintet) -> None:
    """Check that the gateway wants tokens too: otherwise any text would pass for one.

    Raises:
        RuntimeError: It answers a token that nobody issued.
    """
    mark = CHECKED.set("none")
    try:
        await gateway.call(calls.genres(limit=1))
    except ApiError:
        return
    except QuintetError:
        return  # it may start later, and each token is checked then
    finally:
        CHECKED.reset(mark)
    raise RuntimeError(
        "QUINTET_AUTH is on, but the gateway answers without a valid token; set QUINTET_AUTH=on "
        "for the gateway too"
    )
