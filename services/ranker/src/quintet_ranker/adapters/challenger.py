"""Holds a challenger beside the champion, for as long as an experiment asks for it."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from quintet_modelkit.publication import MANIFEST
from quintet_modelkit.registry import (
    CHALLENGER,
    ModelRecord,
    Registry,
    RegistryInvalid,
    RegistryUnavailable,
    forget_old,
)
from quintet_servicekit.metrics import REFUSED, VERSION

from quintet_ranker.adapters.background import BackgroundWorker, StillBusy
from quintet_ranker.domain import RankingModel, is_version
from quintet_ranker.settings import RankerSettings

_log = structlog.get_logger(__name__)
KIND: Final = "challenger"
_MAX_RETRY_SECONDS: Final = 600.0
# A champion that was loaded is served at once, or never where its time had run out.
_ARRIVAL_SECONDS: Final = 10.0


class ChallengerFollower:
    """Holds at most one challenger; each request that asks for it keeps it for some minutes more.

    With the champion that makes two engines in memory, also while a champion is being replaced:
    `load` lets the challenger go before another champion comes in, and both come one by one.

    Args:
        root: The folder of bundles.
        settings: How often to look, how long to wait and to keep.
        registry: Where it is fetched from; None to take what is on disk.
        load: Reads a bundle, proves it and warms it up; raises where it is not fit to serve.
    """

    def __init__(
        self,
        root: Path,
        settings: RankerSettings,
        registry: Registry | None,
        load: Callable[[Path], RankingModel],
    ) -> None:
        self._root = root
        self._settings = settings
        self._registry = registry
        self._load = load
        self._background = BackgroundWorker(KIND)
        # One engine comes in at a time; the slot's own lock is held for no longer than a moment.
        self._loading = threading.Lock()
        self._slot = threading.Lock()
        self._champion: Callable[[], str] = str
        self._arriving = ""
        self._arriving_until = 0.0
        self._held: tuple[str, RankingModel] | None = None
        self._wanted = ""
        self._wanted_until = 0.0
        self._reason = ""
        self._delay = 0.0
        self._retry_at = 0.0

    @property
    def version(self) -> str:
        """The challenger held; empty where none is."""
        held = self._held
        return "" if held is None else held[0]

    @property
    def refused_reason(self) -> str:
        """Why the one asked for last is not held; empty where it is or is on its way."""
        return self._reason

    def hold(self, version: str) -> RankingModel | None:
        """Notes that a challenger is wanted, and returns it if it is in memory now."""
        if not is_version(version):
            return None
        if version != self._wanted:
            self._wanted, self._reason = version, ""
            self._delay = self._retry_at = 0.0
        self._wanted_until = time.monotonic() + self._settings.challenger_seconds
        held = self._held
        return held[1] if held is not None and held[0] == version else None

    def load_champion(self, folder: Path) -> RankingModel:
        """Returns a bundle as champion: the challenger held where it is that, else a new one."""
        with self._loading:
            # Nothing here may go on naming a challenger while another engine comes in.
            model = self._drop(but=folder.name) or self._load(folder)
            self._arriving = folder.name
            self._arriving_until = time.monotonic() + _ARRIVAL_SECONDS
            return model

    async def run(self, champion: Callable[[], str]) -> None:
        """Fetches what is wanted and lets go what no longer is, until cancelled.

        Args:
            champion: Returns the version of the champion served.
        """
        self._champion = champion
        while True:
            await self.follow(champion())
            await asyncio.sleep(min(self._settings.follow_seconds, self._settings.registry_seconds))

    async def follow(self, champion: str) -> None:
        """Looks once at what is wanted."""
        wanted = self._wanted if time.monotonic() < self._wanted_until else ""
        if self.version and (self.version != wanted or wanted == champion):
            self._drop()
        if wanted == champion:
            self._reason = f"{wanted} is the champion" if wanted else ""
            return
        if not wanted or self.version == wanted or time.monotonic() < self._retry_at:
            return
        try:
            await self._background.run(lambda: self._bring(wanted), self._settings.download_seconds)
        except Exception as fault:
            self._refuse(wanted, fault)
            return
        self._reason, self._delay = "", 0.0

    def _bring(self, version: str) -> None:
        """Takes a bundle from disk, else from the registry; on the background thread."""
        folder = self._root / version
        if (folder / MANIFEST).exists():
            try:
                self._hold(version, folder)
                return
            except Exception as fault:
                if self._registry is None or isinstance(fault, StillBusy):
                    raise
                _log.warning("challenger on disk is not fit", version=version, error=str(fault))
        if self._registry is None:
            raise FileNotFoundError(f"{version} is not on this machine, and no registry is set")
        catalogues = self._root.parent / "catalogue"
        folder = self._registry.pull(self._record(version), self._root, [catalogues])
        forget_old(self._root, self._settings.kept_models)
        self._hold(version, folder)

    def _hold(self, version: str, folder: Path) -> None:
        with self._loading:
            self._wait_for_champion()
            self._drop()
            model = self._load(folder)
            with self._slot:
                self._held = (version, model)
                VERSION.labels(KIND, version).set(1)
        _log.info("challenger held", version=version)

    def _wait_for_champion(self) -> None:
        """Refuses, for now, where a champion is loaded and the one before it is served still.

        Raises:
            StillBusy: That is so.
        """
        if time.monotonic() < self._arriving_until and self._champion() != self._arriving:
            raise StillBusy(f"champion {self._arriving} is coming in")

    def _record(self, version: str) -> ModelRecord:
        """Returns the version in the registry: the challenger's, else, once it has moved, any."""
        assert self._registry is not None
        record = self._registry.named(CHALLENGER)
        if record is not None and record.bundle == version:
            return record
        for record in self._registry.versions():
            if record.bundle == version:
                return record
        raise RegistryInvalid(f"no registered model is called {version}")

    def _drop(self, but: str = "") -> RankingModel | None:
        """Lets the challenger go; returns it where it is a version that is still wanted."""
        with self._slot:
            held, self._held = self._held, None
            if held is None:
                return None
            VERSION.remove(KIND, held[0])
            _log.info("challenger let go", version=held[0])
            return held[1] if held[0] == but else None

    def _refuse(self, version: str, fault: Exception) -> None:
        # A registry that is away comes back soon; a bundle that is not fit stays so for longer.
        away = isinstance(fault, RegistryUnavailable | TimeoutError | StillBusy)
        shortest = self._settings.registry_seconds
        self._delay = shortest if away else min(2 * self._delay or shortest, _MAX_RETRY_SECONDS)
        self._retry_at = time.monotonic() + self._delay
        busy = isinstance(fault, StillBusy)
        self._reason = "" if busy else f"{type(fault).__name__}: {fault}"
        if not away:
            REFUSED.labels(KIND).inc()
        _log.warning("no challenger", version=version, reason=str(fault))
