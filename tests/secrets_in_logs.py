"""Fails the session where a secret that tests know stands in what was logged.

Looked through, on every worker of xdist, are: what tests captured; what processes of ours wrote to
standard error, though a test kept it in a pipe or threw it away; and every log file below pytest's
temporary folder. Secrets are those told to `tests.known_secrets`, the keys that lie in those
folders, and whatever has the form of an access token or of a private key.
"""

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import pytest

from tests.known_secrets import KNOWN, LEAST

_FORMS: Final = re.compile(
    rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}"
    rb"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16,}"
)
_LOG_NAMES: Final = frozenset(("log", "stderr", "stdout"))
_LOG_ENDS: Final = frozenset((".log", ".err", ".out"))
_BLOCK: Final = 1 << 20
_leaks: list[str] = []
_folder: Path | None = None
_CAPTURED: Final = pytest.StashKey[list[tuple[str, bytes]]]()


def leaks_in(content: bytes, secrets: Iterable[bytes]) -> list[str]:
    """Returns what a log holds that it must not, by kind; never the secret itself."""
    found = ["a token or a private key"] if _FORMS.search(content) else []
    return found + [f"a secret of {len(each)} characters" for each in secrets if each in content]


def _keys_below(folder: Path) -> Iterator[bytes]:
    """Yields the keys that installations of tests made for themselves."""
    for path in _files_below(folder):
        if path.name == "signing.json":
            yield from re.findall(rb'"d": *"([\w-]{32,})"', _content(path))
        elif path.name == "listener.key":
            content = _content(path).strip()
            if len(set(content)) > LEAST:
                yield content


def _files_below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        # Workers look through their own.
        folders[:] = [each for each in folders if not each.startswith("popen-gw")]
        yield from (Path(root, name) for name in names)


def _is_log(path: Path) -> bool:
    return path.suffix in _LOG_ENDS or path.name in _LOG_NAMES or path.parent.name == "logs"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    except OSError:
        return b""


class _Watched(subprocess.Popen):
    """A process; what one of ours writes to standard error is kept in a file too."""

    def __init__(self, args: Any, *more: Any, **options: Any) -> None:
        log = _log_for(args)
        if log is not None and options.get("stderr") == subprocess.DEVNULL:
            with log.open("wb") as stream:
                super().__init__(args, *more, **{**options, "stderr": stream})
            return
        super().__init__(args, *more, **options)
        if log is not None and self.stderr is not None:
            self.stderr = _teed(self.stderr, log)
        elif (
            log is not None
            and self.stdout is not None
            and options.get("stderr") == subprocess.STDOUT
        ):
            self.stdout = _teed(self.stdout, log)


def _log_for(args: Any) -> Path | None:
    words = [args] if isinstance(args, str | bytes | Path) else list(args)
    if _folder is None or not any("quintet" in os.fsdecode(word) for word in words):
        return None
    handle, path = tempfile.mkstemp(suffix=".log", dir=_folder)
    os.close(handle)
    return Path(path)


def _teed(source: IO[Any], log: Path) -> IO[Any]:
    reading, writing = os.pipe()
    threading.Thread(target=_pump, args=(source, writing, log), daemon=True).start()
    if isinstance(source, io.TextIOWrapper):
        return os.fdopen(reading, encoding=source.encoding, errors=source.errors)
    return os.fdopen(reading, "rb", 0 if isinstance(source, io.FileIO) else -1)


def _pump(source: IO[Any], writing: int, log: Path) -> None:
    with source, log.open("wb") as file:
        while block := os.read(source.fileno(), _BLOCK):
            file.write(block)
            file.flush()
            if writing >= 0:
                writing = _passed_on(block, writing)
    if writing >= 0:
        os.close(writing)


def _passed_on(block: bytes, writing: int) -> int:
    """Returns where the rest goes; -1 where nobody reads any more."""
    try:
        while block:
            block = block[os.write(writing, block) :]
    except OSError:
        os.close(writing)
        return -1
    return writing


def _note(place: str, content: bytes, secrets: Iterable[bytes]) -> None:
    _leaks.extend(f"{place}: {what}" for what in leaks_in(content, secrets))


def pytest_configure(config: pytest.Config) -> None:
    """Begins to keep what processes write."""
    global _folder
    if _folder is None:
        _folder = Path(tempfile.mkdtemp(prefix="quintet-watched-"))
        subprocess.Popen = _Watched  # type: ignore[misc]
    config.stash[_CAPTURED] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps what a test captured until all secrets are known."""
    report = yield
    # The last report has what those before it have.
    if report.when == "teardown":
        kept = item.config.stash[_CAPTURED]
        kept += [
            (f"{item.nodeid} ({title})", text.encode(errors="replace"))
            for title, text in report.sections
        ]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Looks through everything; a worker tells the controller what it found."""
    config = session.config
    folders = [each for each in (_temporary(config), _folder) if each is not None]
    secrets = KNOWN.union(*map(_keys_below, folders))
    for place, content in config.stash[_CAPTURED]:
        _note(place, content, secrets)
    for path in (path for each in folders for path in _files_below(each)):
        if _is_log(path):
            _note(str(path), _content(path), secrets)
    if hasattr(config, "workeroutput"):
        config.workeroutput["secrets_in_logs"] = _leaks
    elif _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if _folder is not None and not _leaks:
        shutil.rmtree(_folder, ignore_errors=True)


def _temporary(config: pytest.Config) -> Path | None:
    factory = getattr(config, "_tmp_path_factory", None)
    return factory.getbasetemp() if factory is not None else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what a worker of xdist found."""
    _leaks.extend(getattr(node, "workeroutput", {}).get("secrets_in_logs", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the logs, not the secrets."""
    if _leaks:
        terminalreporter.section("secrets in logs", sep="=", red=True)
        for line in sorted(set(_leaks)):
            terminalreporter.write_line(line)
