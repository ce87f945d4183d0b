"""Serve the newest model, published on this machine or promoted in the registry.

Two events change the model: a promotion in the registry, and a model published on this machine, for
example by an import of tracks. The later event decides. So each promotion is applied once: its
bundle is downloaded and checked, `models/current` is set to it, and `models/champion` stores which
promotion that was. `current` therefore names a bundle that was checked; a start without registry
serves it. Several rankers may share the folder.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from quintet_files import write_atomically
from quintet_files.locks import exclusive
from quintet_modelkit.publication import (
    MANIFEST,
    PublicationInvalid,
    current_version,
    fingerprint_of,
    followed_version,
    read_pointer,
    set_current,
)
from quintet_modelkit.registry import (
    CHAMPION,
    ModelRecord,
    Registry,
    RegistryInvalid,
    RegistryUnavailable,
    forget_old,
)
from quintet_servicekit.follower import Follower
from quintet_servicekit.logs import note_served
from quintet_servicekit.metrics import MODEL_TIME, REFUSED, REGISTRY_UP, note_version
from quintet_servicekit.retry import RetryPolicy

from quintet_ranker.adapters.background import BackgroundWorker, StillBusy
from quintet_ranker.adapters.challenger import ChallengerFollower
from quintet_ranker.adapters.engine_model import EngineModel
from quintet_ranker.adapters.index_placement import model_loader
from quintet_ranker.domain import RankingModel
from quintet_ranker.settings import RankerSettings

_log = structlog.get_logger(__name__)
KIND: Final = "model"
# The file in the folder of models that stores the promotion applied last.
_APPLIED: Final = "champion"
# The lock of the process that applies a promotion.
_APPLYING: Final = ".champion.lock"
# Seconds. Repairing a registry or a disk takes minutes; polling more often would not help.
_MAX_RETRY_SECONDS: Final = 600.0
# Seconds between attempts while nothing is served yet.
_START_SECONDS: Final = 0.5
_SALVAGED: Final = " (damaged)"
_Load = Callable[[Path], RankingModel]


@dataclass(frozen=True)
class Refusal:
    """The promotion rejected last, and when it is tried again.

    Attributes:
        token: The promotion; empty if none was rejected.
        version: The version of its bundle.
        reason: Why it was rejected.
        count: How often in a row it was rejected.
        retry_at: The time of the next attempt on the clock of `time.monotonic`, in seconds.
    """

    token: str = ""
    version: str = ""
    reason: str = ""
    count: int = 0
    retry_at: float = 0.0


class ModelFollower:
    """Hold the model served now; a bundle that fails its checks never replaces it.

    Args:
        root: The folder of bundles.
        settings: Polling intervals, deadlines, and how many bundles stay on disk.
        registry: The registry whose champion is served; None to serve what is on disk.
        load: Loads, checks and warms up a bundle; raises if it cannot be served.
        salvage: Loads the intact parts of a damaged bundle; raises if they are not enough.
    """

    def __init__(
        self,
        root: Path,
        settings: RankerSettings,
        registry: Registry | None = None,
        load: _Load = EngineModel.load,
        salvage: _Load = EngineModel.salvage,
    ) -> None:
        self._root = root
        self._settings = settings
        self._registry = registry
        self._challenger = ChallengerFollower(root, settings, registry, load)
        self._load = self._challenger.load_champion
        self._salvage = salvage
        self._background = BackgroundWorker("registry")
        self._refusal = Refusal()
        self._retry = RetryPolicy(settings.registry_seconds, _MAX_RETRY_SECONDS)
        self._up: bool | None = None
        self._follower = Follower[RankingModel](
            KIND,
            lambda: followed_version(root),
            lambda version: self._load(root / version),
            settings.follow_seconds,
            _record_facts,
            lambda version: fingerprint_of(root / version),
            (PublicationInvalid,),
        )
        self._reported: set[tuple[str, str]] = set()

    @property
    def value(self) -> RankingModel:
        """The model served; raises `NotReady` before the first is loaded."""
        return self._follower.value

    @property
    def registry_unavailable(self) -> bool:
        """Whether the registry did not answer the last poll; False without a registry."""
        return self._up is False

    @property
    def load_time(self) -> datetime | None:
        """When this process began to serve the model."""
        return self._follower.load_time

    @property
    def refused_version(self) -> str:
        """The version rejected last; empty if none was, or after a later success."""
        return self._refusal.version or self._follower.refused_version

    @property
    def refused_reason(self) -> str:
        """Why that version was rejected."""
        return self._refusal.reason or self._follower.refused_reason

    def hold_challenger(self, version: str) -> RankingModel | None:
        """Extend the time that a challenger is wanted; return it if it is in memory now."""
        return self._challenger.hold(version)

    @property
    def challenger_version(self) -> str:
        """The version of the challenger in memory; empty if there is none."""
        return self._challenger.version

    @property
    def challenger_refused_reason(self) -> str:
        """Why the challenger asked for last is not in memory; empty if it is, or is loading."""
        return self._challenger.refused_reason

    async def prepare(self) -> None:
        """Wait until a model is served: the one on disk, the registry's, or an earlier bundle."""
        while not await self._follower.refresh():
            await self.poll()
            if self._serving or await self._fall_back():
                return
            await asyncio.sleep(min(self._settings.registry_seconds, _START_SECONDS))

    async def run(self) -> None:
        """Follow disk and registry until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.run())
            group.create_task(self._challenger.run(lambda: self._follower.version))
            if self._registry is not None:
                group.create_task(self._poll_forever())

    async def poll(self) -> None:
        """Ask the registry once for its champion, and load it if the promotion is new."""
        registry, settings = self._registry, self._settings
        if registry is None:
            return
        try:
            # Up to two requests, each with a timeout to connect and one to answer, and a margin.
            limit = 4.0 * settings.registry_timeout + 10.0
            champion = await self._background.run(lambda: registry.named(CHAMPION), limit)
            self._note_up(None)
            if champion is None or not self._wants(champion):
                return
            await self._take(registry, champion)
        except (RegistryUnavailable, TimeoutError, StillBusy) as fault:
            self._note_up(fault)
        except RegistryInvalid as fault:
            # The alias points to a model that no ranker can serve.
            self._refuse(str(fault), CHAMPION, fault)

    async def _take(self, registry: Registry, champion: ModelRecord) -> None:
        try:
            model = await self._background.run(
                lambda: self._bring(registry, champion),
                self._settings.download_seconds,
                beside_requests=self._serving,
            )
        except (RegistryUnavailable, TimeoutError, StillBusy):
            raise
        except Exception as fault:
            self._refuse(champion.token, champion.bundle, fault)
            return
        self._refusal = Refusal()
        if model is not None:
            self._follower.serve(champion.bundle, model)

    def _bring(self, registry: Registry, champion: ModelRecord) -> RankingModel | None:
        """Download and check a bundle and set it as the one in use; on the background thread.

        Returns:
            The model; None if it is already served, or another promotion came meanwhile.
        """
        catalogues = self._root.parent / "catalogue"
        folder = registry.pull(champion, self._root, [catalogues])
        forget_old(self._root, self._settings.kept_models)
        model = None if self._follower.version == champion.bundle else self._load(folder)
        # Rankers that share the folder apply promotions in their order: one that waited, or was
        # stopped, while another applied a later promotion must not set an earlier one again.
        with exclusive(self._root / _APPLYING):
            now = registry.named(CHAMPION)
            if now is None or now.token != champion.token:
                return None
            # Only after the bundle was loaded: `current` never names one that failed its checks.
            set_current(self._root, champion.bundle)
            write_atomically(self._root / _APPLIED, champion.token + "\n")
        return model

    def _wants(self, champion: ModelRecord) -> bool:
        """Decide whether to load a promotion: it is new, or its model is no longer served."""
        if champion.token == self._refusal.token:
            return time.monotonic() >= self._refusal.retry_at
        self._refusal = Refusal()
        # The file outlives the process: a restart does not apply an old promotion again.
        if champion.token != self._applied():
            return True
        lost = self._follower.version != champion.bundle
        return lost and current_version(self._root) == champion.bundle

    def _applied(self) -> str:
        return read_pointer(self._root / _APPLIED)

    def _refuse(self, token: str, version: str, fault: Exception) -> None:
        # A full disk may be cleared and a file replaced, so it is tried again.
        count = self._refusal.count + 1 if token == self._refusal.token else 1
        delay = self._retry.pause(count)
        reason = f"{type(fault).__name__}: {fault}"
        self._refusal = Refusal(token, version, reason, count, time.monotonic() + delay)
        REFUSED.labels(KIND).inc()
        _log.error("promotion rejected", version=version, reason=reason, retry_seconds=delay)

    def _note_up(self, fault: Exception | None) -> None:
        up = fault is None
        REGISTRY_UP.labels(self._settings.registry_name).set(up)
        if up != self._up:
            if fault is None:
                _log.info("registry answers")
            else:
                _log.warning(
                    "registry unavailable; the present model stays", error=str(fault) or "no answer"
                )
        self._up = up

    @property
    def _serving(self) -> bool:
        return self._follower.load_time is not None

    async def _poll_forever(self) -> None:
        while True:
            await self.poll()
            await asyncio.sleep(self._settings.registry_seconds)

    async def _fall_back(self) -> bool:
        """Serve an earlier bundle if the one in use is damaged, the latest first.

        If none is intact, serve the intact parts of the one in use.
        """
        for folder in await asyncio.to_thread(_bundles, self._root):
            try:
                model = await asyncio.to_thread(self._load, folder)
            except Exception as fault:
                self._report("model cannot be used", folder.name, fault)
                continue
            self._follower.serve(folder.name, model)
            _log.warning("serving an earlier model", version=folder.name)
            return True
        return await self._serve_what_is_left()

    async def _serve_what_is_left(self) -> bool:
        version = await asyncio.to_thread(current_version, self._root)
        if version is None:
            return False
        try:
            model = await asyncio.to_thread(self._salvage, self._root / version)
        except Exception as fault:
            self._report("nothing to serve", version, fault)
            return False
        # Under another version, so that the complete bundle stays wanted and is downloaded again.
        self._follower.serve(f"{version}{_SALVAGED}", model)
        _log.warning("serving the intact parts of a model", version=version)
        return True

    def _report(self, event: str, version: str, fault: Exception) -> None:
        """Log an error in one line, and once: the same bundle is tried twice a second at start."""
        reason = " ".join(str(fault).split())
        if (version, reason) not in self._reported:
            self._reported.add((version, reason))
            _log.error(event, version=version, error=reason)


def _record_facts(model: RankingModel) -> None:
    """Add the model served from now on to logs and metrics."""
    facts = model.facts
    note_version("catalogue", facts.catalogue_version)
    note_served(catalogue=facts.catalogue_version)
    # One series at a time, or the age of a former model would still be reported.
    MODEL_TIME.clear()
    MODEL_TIME.labels(facts.kind).set(facts.create_time.timestamp())


def _bundles(root: Path) -> list[Path]:
    """List the bundles other than the one in use, the latest first."""
    current = current_version(root)
    found = [
        path.parent
        for path in root.glob(f"*/{MANIFEST}")
        if path.parent.name != current and not path.parent.name.startswith(".")
    ]
    return sorted(found, key=lambda folder: folder.stat().st_mtime, reverse=True)


def follow_models(settings: RankerSettings) -> ModelFollower:
    """Build the follower of QUINTET_HOME/models and, if its address is set, of the registry."""
    return ModelFollower(
        settings.home / "models", settings, registry_of(settings), model_loader(settings)
    )


def registry_of(settings: RankerSettings) -> Registry | None:
    """Open the registry if its address is set; each one serves one thread at a time."""
    if not settings.registry_uri:
        return None
    # Without retries: all that read it read again anyway.
    return Registry(
        settings.registry_uri, settings.registry_name, settings.registry_timeout, retries=0
    )
