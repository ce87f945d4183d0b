"""Serve the gateway's application: HTTP by uvicorn, feedback by gRPC, each on its port."""

import asyncio
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from quintet_access.identity import IdentityFolder
from quintet_access.rules import Auth, require_auth_when_exposed
from quintet_contract.addresses import host_port
from quintet_servicekit.server import PortUnavailable, Service, settle_once_ready

from quintet_gateway.app import build
from quintet_gateway.app.connections import HttpsContext, bounded_protocol
from quintet_gateway.settings import GatewaySettings


@dataclass(frozen=True)
class Gateway:
    """A gateway that is built, and serves nothing yet.

    Attributes:
        settings: As read from the environment.
        app: The application.
        https: The certificate to serve HTTPS with; HTTP if None.
    """

    settings: GatewaySettings
    app: FastAPI
    https: HttpsContext | None


def build_gateway(settings: GatewaySettings) -> Gateway:
    """Build the application and read its certificate; no port is bound yet.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
        AccessFileInvalid: QUINTET_HOME cannot be written.
        IdentityInvalid: There is no usable certificate.
    """
    require_auth_when_exposed(Auth(settings.auth), settings.host)
    return Gateway(settings, build(settings), _https(settings))


def _https(settings: GatewaySettings) -> HttpsContext | None:
    if not settings.https_folder:
        return None
    folder = Path(settings.https_folder)
    return HttpsContext(IdentityFolder(folder, "gateway", with_authority=False))


async def serve(
    gateway: Gateway,
    stop: asyncio.Event | None = None,
    serving: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Args:
        gateway: What to serve.
        stop: Ends serving as a signal does, when it is set.
        serving: Is set once both ports answer.

    Raises:
        PortUnavailable: The HTTP port or the gRPC port cannot be bound.
    """
    rpc: Service = gateway.app.state.rpc
    listener = bound_listener(gateway.settings)
    # gRPC first: a port in use must end the process before HTTP reports that it is ready.
    try:
        await rpc.start()
    except PortUnavailable:
        listener.close()
        raise
    # uvicorn drains on these and then raises them again for the previous handler, whose default
    # would end the process before it has closed its database and channels.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    server = _Server(_config(gateway), serving or asyncio.Event())
    # Tasks that run as long as uvicorn serves.
    beside = [asyncio.create_task(settle_once_ready(rpc))]
    if gateway.https is not None:
        beside.append(asyncio.create_task(gateway.https.follow()))
    if stop is not None:
        beside.append(asyncio.create_task(_stop_when(stop, server)))
    await server.serve(sockets=[listener])
    for task in beside:
        task.cancel()


class _Server(uvicorn.Server):
    """uvicorn's server, which sets an event once it listens."""

    def __init__(self, config: uvicorn.Config, serving: asyncio.Event) -> None:
        super().__init__(config)
        self._serving = serving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._serving.set()


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


def _config(gateway: Gateway) -> uvicorn.Config:
    settings, https = gateway.settings, gateway.https
    return uvicorn.Config(
        gateway.app,
        http=bounded_protocol(settings.client_seconds, settings.max_connections),
        ssl_context_factory=None if https is None else lambda _config, _default: https.context,
        # Our middleware writes one structured line per request instead.
        log_config=None,
        access_log=False,
        # The name and version of the server help only those who look for its weaknesses.
        server_header=False,
        # Beyond it uvicorn answers 503 itself, before any of our code runs.
        # QUINTET_GATEWAY_TRUST_PROXY alone decides; uvicorn would believe every local process.
        proxy_headers=False,
        # `bounded_protocol` counts requests; uvicorn would count idle connections too.
        limit_concurrency=None,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.grace,
    )


def bound_listener(settings: GatewaySettings) -> socket.socket:
    """Open the HTTP port.

    Raises:
        PortUnavailable: It cannot be bound; the message names the setting.
    """
    try:
        return _bind(settings.host, settings.port)
    except OSError as fault:
        raise PortUnavailable(
            f"{host_port(settings.host, settings.port)} cannot be bound ({fault.strerror}); "
            "choose another port with QUINTET_GATEWAY_PORT."
        ) from fault


def _bind(host: str, port: int) -> socket.socket:
    """Open a listening socket at the first address that the host name resolves to.

    Raises:
        OSError: The address does not exist here, or the port is in use.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart may bind at once, while connections of the last process are in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # The kernel cuts this down to net.core.somaxconn, 4096 by default on Linux.
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
