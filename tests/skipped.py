"""Shows after each run what was skipped for which reason; too many skips fail the run.

`--most-skipped N` is the bound (`make test-all`). A reason that is not one of `tests.needs` fails
every run: it would not say which command brings what is missing.
"""

from collections import Counter
from typing import Final

import pytest

from tests.needs import REASON

_SKIPPED: Final[Counter[str]] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--most-skipped",
        type=int,
        default=None,
        metavar="N",
        help="fail where more than N tests are skipped",
    )


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _SKIPPED[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1


# Workers of xdist send their reports to the controller, which calls these too.
pytest_runtest_logreport = _note
pytest_collectreport = _note


def faults_of(skipped: Counter[str], most: int | None) -> list[str]:
    """Name what is wrong with the skips of a run; nothing where all is well."""
    faults = [
        f"a test was skipped without a command that brings what it needs: {reason}"
        for reason in skipped
        if not REASON.fullmatch(reason)
    ]
    if most is not None and skipped.total() > most:
        faults.append(f"{skipped.total()} tests were skipped, and at most {most} may be")
    return faults


def lines_of(skipped: Counter[str]) -> list[str]:
    """Count the skips by command; the tests that need time alone are one line."""
    by_command: dict[str, Counter[str]] = {}
    for reason, number in skipped.items():
        if found := REASON.fullmatch(reason):
            what = found["what"].partition(" (")[0]
            by_command.setdefault(found["command"], Counter())[what] += number
    return [
        f"{number} skipped: needs {what}; `{command}` brings or runs it"
        for command, kinds in sorted(by_command.items())
        for what, number in kinds.items()
    ]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        return  # the controller counts
    if faults_of(_SKIPPED, session.config.getoption("most_skipped")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = lines_of(_SKIPPED)
    if lines:
        terminalreporter.section("skipped", sep="-")
    for line in lines:
        terminalreporter.write_line(line)
    for fault in faults_of(_SKIPPED, terminalreporter.config.getoption("most_skipped")):
        terminalreporter.write_line(fault, red=True)
