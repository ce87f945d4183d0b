"""Start the gateway: read settings, build the application, serve HTTP and gRPC."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import ValidationError
from quintet_access.files import AccessFileInvalid
from quintet_access.identity import IdentityFolder, IdentityInvalid
from quintet_access.rules import Auth, ExposedWithoutAuth, require_auth_when_exposed
from quintet_contract.addresses import host_port
from quintet_files import keep_private
from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, note_build, start_metrics_server
from quintet_servicekit.server import Service, settle_once_ready
from quintet_servicekit.tracing import TracesInvalid, start_tracing, stop_tracing
from quintet_settings import first_fault

from quintet_gateway.app import build
from quintet_gateway.app.connections import HttpsContext, bounded_protocol
from quintet_gateway.settings import GatewaySettings


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0, or 2 with one line on standard error if a setting is wrong or a port is in use.
    """
    keep_private()
    try:
        settings = GatewaySettings()
        require_auth_when_exposed(Auth(settings.auth), settings.host)
        configure_logs("gateway", settings.log_level, settings.log_form)
        note_build("gateway")
        start_tracing("gateway")
        app = build(settings)
        https = _https(settings)
    except ValidationError as fault:
        return _refuse(first_fault(fault, "QUINTET_GATEWAY_"))
    except (ExposedWithoutAuth, AccessFileInvalid, IdentityInvalid, TracesInvalid) as fault:
        return _refuse(str(fault))
    try:
        start_metrics_server(settings.host, settings.metrics_port)
        listener = _bind(settings.host, settings.port)
    except PortUnavailable as fault:
        return _refuse(f"QUINTET_GATEWAY_METRICS_PORT: {fault}")
    except OSError as fault:
        return _refuse(
            f"{host_port(settings.host, settings.port)} cannot be bound ({fault.strerror}); "
            "choose another port with QUINTET_GATEWAY_PORT."
        )
    try:
        # uvloop: the same interface as asyncio's loop, with less time for each event.
        return uvloop.run(_serve(settings, app, listener, https))
    finally:
        stop_tracing()


def _https(settings: GatewaySettings) -> HttpsContext | None:
    if not settings.https_folder:
        return None
    folder = Path(settings.https_folder)
    return HttpsContext(IdentityFolder(folder, "gateway", with_authority=False))


async def _serve(
    settings: GatewaySettings, app: FastAPI, listener: socket.socket, https: HttpsContext | None
) -> int:
    rpc: Service = app.state.rpc
    # gRPC first: a port in use must end the process before HTTP reports that it is ready.
    try:
        await rpc.start()
    except PortUnavailable as fault:
        return _refuse(str(fault))
    # uvicorn drains on these and then raises them again for the previous handler, whose default
    # would end the process before it has closed its database and channels.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    config = uvicorn.Config(
        app,
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
    # Tasks that run as long as uvicorn serves.
    beside = [asyncio.create_task(settle_once_ready(rpc))]
    if https is not None:
        beside.append(asyncio.create_task(https.follow()))
    await uvicorn.Server(config).serve(sockets=[listener])
    for task in beside:
        task.cancel()
    return 0


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


def _refuse(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
