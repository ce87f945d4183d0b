"""Build the players service: the only module that imports every class."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quintet_access.rules import Auth
from quintet_client import AsyncQuintet
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from quintet_players import audiomuse, envelope
from quintet_players.access import PlayerAccess
from quintet_players.audiomuse import AudioMuse
from quintet_players.faults import PlayerFault
from quintet_players.middleware import HEALTH, Bounds
from quintet_players.mixes import Mixes
from quintet_players.settings import PlayersSettings
from quintet_players.sources import Sources
from quintet_players.subsonic import PREFIX, Subsonic


def build(settings: PlayersSettings, gateway: AsyncQuintet | None = None) -> Starlette:
    """Build the application; nothing is connected before its first request.

    Args:
        settings: As read from the environment.
        gateway: A client of the gateway; that of the settings if None.
    """
    client = gateway or client_of(settings)
    access = PlayerAccess(Auth(settings.auth), settings.home / "access")
    parts = (Mixes(client), Sources(client, settings.source), access)
    subsonic, audio_muse = Subsonic(*parts), AudioMuse(*parts)
    base = settings.base_path

    def render(path: str, fault: PlayerFault) -> Response:
        if path.removeprefix(base).startswith(PREFIX):
            return envelope.render(fault, "xml")
        return audiomuse.render_fault(fault)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    routes: list[BaseRoute] = [
        *subsonic.routes(),
        # For plugins that send no token: the key is a part of their address.
        Mount("/key/{key}", routes=audio_muse.routes()),
        *audio_muse.routes(),
    ]
    inner: list[BaseRoute] = [Mount(base, routes=routes)] if base else routes
    return Starlette(
        routes=[Route(HEALTH, _healthy, name="healthz"), *inner],
        lifespan=lifespan,
        middleware=[
            Middleware(
                Bounds,
                access=access,
                most=settings.max_in_flight,
                most_bytes=settings.max_body_bytes,
                seconds=settings.seconds,
                render=render,
            )
        ],
    )


def client_of(settings: PlayersSettings) -> AsyncQuintet:
    """Open a client of the gateway; a call ends before the request that it belongs to."""
    return AsyncQuintet(
        settings.gateway_url,
        timeout=settings.seconds * 0.9,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        ca_file=settings.gateway_ca,
        connect_timeout=min(1.0, settings.seconds / 2),
        max_connections=settings.max_in_flight,
    )


async def _healthy(_request: Request) -> Response:
    return Response("ok\n", media_type="text/plain")
