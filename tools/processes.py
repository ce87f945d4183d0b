"""Programs as real processes, for tools and tests: started, awaited, signalled and stopped by id.

Each program leads a separate session and writes a separate log. So stopping it also stops its child
processes, and a failure shows its last lines.
"""

import contextlib
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

GRACE_SECONDS = 30.0
_LAST_CHARACTERS = 2_000
_POLL_SECONDS = 0.05


class ProcessFailed(RuntimeError):
    """A program ended by itself, failed, or did not answer in time; the message names its log."""


def environment_without(*prefixes: str) -> dict[str, str]:
    """Return this process's variables except those that start with a prefix."""
    return {name: text for name, text in os.environ.items() if not name.startswith(prefixes)}


def children_of(pid: int) -> list[int]:
    """Return the ids of all processes below one, each parent before its children."""
    found = []
    # The kernel lists children by thread, since any thread may start a process.
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            found += [int(text) for text in path.read_text(encoding="ascii").split()]
    return [each for child in found for each in (child, *children_of(child))]


@dataclass
class Program:
    """A process that can be started again and again with the same command.

    Attributes:
        name: For messages.
        command: The program and its arguments.
        environment: All variables it gets.
        log: The file that its standard output and error are appended to.
        folder: Its working directory; this process's by default.
        process: The running process, or the one that ended last.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; its former process must have ended."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process, of a program that has been started."""
        assert self.process is not None, f"{self.name} has not been started"
        return self.process

    def text(self) -> str:
        """Return what the program has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Check that the program runs.

        Raises:
            ProcessFailed: It has ended.
        """
        if (code := self.running.poll()) is not None:
            raise ProcessFailed(
                f"{self.name} ended with code {code}; see {self.log}: "
                f"{self.text()[-_LAST_CHARACTERS:]}"
            )

    def signal(self, number: int) -> None:
        """Send a signal to the process and to all below it."""
        for pid in (self.running.pid, *children_of(self.running.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        """Ask the process to end, and fail where it takes longer than `GRACE_SECONDS`."""
        self.running.send_signal(signal.SIGTERM)
        self.running.wait(timeout=GRACE_SECONDS)

    def await_end(self, seconds: float) -> int:
        """Wait for the end, kill after so many seconds, and end what is left of the session."""
        try:
            self.running.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.running.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        return self.running.wait()

    def kill(self) -> None:
        """Kill the process and all below it, if it was started."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait(timeout=GRACE_SECONDS)
            self.process = None


class Processes:
    """Programs that run together; leaving the context stops them all.

    Args:
        logs: The folder of their logs, `<name>.log` each.
        environment: The variables that every program gets; this process's own by default.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        self.logs = logs
        self._environment = dict(os.environ if environment is None else environment)
        self.programs: dict[str, Program] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_fault: object) -> None:
        self.stop()

    def __getitem__(self, name: str) -> subprocess.Popen[bytes]:
        return self.programs[name].running

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start a program with these variables besides those that every program gets."""
        variables = {**self._environment, **(environment or {})}
        program = Program(name, command, variables, self.logs / f"{name}.log", folder)
        self.programs[name] = program
        program.start()

    def run(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> str:
        """Run a command to its end and return what it wrote to standard output.

        Raises:
            ProcessFailed: It failed, or took longer than so many seconds.
        """
        path = self.logs / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            try:
                done = subprocess.run(
                    list(command),
                    env={**self._environment, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as fault:
                raise ProcessFailed(f"{name} took longer than {seconds:.0f} s") from fault
            log.write(done.stdout)
        if done.returncode:
            raise ProcessFailed(f"{name} ended with code {done.returncode}; see {path}")
        return done.stdout.decode()

    def text(self, name: str) -> str:
        """Return what a program has written so far."""
        return self.programs[name].text()

    def ended(self) -> dict[str, int]:
        """Return the exit codes of programs that have ended and were not killed from here."""
        started = {each.name: each.process for each in self.programs.values() if each.process}
        codes = {name: process.poll() for name, process in started.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def check(self) -> None:
        """Check that all run that were not killed from here.

        Raises:
            ProcessFailed: One has ended.
        """
        for name in self.ended():
            self.programs[name].check()

    def await_answer(
        self,
        url: str,
        seconds: float,
        trusted: ssl.SSLContext | bool = True,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        """Wait until an address answers with success.

        Raises:
            ProcessFailed: A program ended, or the address did not answer in time.
        """
        deadline = time.monotonic() + seconds
        with httpx.Client(verify=trusted, trust_env=False, timeout=5.0) as client:
            while True:
                self.check()
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(url).is_success:
                        return
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"{url} not ready within {seconds:.0f} s; see {self.logs}")
                time.sleep(poll_seconds)  # polling interval

    def stop(self, seconds: float = GRACE_SECONDS, number: int = signal.SIGTERM) -> dict[str, int]:
        """Ask all to end, the last started first, and return their exit codes by name."""
        programs = [each for each in reversed(self.programs.values()) if each.process is not None]
        for program in programs:
            if program.running.poll() is None:
                program.running.send_signal(number)
        return {program.name: program.await_end(seconds) for program in programs}
