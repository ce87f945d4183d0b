"""Serve all services in one event loop: start, report ready, watch, drain."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import copy_context
from typing import Final

import structlog
from quintet_contract.addresses import host_port, reachable_host
from quintet_gateway.serving import serve as serve_gateway
from quintet_servicekit import garbage_collection
from quintet_servicekit.current import as_service
from quintet_servicekit.server import Service

from quintet_home.memory import release_code
from quintet_home.wiring import LIBRARY, Installation

_log = structlog.get_logger(__name__)
_STARTED: Final = time.monotonic()
# A command of the worker stores what it has within eight seconds after an interrupt.
_WORKER_SECONDS: Final = 9.0


async def serve(installation: Installation) -> int:
    """Serve until SIGTERM or SIGINT, or until a service fails; then drain all.

    Gateway and library worker end first: calls that they have open are answered by the services.

    Returns:
        0, or 1 if a service failed.

    Raises:
        PortUnavailable: A port cannot be bound; what was started is stopped again.
    """
    stop, serving = asyncio.Event(), asyncio.Event()
    started: dict[str, Service] = {}
    try:
        for name, service in installation.services.items():
            with as_service(name):
                await service.start()
            started[name] = service
        watching = asyncio.create_task(_watch(started, stop))
        announcing = asyncio.create_task(_announce(installation, serving))
        with as_service("gateway"):
            await serve_gateway(installation.gateway, stop, serving)
        failed = watching.done() and watching.result()
        for task in (watching, announcing):
            task.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
    finally:
        await asyncio.gather(*(_stop(name, each) for name, each in started.items()))
    return 1 if failed else 0


async def _stop(name: str, service: Service) -> None:
    with as_service(name):
        await service.stop()


async def _watch(services: Mapping[str, Service], stop: asyncio.Event) -> bool:
    """Wait until a service fails, log its error and ask all to stop."""
    failing = {asyncio.create_task(each.failed()): name for name, each in services.items()}
    done, _ = await asyncio.wait(failing, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        fault = task.result()
        with as_service(failing[task]):
            _log.error("fault", error=str(fault), exc_info=fault)
    stop.set()
    return True


async def _announce(installation: Installation, serving: asyncio.Event) -> None:
    """Report once that everything is ready, then run the library worker until cancelled."""
    await serving.wait()
    for service in installation.services.values():
        await service.ready.wait()
    garbage_collection.settle()
    release_code()
    settings = installation.gateway.settings
    scheme = "http" if installation.gateway.https is None else "https"
    address = host_port(reachable_host(settings.host), settings.port)
    seconds = round(time.monotonic() - _STARTED, 1)
    _log.info("ready", url=f"{scheme}://{address}", seconds=seconds)
    notify_systemd("READY=1")
    with as_service(LIBRARY):
        await _work(installation)


async def _work(installation: Installation) -> None:
    worker = installation.worker
    # A daemon thread: a command that does not end in time must not keep the process.
    thread = threading.Thread(
        target=copy_context().run,
        args=(worker.run, lambda line: _log.info("work", line=line)),
        daemon=True,
    )
    thread.start()
    try:
        await asyncio.Event().wait()
    finally:
        worker.stop()
        await asyncio.to_thread(thread.join, _WORKER_SECONDS)


def notify_systemd(state: str) -> None:
    """Send a state to systemd, if it started this process; see `sd_notify(3)`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        # A name that begins with @ is in Linux' abstract namespace.
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.send(state.encode())
