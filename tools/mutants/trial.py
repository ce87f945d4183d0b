"""Runs collected tests in forked processes: all of them once, then those that a change concerns.

A session of pytest imports and collects the tests, and runs none itself: so it has no threads, and
each fork begins with the same state. The first fork runs all tests and records, by coverage.py,
which test runs which line. Each change then gets a fork that runs the tests of its line, the
fastest first, until one fails.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage, CoverageData

from tools.mutants.changes import Change, Live, put_in

# In processor time, which a busy machine does not change as it does time by the clock.
_LEAST_CPU_SECONDS: Final = 10
_TIMES_SLOWER: Final = 10
_CLOCK_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.005
PASSED, FAILED, LATE = "passed", "failed", "late"


@dataclass(frozen=True)
class Lines:
    """Which tests run which lines, and how long each test takes.

    Attributes:
        tests: Ids of tests by file and line.
        seconds: Duration by the id of a test.
    """

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def of(self, change: Change) -> list[str]:
        """List the tests that run the lines of a change, the fastest first."""
        first, last = change.site.lines
        lines = self.tests.get(change.code.co_filename, {})
        found = {test for line in range(first, last + 1) for test in lines.get(line, ())}
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))


class Trial:
    """A plugin of pytest that calls `work` in place of running the tests.

    Args:
        work: What is done once the tests are collected.
        folder: For files of this run and of the tests.
    """

    def __init__(self, work: Callable[["Trial"], None], folder: Path) -> None:
        self._work, self._folder = work, folder
        self._items: dict[str, pytest.Item] = {}
        self._failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise SystemExit("tests could not be collected")
        self._items = {item.nodeid: item for item in session.items}
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def measured(self, files: Sequence[str]) -> Lines:
        """Run all tests unchanged, and record which of them run which lines of the files.

        Raises:
            SystemExit: A test fails as it is.
        """
        data, times = self._folder / "lines.coverage", self._folder / "seconds.json"
        outcome = self._forked(lambda: self._measure(files, data, times), resource.RLIM_INFINITY)
        if outcome != PASSED:
            raise SystemExit("the tests fail without any change; run them by pytest first")
        recorded = CoverageData(str(data))
        recorded.read()
        tests = {file: recorded.contexts_by_lineno(file) for file in recorded.measured_files()}
        return Lines(tests, json.loads(times.read_text(encoding="utf-8")))

    def _measure(self, files: Sequence[str], data: Path, times: Path) -> None:
        coverage = Coverage(str(data), include=list(files), config_file=False, messages=False)
        seconds = {}
        coverage.start()
        for test in self._items:
            coverage.switch_context(test)
            begun = time.monotonic()
            self._run([test])
            seconds[test] = time.monotonic() - begun
        coverage.stop()
        coverage.save()
        times.write_text(json.dumps(seconds), encoding="utf-8")

    def outcome_of(self, change: Change, live: Live, tests: Sequence[str], seconds: float) -> str:
        """Run tests on a change until one fails.

        Args:
            change: What is changed.
            live: The functions of this process.
            tests: Their ids.
            seconds: What they take unchanged.

        Returns:
            `passed`, `failed`, or `late`: they took ten times as long, or waited for ever.
        """
        limit = max(_LEAST_CPU_SECONDS, int(_TIMES_SLOWER * seconds))

        def work() -> None:
            put_in(change, live)
            self._run(tests)

        return self._forked(work, limit)

    def _run(self, tests: Sequence[str]) -> None:
        """Run tests in this process until one fails, and end their fixtures."""
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            item, after = self._items[test], following and self._items[following]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after or None)
            if self._failed:
                item.session._setupstate.teardown_exact(None)
                return

    def _forked(self, work: Callable[[], None], cpu_seconds: int) -> str:
        """Do work in a forked process that leads a session, and end all of that session."""
        child = os.fork()
        if not child:
            self._in_fork(work, cpu_seconds)
        deadline = time.monotonic() + _CLOCK_SECONDS
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if cpu_seconds != resource.RLIM_INFINITY and time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        shutil.rmtree(self._folder / "tests", ignore_errors=True)
        if os.WIFSIGNALED(ended[1]):
            return LATE if os.WTERMSIG(ended[1]) in (signal.SIGXCPU, signal.SIGKILL) else FAILED
        return FAILED if os.WEXITSTATUS(ended[1]) else PASSED

    def _in_fork(self, work: Callable[[], None], cpu_seconds: int) -> None:
        """Do work and end this process; never returns."""
        code = 1
        try:
            os.setsid()
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1), os.dup2(silence, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, resource.RLIM_INFINITY))
            work()
            code = int(self._failed)
        finally:
            sys.stdout.flush()
            os._exit(code)


def collected(tests: Sequence[str], work: Callable[[Trial], None], folder: Path) -> None:
    """Collect tests and do work with them.

    Raises:
        SystemExit: They cannot be collected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["-q", "-s", "--hypothesis-seed=0", f"--basetemp={folder / 'tests'}"]
    off = ("cacheprovider", "xdist", "tests.secrets_in_logs", "tests.skipped")
    unused = [word for name in off for word in ("-p", f"no:{name}")]
    # A server of PostgreSQL for each change would take minutes; SQLite runs the same code.
    chosen = ["-m", "not postgres", *tests]
    trial = Trial(work, folder)
    code = pytest.main([*quiet, *unused, *chosen], plugins=[trial])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"pytest ends with code {int(code)} before any change")
