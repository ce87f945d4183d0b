"""Analyse many files: workers measure, the perceptual model hears batches of excerpts."""

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from quintet_analysis.measuring import Measured
from quintet_analysis.perception import Perceived, Perception
from quintet_analysis.pool import Pool

_BATCH: Final = 16
"""Excerpts per process of the model: starting one takes as long as hearing two excerpts."""
_MOST_BATCHES: Final = 2
"""Batches that run or wait. More would only fill the disk, with 3.8 MB per excerpt."""


@dataclass(frozen=True)
class Job:
    """A file to analyse: `key` is the caller's name of it, `path` as `os.fsdecode` gives it."""

    key: str
    path: str


@dataclass(frozen=True)
class Result:
    """What is known of one file.

    Attributes:
        job: The file.
        measured: Its attributes; None if the file failed.
        perceived: The seven attributes of the model; None without a model and for silence.
        failure: Why something is missing, in one line; "" if nothing failed.
    """

    job: Job
    measured: Measured | None
    perceived: Perceived | None = None
    failure: str = ""


def analyse(
    jobs: Iterable[Job],
    pool: Pool,
    perception: Perception | None,
    scratch: Path,
    on_result: Callable[[Result], None],
) -> None:
    """Analyse files; at most two per worker and three batches of excerpts exist at a time.

    Args:
        jobs: Files, read lazily.
        pool: The worker processes. An error, Ctrl-C included, closes it.
        perception: The perceptual model; None leaves its attributes missing.
        scratch: An existing folder for excerpts; each is removed as soon as it was heard.
        on_result: Called in this thread for each file, in the order in which they end.

    Raises:
        AnalysisStopped: The disk is full, or a program is missing. Results so far were delivered.
        OSError: `scratch` cannot be written.
    """
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix="run-") as folder,
        ThreadPoolExecutor(pool.workers, "measure") as measuring,
        ThreadPoolExecutor(1, "hear") as hearing,
    ):
        run = _Run(pool, perception, Path(folder), on_result, measuring, hearing)
        try:
            run.work(jobs)
        except BaseException:
            # Without this, leaving the block would wait for the files that are being measured.
            run.cancel()
            raise


class _Run:
    """One run; its methods are called from one thread."""

    def __init__(
        self,
        pool: Pool,
        perception: Perception | None,
        folder: Path,
        on_result: Callable[[Result], None],
        measuring: ThreadPoolExecutor,
        hearing: ThreadPoolExecutor,
    ) -> None:
        self._pool, self._perception, self._folder = pool, perception, folder
        self._on_result = on_result
        self._measuring, self._hearing = measuring, hearing
        self._measured: dict[Future[Measured | str], tuple[Job, Path | None]] = {}
        self._heard: dict[Future[list[Perceived | str]], list[Result]] = {}
        self._batch: list[tuple[Result, Path]] = []
        self._numbers = count()

    def work(self, jobs: Iterable[Job]) -> None:
        """Run all jobs to their end."""
        waiting = iter(jobs)
        while True:
            for job in islice(waiting, 2 * self._pool.workers - len(self._measured)):
                self._start(job)
            if not self._measured:
                break
            self._take_some()
        self._hear()
        while self._heard:
            self._take_some()

    def cancel(self) -> None:
        """Let nothing more start, and end what runs."""
        futures: set[Future[Any]] = {*self._measured, *self._heard}
        for future in futures:
            future.cancel()
        self._pool.close()

    def _start(self, job: Job) -> None:
        # Numbered, because a key is text from outside and cannot name a file.
        excerpt = self._folder / f"{next(self._numbers)}.wav" if self._perception else None
        future = self._measuring.submit(self._pool.measure, job.path, excerpt)
        self._measured[future] = (job, excerpt)

    def _take_some(self) -> None:
        """Wait until something has ended, and deliver it or pass it on."""
        futures: set[Future[Any]] = {*self._measured, *self._heard}
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            if future in self._heard:
                self._deliver(future)
            else:
                job, excerpt = self._measured.pop(future)
                self._take_measured(job, excerpt, future.result())

    def _take_measured(self, job: Job, excerpt: Path | None, found: Measured | str) -> None:
        if isinstance(found, str):
            self._on_result(Result(job, None, failure=found))
        elif excerpt is None or not found.has_excerpt:
            self._on_result(Result(job, found))
        else:
            self._batch.append((Result(job, found), excerpt))
            if len(self._batch) == _BATCH:
                self._hear()

    def _hear(self) -> None:
        if not self._batch or self._perception is None:
            return
        while len(self._heard) >= _MOST_BATCHES:
            self._deliver(wait(self._heard, return_when=FIRST_COMPLETED).done.pop())
        results, excerpts = zip(*self._batch, strict=True)
        self._heard[self._hearing.submit(self._perception.hear, excerpts)] = list(results)
        self._batch = []

    def _deliver(self, future: "Future[list[Perceived | str]]") -> None:
        for result, heard in zip(self._heard.pop(future), future.result(), strict=True):
            # What was measured counts, also if the model failed at this file.
            found = {"failure": heard} if isinstance(heard, str) else {"perceived": heard}
            self._on_result(replace(result, **found))
