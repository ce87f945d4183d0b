"""Processes that the rehearsal starts, each stopped by its own id."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 30.0


class RehearsalFailed(Exception):
    """The rehearsal cannot go on, or did not show what it set out to; one line for a person."""


def free_ports(count: int) -> list[int]:
    """Returns distinct free ports, held together while chosen."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Processes:
    """What runs; leaving the context stops everything, the last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> "Processes":
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_fault: object) -> None:
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in reversed(self._running):
            try:
                process.wait(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            # What a process left behind belongs to the session that was made for it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts a process with its lines in `<name>.log`."""
        with (self._logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((name, process))

    def check(self) -> None:
        """Checks that all are running.

        Raises:
            RehearsalFailed: One has ended.
        """
        for name, process in self._running:
            if process.poll() is not None:
                raise RehearsalFailed(f"{name} ended by itself; see {self._logs / name}.log")

    def run(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> str:
        """Runs a command to its end and returns what it wrote to standard output.

        Raises:
            RehearsalFailed: It failed, or took longer.
        """
        with (self._logs / f"{name}.log").open("ab") as log:
            try:
                done = subprocess.run(
                    command,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as fault:
                raise RehearsalFailed(f"{name} took longer than {seconds:.0f} s") from fault
            log.write(done.stdout)
        if done.returncode:
            raise RehearsalFailed(
                f"{name} ended with code {done.returncode}; see {self._logs / name}.log"
            )
        return done.stdout.decode()
