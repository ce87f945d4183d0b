"""A gateway over the real services, all in this process, on ports that the system chooses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from quintet_gateway.app import build as build_gateway
from quintet_gateway.settings import GatewaySettings
from quintet_memory.app import build as build_memory
from quintet_memory.settings import MemorySettings
from quintet_profile.app import build as build_profile
from quintet_profile.settings import ProfileSettings
from quintet_ranker.app import build as build_ranker
from quintet_ranker.settings import RankerSettings
from quintet_search.app import build as build_search
from quintet_search.settings import SearchSettings

WAIT = 60.0


@contextlib.asynccontextmanager
async def started(service: Any, wait: bool = True) -> AsyncIterator[Any]:
    """Start a service and, unless it cannot become ready here, wait until it is."""
    await service.start()
    try:
        if wait:
            await asyncio.wait_for(service.ready.wait(), WAIT)
        yield service
    finally:
        await service.stop()


@contextlib.asynccontextmanager
async def gateway(home: Path, **settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client of a gateway over real services, and the profile service, to be stopped."""
    async with (
        started(build_search(SearchSettings(home=home, port=0))) as search,
        started(build_profile(ProfileSettings(home=home, port=0))) as profile,
        started(build_ranker(RankerSettings(home=home, port=0))) as ranker,
        started(build_memory(MemorySettings(home=home, port=0))) as memory,
    ):
        services = {"search": search, "profile": profile, "ranker": ranker, "memory": memory}
        addresses: dict[str, Any] = {
            f"{name}_address": f"127.0.0.1:{service.port}" for name, service in services.items()
        }
        app = build_gateway(GatewaySettings(home=home, budget_seconds=30, **addresses, **settings))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            yield client, profile
