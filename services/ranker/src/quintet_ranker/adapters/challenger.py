"""Keep a challenger in memory beside the champion while an experiment asks for it."""

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
from quintet_servicekit.retry import RetryPolicy

from quintet_ranker.adapters.background import BackgroundWorker, StillBusy
from quintet_ranker.domain import RankingModel, is_version
from quintet_ranker.settings import RankerSettings

_log = structlog.get_logger(__name__)
KIND: Final = "challenger"
# A damaged bundle is repaired by people, so further attempts may be rare.
_MAX_RETRY_SECONDS: Final = 600.0
# A loaded champion is served within this time, or not at all if its deadline had passed.
_ARRIVAL_SECONDS: Final = 10.0


class ChallengerFollower:
    """Hold at most one challenger; each request that asks for it extends the time by some minutes.

    An engine takes gigabytes, so there are never more than two in memory. The challenger is dropped
    before another champion is loaded, and engines are loaded one at a time.

    Args:
        root: The folder of bundles.
        settings: Polling intervals, deadlines, and how long a challenger is kept.
        registry: Where bundles are downloaded from; None to use the disk only.
        load: Loads, checks and warms up a bundle; raises if it cannot be served.
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
        # `_loading` is held for seconds while an engine is loaded; `_slot` only for an assignment.
        self._loading = threading.Lock()
        self._slot = threading.Lock()
        self._champion: Callable[[], str] = str
        self._arriving = ""
        self._arriving_until = 0.0
        self._held: tuple[str, RankingModel] | None = None
        self._wanted = ""
        self._wanted_until = 0.0
        self._reason = ""
        self._refusals = 0
        self._retry = RetryPolicy(settings.registry_seconds, _MAX_RETRY_SECONDS)
        self._retry_at = 0.0

    @property
    def version(self) -> str:
        """The version of the challenger in memory; empty if there is none."""
        held = self._held
        return "" if held is None else held[0]

    @property
    def refused_reason(self) -> str:
        """Why the challenger asked for last is not in memory; empty if it is, or is loading."""
        return self._reason

    def hold(self, version: str) -> RankingModel | None:
        """Extend the time that a challenger is wanted; return it if it is in memory now."""
        if not is_version(version):
            return None
        if version != self._wanted:
            self._wanted, self._reason = version, ""
            self._refusals, self._retry_at = 0, 0.0
        self._wanted_until = time.monotonic() + self._settings.challenger_seconds
        held = self._held
        return held[1] if held is not None and held[0] == version else None

    def load_champion(self, folder: Path) -> RankingModel:
        """Load a bundle as champion; a challenger that is promoted is not loaded again."""
        with self._loading:
            # No variable may refer to the challenger any longer while another engine is loaded.
            model = self._drop(but=folder.name) or self._load(folder)
            self._arriving = folder.name
            self._arriving_until = time.monotonic() + _ARRIVAL_SECONDS
            return model

    async def run(self, champion: Callable[[], str]) -> None:
        """Load the challenger that is wanted, and drop the one that is not, until cancelled.

        Args:
            champion: Returns the version of the champion served.
        """
        self._champion = champion
        while True:
            await self.follow(champion())
            await asyncio.sleep(min(self._settings.follow_seconds, self._settings.registry_seconds))

    async def follow(self, champion: str) -> None:
        """Compare once what is wanted with what is in memory, and load or drop."""
        wanted = self._wanted if time.monotonic() < self._wanted_until else ""
        if self.version and (self.version != wanted or wanted == champion):
            self._drop()
        if wanted == champion:
            # Its lists would be compared with themselves.
            self._reason = f"{wanted} is the champion" if wanted else ""
            return
        if not wanted or self.version == wanted or time.monotonic() < self._retry_at:
            return
        try:
            await self._background.run(lambda: self._bring(wanted), self._settings.download_seconds)
        except Exception as fault:
            self._refuse(wanted, fault)
            return
        if wanted == self._wanted:
            self._reason, self._refusals = "", 0

    def _bring(self, version: str) -> None:
        """Load a bundle from disk, or download it first; runs on the background thread."""
        folder = self._root / version
        if (folder / MANIFEST).exists():
            try:
                self._hold(version, folder)
                return
            except Exception as fault:
                if self._registry is None or isinstance(fault, StillBusy):
                    raise
                _log.warning("challenger on disk cannot be used", version=version, error=str(fault))
        if self._registry is None:
            raise FileNotFoundError(
                f"{version} is not on this machine, and no registry is set (QUINTET_MLFLOW_URI)"
            )
        catalogues = self._root.parent / "catalogue"
        # Files that a published catalogue has already are linked, not downloaded.
        folder = self._registry.pull(self._record(version), self._root, [catalogues])
        forget_old(self._root, self._settings.kept_models)
        self._hold(version, folder)

    def _hold(self, version: str, folder: Path) -> None:
        with self._loading:
            # A loaded champion has not replaced the one before it yet: three engines would be in
            # memory. The next poll tries again.
            if time.monotonic() < self._arriving_until and self._champion() != self._arriving:
                raise StillBusy(f"champion {self._arriving} is about to be served")
            # It may have been promoted since this load was decided. The next poll says so.
            if version == self._champion():
                raise StillBusy(f"{version} has become the champion")
            self._drop()
            model = self._load(folder)
            with self._slot:
                self._held = (version, model)
                VERSION.labels(KIND, version).set(1)
        _log.info("challenger held", version=version)

    def _record(self, version: str) -> ModelRecord:
        """Find a version in the registry, by the challenger's alias or, if it moved, by name."""
        assert self._registry is not None
        record = self._registry.named(CHALLENGER)
        if record is not None and record.bundle == version:
            return record
        for record in self._registry.versions():
            if record.bundle == version:
                return record
        raise RegistryInvalid(
            f"no model in the registry has the version {version}; `quintet models` lists them"
        )

    def _drop(self, but: str = "") -> RankingModel | None:
        """Drop the challenger from memory; the result is the engine if its version is `but`."""
        with self._slot:
            held, self._held = self._held, None
            if held is None:
                return None
            VERSION.remove(KIND, held[0])
            _log.info("challenger dropped", version=held[0])
            return held[1] if held[0] == but else None

    def _refuse(self, version: str, fault: Exception) -> None:
        transient = isinstance(fault, RegistryUnavailable | TimeoutError | StillBusy)
        if not transient:
            REFUSED.labels(KIND).inc()
        _log.warning("challenger not loaded", version=version, reason=str(fault))
        if version != self._wanted:
            # While this one was loaded, another was asked for, which may be loaded at once.
            return
        # An unavailable registry returns soon; a damaged bundle stays damaged for longer.
        self._refusals = 1 if transient else self._refusals + 1
        self._retry_at = time.monotonic() + self._retry.pause(self._refusals)
        busy = isinstance(fault, StillBusy)
        self._reason = "" if busy else f"{type(fault).__name__}: {fault}"
