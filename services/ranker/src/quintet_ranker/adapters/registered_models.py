"""List the models of the registry for operators, read in the background."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from quintet_modelkit.registry import Registry, RegistryError

from quintet_ranker.adapters.background import BackgroundWorker, StillBusy
from quintet_ranker.domain import Registered, RegisteredModel, RegistryState

_log = structlog.get_logger(__name__)
MOST_MODELS: Final = 100
_FRESH_SECONDS: Final = 10.0
# A caller waits for so long; a registry with many models takes longer, and its answer is kept.
_PATIENCE_SECONDS: Final = 1.0
_READ_SECONDS: Final = 60.0


class RegisteredModels:
    """The registry's models as read within the last seconds.

    Args:
        registry: Used by no one else, since it serves one thread at a time; None without one.
    """

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._background = BackgroundWorker("registry-list")
        self._known = Registered(
            (), "", RegistryState.OFF if registry is None else RegistryState.UNKNOWN
        )
        self._read_at = -_FRESH_SECONDS
        self._reading: asyncio.Task[None] | None = None

    async def newest(self) -> Registered:
        """Return the models as last read, and read them again if that was some seconds ago."""
        if self._registry is None:
            return self._known
        if self._reading is None or self._reading.done():
            if time.monotonic() - self._read_at < _FRESH_SECONDS:
                return self._known
            self._reading = asyncio.create_task(self._read(self._registry))
        await asyncio.wait({self._reading}, timeout=_PATIENCE_SECONDS)
        return self._known

    async def _read(self, registry: Registry) -> None:
        try:
            models, before = await self._background.run(lambda: _models_of(registry), _READ_SECONDS)
            self._known = Registered(models, before, RegistryState.UP)
        except (RegistryError, TimeoutError, StillBusy) as fault:
            _log.warning("models not listed", error=str(fault) or "no answer")
            known = self._known
            self._known = Registered(
                known.models, known.previous_champion, RegistryState.UNAVAILABLE
            )
        self._read_at = time.monotonic()


def _models_of(registry: Registry) -> tuple[Sequence[RegisteredModel], str]:
    models = tuple(
        RegisteredModel(
            record.version,
            record.bundle,
            record.kind,
            record.catalogue,
            record.aliases,
            record.create_time,
            record.promote_time,
            record.metrics,
        )
        for record in registry.versions()[:MOST_MODELS]
    )
    return models, registry.previous_champion()
