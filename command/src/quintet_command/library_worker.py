"""Work on what was asked for over HTTP, sources and uploaded histories: command after command.

Each request runs the command that a person would type, in a separate process: what is done is the
same, memory is given back, and a crash costs that request alone.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Final

from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store.library_progress import analysis_progress
from quintet_store.library_requests import (
    LEASE_SECONDS,
    MODEL_ACTIONS,
    Request,
    begin_request,
    end_request,
    is_work_queued,
    note_progress,
    report_worker,
    request_work,
    retire_worker,
)
from quintet_store.uploads import Uploads
from quintet_text.printable import printable
from sqlalchemy import Engine

from quintet_command.parent_death import bound_to_parent

# Far below the lease, so that a slow write loses no lease.
REPORT_SECONDS: Final = 2.0
# Half of the lease is left at least. An idle worker writes this rarely, because each write of the
# database waits for the disk; it reads the queue every `REPORT_SECONDS`.
_IDLE_REPORT_SECONDS: Final = LEASE_SECONDS / 3
# As circus waits before it kills: the command stores what it has within that time.
_GRACE_SECONDS: Final = 8.0
# Of a command's output, the end is read: its last line says what was done, or why not.
_MOST_OUTPUT: Final = 64 * 1024
_NEXT: Final = {"add": "sync", "sync": "analyse"}
"""What follows when a request is done, so that a person who adds a source waits for no click."""


def arguments_of(request: Request) -> list[str]:
    """Write a request as the arguments of `quintet`."""
    if request.action == "analyse":
        return ["analyse", "--source", request.source]
    if request.action == "push":
        saved = str(request.options["list"])
        return ["playlists", "push", f"--saved={saved}", f"--to={request.source}"]
    if request.action == "promote":
        gate = ["--without-gate"] if request.options.get("without_gate") else []
        return ["models", "promote", *gate, "--", request.source]
    if request.action == "rollback":
        # A request that is started again after a crash must not go back twice.
        return ["models", "rollback", f"--from={request.source}"]
    if request.action != "add":
        return ["library", request.action, "--", request.source]
    options = request.options
    place, _, secret = str(options["credential"]).partition(":")
    kinds = {"env": "--password-env", "file": "--password-file"}
    pairs = {"--name": request.source, kinds.get(place, ""): secret}
    pairs |= {"--user": str(options["user"]), "--music": str(options.get("music", ""))}
    given = [f"{option}={value}" for option, value in pairs.items() if option and value]
    switches = [
        option
        for option, name in (("--allow-play", "play_allowed"), ("--send-password", "send_password"))
        if options.get(name)
    ]
    # After "--", an address that begins with a hyphen is no option.
    return [
        "library",
        "add",
        *given,
        *switches,
        "--",
        str(options["kind"]),
        str(options["address"]),
    ]


class LibraryWorker:
    """Takes requests from the database until `stop` is called.

    Args:
        database_url: The database.
        command: The program that runs a request, before its arguments.
        home: QUINTET_HOME, where histories that listeners upload are; None to leave them to another
            process.
    """

    def __init__(
        self,
        database_url: str,
        command: Sequence[str] = (sys.executable, "-m", "quintet_command"),
        home: Path | None = None,
    ) -> None:
        self._url = database_url
        self._uploads = None if home is None else Uploads(home)
        self._command = command
        # Unique: a process id comes again, and several machines may share a database.
        self._name = f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(8)}"
        self._stop = threading.Event()
        self._reported = -LEASE_SECONDS

    def stop(self) -> None:
        """End after the running request is interrupted; it is queued again."""
        self._stop.set()

    def run(self, say: Callable[[str], None], *, once: bool = False) -> None:
        """Work until `stop`, or until no request is left.

        Args:
            say: Shows one line to the operator.
            once: End when the queue is empty.

        Raises:
            StoreUnavailable: The database cannot be opened.
        """
        while not self._stop.is_set():
            # After a fault the lease may have run out.
            self._reported = -LEASE_SECONDS
            try:
                engine = open_engine(self._url)
            except StoreUnavailable as fault:
                if once:
                    raise
                # Not the end: a database that is down comes back.
                say(str(fault))
                self._stop.wait(REPORT_SECONDS)
                continue
            try:
                self._work(engine, say, once)
            finally:
                engine.dispose()
            if once:
                return

    def _work(self, engine: Engine, say: Callable[[str], None], once: bool) -> None:
        try:
            while not self._stop.is_set():
                worked = self._turn(engine, say)
                if once and not worked:
                    break
                if not worked:
                    self._stop.wait(REPORT_SECONDS)
            with writing(engine) as connection:
                retire_worker(connection, self._name)
        except StoreUnavailable as fault:
            if once:
                raise
            # The lease runs out, and what was begun is queued again then.
            say(str(fault))
            self._stop.wait(REPORT_SECONDS)

    def _turn(self, engine: Engine, say: Callable[[str], None]) -> bool:
        """Do the oldest request; False if there is none, or another worker runs."""
        with reading(engine) as connection:
            due = time.monotonic() - self._reported >= _IDLE_REPORT_SECONDS
            if not due and not is_work_queued(connection):
                return False
        with writing(engine) as connection:
            if not report_worker(connection, self._name):
                return False
            self._reported = time.monotonic()
            request = begin_request(connection)
        if request is None:
            return self._import_uploads(engine, say)
        self._work_on(engine, request, say)
        return True

    def _work_on(self, engine: Engine, request: Request, say: Callable[[str], None]) -> None:
        """Run the command of a request, and store how it ended."""
        with reading(engine) as connection:
            progress = analysis_progress(connection).get(request.source)
        before = progress.done if progress and request.action == "analyse" else 0
        with writing(engine) as connection:
            note_progress(connection, request.id, "", before)
        say(f"{request.action} {request.source}: begun")
        between = None if request.action in MODEL_ACTIONS else partial(self._models, engine, say)
        code, line = self._do(engine, arguments_of(request), f"{request.source}: ", between)
        if self._stop.is_set() and code:
            return  # `retire_worker` queues it again
        with writing(engine) as connection:
            end_request(connection, request.id, line, failed=code != 0)
            follows = _NEXT.get(request.action)
            if not code and follows:
                request_work(connection, follows, request.source)
        say(f"{request.action} {request.source}: {line or 'done'}")

    def _models(self, engine: Engine, say: Callable[[str], None]) -> None:
        """Do a request on models while other work runs: a sync takes hours, a rollback seconds."""
        with reading(engine) as connection:
            if not is_work_queued(connection, MODEL_ACTIONS):
                return
        with writing(engine) as connection:
            request = begin_request(connection, MODEL_ACTIONS)
        if request is not None:
            self._work_on(engine, request, say)

    def _import_uploads(self, engine: Engine, say: Callable[[str], None]) -> bool:
        """Import the histories that wait; False if there is none, or the import failed."""
        if self._uploads is None or self._uploads.queued() is None:
            return False
        between = partial(self._models, engine, say)
        code, line = self._do(engine, ["history", "work"], "uploads: ", between)
        say(line or "uploads: failed")
        # After a failure, such as a database that is down, the next turn comes after a pause.
        return code == 0

    def _do(
        self,
        engine: Engine,
        arguments: Sequence[str],
        start: str,
        between: Callable[[], None] | None,
    ) -> tuple[int, str]:
        """Run a command of `quintet`, and give its exit code and the line that begins so.

        Args:
            engine: The database, for the lease.
            arguments: Of the command.
            start: What the line begins with.
            between: Called every `REPORT_SECONDS` while the command runs.
        """
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                # An interrupt, as below: the command stores what it has.
                bound_to_parent([*self._command, *arguments], signal.SIGINT),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
                # Ctrl-C reaches this process alone, which then ends the command in order.
                start_new_session=True,
            )
            try:
                self._wait(engine, process, between)
            finally:
                _end(process)
            return process.returncode, last_line(output, start)

    def _wait(
        self,
        engine: Engine,
        process: "subprocess.Popen[bytes]",
        between: Callable[[], None] | None,
    ) -> None:
        """Wait for the command, and report meanwhile that this worker runs."""
        while not self._stop.is_set():
            try:
                process.wait(REPORT_SECONDS)
            except subprocess.TimeoutExpired:
                try:
                    with writing(engine) as connection:
                        report_worker(connection, self._name)
                    if between is not None:
                        between()
                except StoreUnavailable:
                    continue  # the command fails by itself, if the database stays away
            else:
                return


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def last_line(output: IO[bytes], start: str) -> str:
    """Read the last line that begins with a text, else the last one; without control characters.

    What a sync did is in such a line; after it comes which catalogue was published.
    """
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - _MOST_OUTPUT))
    text = output.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    found = [line for line in lines if line]
    named = [line for line in found if line.startswith(start)]
    return printable((named or found or [""])[-1], 400)
