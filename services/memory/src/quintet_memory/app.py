"""Build the memory service from its settings; the only module that imports every class."""

import asyncio
from typing import Final

import structlog
from quintet.memory.v1 import memory_pb2, memory_pb2_grpc
from quintet_servicekit.server import Service
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_servicekit.tokens import guards
from quintet_store import StoreUnavailable
from quintet_store.reopening import Database

from quintet_memory.adapters import StoredMemories
from quintet_memory.servicer import MemoryServicer
from quintet_memory.settings import MemorySettings

NAME = memory_pb2.DESCRIPTOR.services_by_name["MemoryService"].full_name
_log = structlog.get_logger(__name__)
# Reading is short; more threads would only wait for the one interpreter.
_THREADS: Final = 2
_WAITING: Final = 64
_SWEEP_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 1.0


def build(settings: MemorySettings, memories: StoredMemories | None = None) -> Service:
    """Build the service; nothing is opened, and no port is bound yet.

    Args:
        settings: As read from the environment.
        memories: The memories to serve; those of the settings' database if None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
    """
    stored = memories or StoredMemories(
        Database(settings.database()), settings.kept, settings.kept_seconds
    )
    threads = BoundedThreadPool(_THREADS, "memory", _WAITING)
    servicer = MemoryServicer(stored, threads)

    async def prepare() -> None:
        """Wait for the database: an installation may start it after this service."""
        while True:
            try:
                return await threads.run(stored.open)
            except StoreUnavailable as fault:
                _log.warning("database unavailable", error=str(fault))
                await asyncio.sleep(_RETRY_SECONDS)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            stored.sweep()

    async def close() -> None:
        await threads.close()
        stored.close()

    return Service(
        name=NAME,
        register=lambda server: memory_pb2_grpc.add_MemoryServiceServicer_to_server(
            servicer, server
        ),
        endpoint=settings.endpoint(),
        prepare=prepare,
        background=[sweep],
        close=close,
        interceptors=guards(settings.auth, settings.host, settings.home),
    )
