"""Analyse the files of the catalogue's tracks: which wait, and where their values go."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quintet_contract.attributes import MEASURED, RANGES
from quintet_files import exclusive
from quintet_store import reading, writing
from quintet_store.features import put_features
from quintet_store.source_items import (
    KnownItem,
    count_files_to_analyse,
    files_to_analyse,
    known_items,
)
from quintet_store.sources import Quarantined, quarantine_items, release_items
from sqlalchemy import Engine

from quintet_analysis.decoding import Limits
from quintet_analysis.perception import Perception
from quintet_analysis.pool import Pool
from quintet_analysis.run import Job, Result, analyse

MEASURED_HERE: Final = "analysis"
"""Provenance of loudness, tempo, key and mode."""
PERCEIVED_HERE: Final = "analysis:vibenet-0.1.0"
"""Provenance of the seven attributes of the perceptual model."""

Progress = Callable[[float, str], None]
"""Receives the completed share, 0..1, and a line that says what is done and how long it takes."""

_STAGE: Final = "analysis"
_PAGE: Final = 200
_WRITTEN_TOGETHER: Final = 16
_WRITTEN_SECONDS: Final = 10.0
"""A killed run loses at most this much finished work, beside the files that are open."""
_DIGITS: Final = {"tempo": 2, "loudness": 1}


def usable_cores() -> int:
    """Count the cores that this process may use; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Options:
    """What to analyse, and how much of the machine to use.

    Attributes:
        source: Only files of this source; empty for all.
        most: Files of one run; None for all.
        workers: Files that are decoded at the same time.
        nice: How far the priority is lowered, 0 to 19.
        limits: What one file may cost.
    """

    source: str = ""
    most: int | None = None
    workers: int = 1
    nice: int = 10
    limits: Limits = field(default_factory=Limits)


@dataclass
class Report:
    """What a run did.

    Attributes:
        waiting: Files that waited for analysis at the start.
        analysed: Files with values.
        perceived: Those with the seven attributes of the perceptual model.
        silent: Those without sound, which have only their loudness.
        failed: (path, reason) of the first files without values, or without those of the model.
        failures: The number of all such files.
        audio_seconds: Length of the music that was analysed.
        seconds: Time on the clock.
    """

    waiting: int = 0
    analysed: int = 0
    perceived: int = 0
    silent: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    failures: int = 0
    audio_seconds: float = 0.0
    seconds: float = 0.0


_MOST_FAILED: Final = 20


def analyse_catalogue(
    engine: Engine,
    scratch: Path,
    ffmpeg: str,
    perception: Perception | None,
    options: Options,
    on_progress: Progress,
) -> Report:
    """Analyse files whose tracks have no values yet; two runs at once wait for each other.

    Results are committed as they come. A run that is killed or stopped is resumed by the next one.
    Files that fail go to quarantine with the reason, and are tried again after they change.

    Args:
        engine: The database.
        scratch: A folder for excerpts; it is created.
        ffmpeg: The program that decodes.
        perception: The perceptual model; None leaves its attributes missing.
        options: What to analyse.
        on_progress: Called after every file.

    Raises:
        AnalysisStopped: The disk is full, or a program is missing. What was stored stays.
        StoreUnavailable: The database failed; what was stored before stays.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    on_progress(0.0, "Waiting for another analysis to end")
    with exclusive(scratch / ".lock"):
        for left in scratch.glob("run-*"):  # of a run that was killed
            shutil.rmtree(left)
        run = _CatalogueRun(engine, perception is not None, options, on_progress)
        try:
            with Pool(options.workers, ffmpeg, options.limits, options.nice) as pool:
                analyse(run.jobs(), pool, perception, scratch, run.take)
        finally:
            run.write()
        run.report.seconds = time.monotonic() - run.started
    return run.report


class _CatalogueRun:
    """One run over the catalogue; its methods are called from one thread."""

    def __init__(
        self, engine: Engine, with_model: bool, options: Options, on_progress: Progress
    ) -> None:
        self._engine, self._options, self._on_progress = engine, options, on_progress
        self._provenance = PERCEIVED_HERE if with_model else MEASURED_HERE
        self._items: dict[str, KnownItem] = {}
        self._finished: list[tuple[KnownItem, Result]] = []
        self._written = self.started = time.monotonic()
        self.report = Report()
        with reading(engine) as connection:
            waiting = count_files_to_analyse(
                connection, source=options.source, provenance=self._provenance
            )
        self.report.waiting = waiting
        self._total = waiting if options.most is None else min(waiting, options.most)

    def jobs(self) -> Iterator[Job]:
        """Read the files that wait, a page at a time."""
        after, left = "", self._total
        while left > 0:
            with reading(self._engine) as connection:
                page = files_to_analyse(
                    connection,
                    source=self._options.source,
                    provenance=self._provenance,
                    after=after,
                    limit=_PAGE,
                )
            if not page:
                return
            for item in page[:left]:
                self._items[item.track_id] = item
                yield Job(item.track_id, item.path)
            after, left = page[-1].track_id, left - len(page)

    def take(self, result: Result) -> None:
        """Note a result, and write those that have gathered."""
        item = self._items.pop(result.job.key)
        self._finished.append((item, result))
        self._count(item, result)
        now = time.monotonic()
        if len(self._finished) >= _WRITTEN_TOGETHER or now - self._written > _WRITTEN_SECONDS:
            self.write()
        done = self.report.analysed + self.report.failures
        self._on_progress(min(1.0, done / max(1, self._total)), self._line(done, now))

    def write(self) -> None:
        """Store what has gathered, in one transaction."""
        finished, self._finished = self._finished, []
        self._written = time.monotonic()
        if not finished:
            return
        with writing(self._engine) as connection:
            kept = [
                (item, result)
                for item, result in finished
                if _is_current(item, known_items(connection, item.source, [item.item_id]))
            ]
            measured = [
                (item.track_id, measured_values(result))
                for item, result in kept
                if result.measured is not None
            ]
            put_features(connection, MEASURED_HERE, measured)
            if self._provenance == PERCEIVED_HERE:
                # A row without values says that the model has nothing to say, as of silence.
                heard = [
                    (item.track_id, perceived_values(result))
                    for item, result in kept
                    if result.measured is not None and not result.failure
                ]
                put_features(connection, PERCEIVED_HERE, heard)
            quarantine_items(connection, [_quarantined(item, r) for item, r in kept if r.failure])
            for item, result in kept:
                if not result.failure:
                    release_items(connection, item.source, _STAGE, [item.item_id])

    def _count(self, item: KnownItem, result: Result) -> None:
        report = self.report
        if result.failure:
            report.failures += 1
            if len(report.failed) < _MOST_FAILED:
                report.failed.append((item.path, result.failure))
        else:
            report.analysed += 1
        if result.measured is not None:
            report.audio_seconds += result.measured.duration_ms / 1000
            report.silent += result.measured.is_silent
        report.perceived += result.perceived is not None

    def _line(self, done: int, now: float) -> str:
        rate = done / max(1e-9, now - self.started)
        left = (self._total - done) / rate if rate else 0.0
        text = f"{done:,} of {self._total:,} files, {rate:.2f} per second, {_span(left)} left"
        return f"{text}, {self.report.failures:,} failed" if self.report.failures else text


def measured_values(result: Result) -> dict[str, float | None]:
    """Give what was measured, as the catalogue stores it: rounded, and nothing out of range."""
    found = result.measured
    values: dict[str, Any] = {
        name: getattr(found, name) for name in ("loudness", "tempo", "key", "mode")
    }
    return {name: _storable(name, value) for name, value in values.items()}


def perceived_values(result: Result) -> dict[str, float | None]:
    """Give what the model predicts, rounded; nothing for silence."""
    return {name: _storable(name, value) for name, value in (result.perceived or {}).items()}


def _storable(name: str, value: float | None) -> float | None:
    low, high = RANGES[name]
    # A file of floating point numbers may be louder than any master; that is no loudness.
    if value is None or name not in MEASURED or not low <= value <= high:
        return None
    return round(float(value), _DIGITS.get(name, 4))


def _is_current(item: KnownItem, known: Mapping[str, KnownItem]) -> bool:
    """Check that an item was not removed, or given to another track, since it was read."""
    return item.item_id in known and known[item.item_id].track_id == item.track_id


def _quarantined(item: KnownItem, result: Result) -> Quarantined:
    return Quarantined(
        source=item.source,
        item_id=item.item_id,
        stage=_STAGE,
        reason=result.failure,
        path=item.path,
        size=item.size,
        mtime_ns=item.mtime_ns,
    )


def _span(seconds: float) -> str:
    """Name a length of time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
