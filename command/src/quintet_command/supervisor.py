"""Runs the services as processes under circus: starts, restarts and drains them."""

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from circus import get_arbiter
from circus.exc import ConflictError

from quintet_command.parent_death import bound_to_parent

# Between SIGTERM and SIGKILL; services drain within less.
GRACE_SECONDS: Final = 10.0
# What a process exits with when its settings or its port are wrong: restarting cannot help.
MISCONFIGURED: Final = 2
NOT_STARTED: Final = "a service could not start with these settings; see its line above"
# How often circus is asked to stop, in seconds, until it does.
_SIGNAL_SECONDS: Final = 0.1
_COLOURS: Final = (36, 33, 35, 32, 34, 31)


@dataclass(frozen=True)
class Program:
    """One process to run.

    Attributes:
        name: The prefix of its lines.
        command: The program and its arguments.
        port: The port it will bind, checked before anything starts; 0 for none.
        port_setting: The setting that holds the port.
        host: The address it binds; empty for the address of all programs.
        environment: Variables of this program alone.
        more_ports: Further ports it will bind, each with its setting.
    """

    name: str
    command: tuple[str, ...]
    port: int = 0
    port_setting: str = ""
    host: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    more_ports: tuple[tuple[int, str], ...] = ()


class PortInUse(Exception):
    """A port that a program needs is taken; the message names port and setting."""


class _PrefixedStream:
    """Writes each whole line of a process with its name in front."""

    def __init__(self, name: str, width: int, colour: int, out: IO[str]) -> None:
        label = f"{name:<{width}} | "
        self._label = f"\x1b[{colour}m{label}\x1b[0m" if out.isatty() else label
        self._out = out
        self._rest = b""

    def __call__(self, data: Mapping[str, Any]) -> None:
        # circus passes whatever the pipe had; the rest waits for its line end.
        *lines, self._rest = (self._rest + bytes(data["data"])).split(b"\n")
        for line in lines:
            self._out.write(f"{self._label}{line.decode(errors='replace')}\n")
        self._out.flush()

    def close(self) -> None:
        if self._rest:
            self({"data": b"\n"})


def check_ports(programs: Sequence[Program], host: str) -> None:
    """Check that every port can be bound now.

    Raises:
        PortInUse: One cannot.
    """
    for program in programs:
        for port, setting in ((program.port, program.port_setting), *program.more_ports):
            if port:
                _check_port(program.name, program.host or host, port, setting)


def _check_port(name: str, host: str, port: int, setting: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers bind: connections in TIME_WAIT of an earlier run are no conflict.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise PortInUse(
                f"port {port} for {name} cannot be bound on {host} "
                f"({fault.strerror}); choose another with {setting}"
            ) from fault


def supervise(
    programs: Sequence[Program],
    environment: Mapping[str, str],
    run_folder: Path,
    on_tick: Callable[[], bool] | None = None,
) -> int:
    """Run programs until SIGINT or SIGTERM, then drain them all.

    A program that dies is started again; one that exits with code 2 is misconfigured, and all
    are stopped. If this process dies, also by SIGKILL, the programs drain and end.

    Args:
        programs: What to run, all at once; they start in any order.
        environment: Environment variables added to this process's own.
        run_folder: A private folder for the supervisor's sockets.
        on_tick: Called every half second until it returns True.

    Returns:
        0 after a drain that was asked for, 2 after a misconfigured program.
    """
    # Commands sent to these sockets stop programs, so only the owner may reach them.
    run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    outcome = {"code": 0}

    def after_reap(exit_code: int | None = None, **_facts: Any) -> bool:
        if exit_code == MISCONFIGURED and not outcome["code"]:
            outcome["code"] = MISCONFIGURED
            # Through the same handler as Ctrl-C, so that there is one way to stop.
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    width = max(len(program.name) for program in programs)
    watchers = [
        _watcher(program, environment, width, _COLOURS[index % len(_COLOURS)], after_reap)
        for index, program in enumerate(programs)
    ]
    endpoints = {
        name: f"ipc://{run_folder}/{name}-{os.getpid()}.sock"
        for name in ("controller", "pubsub_endpoint")
    }
    logging.getLogger("tornado.application").addFilter(_is_not_conflict)
    # Seconds between checks for dead processes: how long one stays down. Without an endpoint for
    # multicast: by default circus answers every machine of the network at UDP port 12027.
    arbiter = get_arbiter(
        watchers, check_delay=0.5, proc_name="quintet", multicast_endpoint="", **endpoints
    )
    # Programs start at once: each waits for the others by itself.
    arbiter.warmup_delay = 0
    if on_tick is not None:
        _tick(arbiter, on_tick)
    _stop_when_asked(arbiter)
    try:
        arbiter.start()
    finally:
        for endpoint in endpoints.values():
            Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)
    return outcome["code"]


def _is_not_conflict(record: logging.LogRecord) -> bool:
    """Drop a harmless log line: circus' periodic check coincided with its own stop."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, ConflictError)


def _watcher(
    program: Program,
    environment: Mapping[str, str],
    width: int,
    colour: int,
    after_reap: Callable[..., bool],
) -> dict[str, Any]:
    stream = {"stream": _PrefixedStream(program.name, width, colour, sys.stdout)}
    # Also where this process is killed, no service is left without a supervisor.
    first, *arguments = bound_to_parent(program.command)
    return {
        "name": program.name,
        "cmd": first,
        "args": arguments,
        "env": {**environment, **program.environment},
        "copy_env": True,
        "graceful_timeout": GRACE_SECONDS,
        "stdout_stream": stream,
        "stderr_stream": stream,
        "hooks": {"after_reap": (after_reap, True)},
        # Restart without limit.
        "max_retry": -1,
    }


def _tick(arbiter: Any, on_tick: Callable[[], bool]) -> None:
    # The loop does not exist before `start`, which does not return.
    arbiter._ensure_ioloop()

    def again() -> None:
        if not on_tick():
            arbiter.loop.call_later(0.5, again)

    arbiter.loop.call_later(0.5, again)


def _stop_when_asked(arbiter: Any) -> None:
    """Stop on SIGINT and SIGTERM, also while circus starts a program again.

    circus rejects a command that meets another one, and would lose the signal: the command is
    repeated until the arbiter has stopped.
    """
    arbiter._ensure_ioloop()
    asked: list[int] = []

    def again() -> None:
        arbiter.ctrl.dispatch((None, json.dumps({"command": "quit"})))
        arbiter.loop.call_later(_SIGNAL_SECONDS, again)

    def ask(number: int, _frame: object) -> None:
        if not asked:
            arbiter.loop.add_callback_from_signal(again)
        asked.append(number)

    # At once: circus installed its own handlers with the arbiter, and those may lose a signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


def become_supervisor(
    programs: Sequence[Program], environment: Mapping[str, str], run_folder: Path
) -> NoReturn:
    """Replace this process by one that runs `supervise` and has nothing else in memory.

    Commands import libraries that a supervisor never uses: as a new program it needs half of the
    memory.

    Args:
        programs: What to run; their variables may be read by every user of the machine.
        environment: Environment variables added to this process's own.
        run_folder: A private folder for the supervisor's sockets.
    """
    described = [{**asdict(each), "environment": dict(each.environment)} for each in programs]
    task = json.dumps({"programs": described, "run_folder": str(run_folder)})
    command = (sys.executable, "-m", "quintet_command.supervisor", task)
    os.execve(sys.executable, command, {**os.environ, **environment})


def main() -> int:
    """Run the programs that the argument describes; the exit code is that of `supervise`."""
    task = json.loads(sys.argv[1])
    programs = [Program(**{**each, "command": tuple(each["command"])}) for each in task["programs"]]
    code = supervise(programs, {}, Path(task["run_folder"]))
    if code:
        sys.stderr.write(f"error: {NOT_STARTED}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
