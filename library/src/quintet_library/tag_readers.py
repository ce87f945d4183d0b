"""Run the programs that read tags, so that a file that hangs or crashes one costs only itself."""

import contextlib
import itertools
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from quintet_library.records import SourceFailed

PROGRAM: Final = ("-m", "quintet_tags")
# An answer holds some fields of at most 1,000 characters; JSON writes some of them as six.
_MOST_ANSWER: Final = 8 * 1024**2
_CHUNK: Final = 1 << 16


class _Program:
    """One process that answers one request at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, request: dict[str, str]) -> dict[str, Any]:
        """Ask for one file; the answer has `error` if the file cannot be read."""
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            process.stdin.flush()
            line = self._line(process)
        except BrokenPipeError:
            line = b""
        except TimeoutError:
            self.close()
            return {"error": f"it takes longer than {self._seconds:g} s to read"}
        if not line.endswith(b"\n"):
            return {"error": f"the program that reads tags failed on it ({self._end(process)})"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, *PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C ends the sync, which then ends its programs; not each by itself.
                start_new_session=True,
            )
        return self._process

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """Read up to a line feed or the end, at most `seconds` long.

        Raises:
            TimeoutError: There is no whole answer in time.
        """
        assert process.stdout is not None
        handle, data, until = process.stdout.fileno(), bytearray(), time.monotonic() + self._seconds
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            while not data.endswith(b"\n") and len(data) < _MOST_ANSWER:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                part = os.read(handle, _CHUNK)
                if not part:
                    break
                data += part
        return bytes(data)

    def _end(self, process: subprocess.Popen[bytes]) -> str:
        self.close()
        code = process.returncode
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.__exit__(None, None, None)  # closes the pipes and waits


class TagReaders:
    """Several programs that read tags, for use in a `with` block.

    Args:
        programs: How many at once.
        seconds: That one file may take.
        covers: Folder for covers; None to read none.

    Raises:
        SourceFailed: The package `quintet_tags` is not installed.
    """

    def __init__(self, programs: int, seconds: float, covers: Path | None = None) -> None:
        if find_spec("quintet_tags") is None:
            raise SourceFailed(
                "files need the extra `library`, which is not installed; in the repository, run: "
                "uv sync --package quintet-command --extra library"
            )
        self.covers = covers
        self._seconds = seconds
        self._count = programs
        self._own = threading.local()
        self._programs: list[_Program] = []
        self._pool = ThreadPoolExecutor(programs, "quintet-tags")

    def __enter__(self) -> "TagReaders":
        """Start nothing yet: a program starts with the first file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all programs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for program in self._programs:
            program.close()

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read files, in their order; only some are on the way at a time.

        Yields:
            The path, and the answer of `quintet_tags.__main__.read_file`.
        """
        left, waiting = iter(paths), deque[tuple[str, Future[dict[str, Any]]]]()
        while True:
            for path in itertools.islice(left, 2 * self._count - len(waiting)):
                waiting.append((path, self._pool.submit(self._read, path)))
            if not waiting:
                return
            path, answer = waiting.popleft()
            yield path, answer.result()

    def _read(self, path: str) -> dict[str, Any]:
        program = getattr(self._own, "program", None)
        if program is None:
            program = self._own.program = _Program(self._seconds)
            self._programs.append(program)
        request = {"path": path}
        if self.covers is not None:
            request["covers"] = str(self.covers)
        return program.read(request)
