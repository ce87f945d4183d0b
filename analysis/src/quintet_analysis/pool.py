"""Worker processes that measure files: started once, replaced when a file ends or blocks one."""

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from quintet_analysis.decoding import Limits
from quintet_analysis.measuring import Measured

_AFTER_DECODING_SECONDS: Final = 60.0
"""Time for tempo, key and excerpt of ten minutes, which take one second on an idle machine."""
_MOST_ANSWER: Final = 64 * 1024
# One thread per process: the processes share the cores already.
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class AnalysisStopped(Exception):
    """Analysis cannot go on, whatever the next file is; the message is one line."""


class Pool:
    """Processes that measure files; `measure` may be called from as many threads as workers."""

    def __init__(self, workers: int, ffmpeg: str, limits: Limits, nice: int) -> None:
        """Prepare a pool; processes start when files come.

        Args:
            workers: Processes at the same time.
            ffmpeg: The program that decodes.
            limits: What one file may cost.
            nice: How far the priority is lowered, 0 to 19.
        """
        self.workers = workers
        self._ffmpeg, self._limits = ffmpeg, limits
        self._command = [sys.executable, "-m", "quintet_analysis.worker", "--nice", str(nice)]
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._running: set[_Worker] = set()
        self._closed = False

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, also those at work: their `measure` raises `AnalysisStopped`."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, set()
        for worker in running:
            worker.kill()
        # Processes at work are waited for by the threads that use them, idle ones here.
        idle: list[_Worker | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for each in idle:
            if each is not None:
                each.end()
            self._idle.put(None)

    def measure(self, path: str, excerpt: Path | None) -> Measured | str:
        """Measure one file in a process, and wait for it.

        Args:
            path: The file, as `os.fsdecode` gives it.
            excerpt: Where the excerpt for the perceptual model goes; None for none.

        Returns:
            The attributes, or the reason why there are none, in one line.

        Raises:
            AnalysisStopped: The disk is full, ffmpeg is not there, or the pool is closed.
        """
        request = {"path": path, "ffmpeg": self._ffmpeg, "excerpt": str(excerpt or "")}
        request |= asdict(self._limits)
        worker = self._idle.get()
        keep: _Worker | None = None
        try:
            worker = worker or self._start()
            answer = worker.ask(request, self._limits.seconds + _AFTER_DECODING_SECONDS)
            keep = worker
        except _WorkerEnded as fault:
            self._check_open()
            return str(fault)
        finally:
            if keep is None and worker is not None:
                self._end(worker)
            self._idle.put(keep)
        if answer.get("stop"):
            raise AnalysisStopped(answer["failure"])
        if "failure" in answer:
            return str(answer["failure"])
        return Measured(**{field.name: answer[field.name] for field in fields(Measured)})

    def _start(self) -> "_Worker":
        worker = _Worker(self._command)
        with self._lock:
            if not self._closed:
                self._running.add(worker)
                return worker
        worker.end()
        raise AnalysisStopped("the analysis was stopped")

    def _end(self, worker: "_Worker") -> None:
        with self._lock:
            self._running.discard(worker)
        worker.end()

    def _check_open(self) -> None:
        with self._lock:
            if self._closed:
                raise AnalysisStopped("the analysis was stopped")


class _WorkerEnded(Exception):
    """A process ended or took too long at a file; the message is the reason."""


class _Worker:
    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A traceback would be a fault of ours, so it goes where the command's own would.
            env={**os.environ, **_ONE_THREAD},
            # Ctrl-C reaches the command alone, which then ends its workers.
            start_new_session=True,
        )

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _WorkerEnded(self._ending()) from None
        answer: dict[str, Any] = json.loads(self._line(time.monotonic() + seconds))
        return answer

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        received = bytearray()
        with selectors.DefaultSelector() as streams:
            streams.register(self._process.stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if not streams.select(max(0.0, deadline - time.monotonic())):
                    raise _WorkerEnded("the analysis of the file takes too long")
                chunk = os.read(self._process.stdout.fileno(), _MOST_ANSWER)
                if not chunk:
                    raise _WorkerEnded(self._ending())
                received += chunk
        return bytes(received)

    def _ending(self) -> str:
        return f"the analysis of the file ended its process (code {self._process.wait()})"

    def kill(self) -> None:
        """End the process and the decoder that it started: they share a session."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the process, and free what belongs to it."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that nobody will read
                    stream.close()
        self._process.wait()
