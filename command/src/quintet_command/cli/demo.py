"""`quintet demo`: five real seeds and their recommendations, through services started for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.output import print_recommendations
from quintet_command.cli.progress import progress_bar
from quintet_command.cli.terminal import Console
from quintet_command.parent_death import bound_to_parent

if TYPE_CHECKING:
    from quintet_client import Quintet

READY_SECONDS: Final = 60.0
DEMO_SONGS: Final = (
    "hotel california eagles",
    "bohemian rhapsody queen",
    "back in black ac/dc",
    "smells like teen spirit nirvana",
    "everlong foo fighters",
)


def demo(
    songs: Annotated[
        list[str] | None,
        typer.Option("--song", metavar="TEXT", help="A seed, once for each; five songs if none."),
    ] = None,
) -> None:
    """Show five real seeds and what is recommended for them, through the real services."""
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, first_track, open_gateway
    from quintet_command.cli.prepare import ensure_prepared
    from quintet_command.ports import free_ports
    from quintet_command.settings import load_settings

    settings = load_settings()
    ensure_prepared(settings)
    # Free ports, so that a demo runs beside an installation.
    names = ("gateway", "search", "profile", "ranker", "memory")
    ports = free_ports(len(names))
    changes = {f"QUINTET_{n.upper()}_PORT": str(p) for n, p in zip(names, ports, strict=True)}
    changes["QUINTET_GATEWAY_GRPC_PORT"] = "0"
    changes["QUINTET_HOST"] = "127.0.0.1"
    changes["QUINTET_GATEWAY_HTTPS_FOLDER"] = ""
    # The demo shows the models of this machine, so it uses no registry.
    changes["QUINTET_MLFLOW_URI"] = ""
    log = settings.home / "logs" / "demo.log"
    with _running(changes, log) as process:
        gateway = open_gateway(f"http://127.0.0.1:{ports[0]}", timeout=10.0)
        _await_ready(gateway, process, log)
        seeds = [first_track(gateway, text).id for text in songs or DEMO_SONGS]
        answer = ask(gateway, calls.recommend(seeds, limit=10))
    print_recommendations(answer, Console())


@contextmanager
def _running(changes: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `quintet up` with other ports and its output in a file, and drain it at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            bound_to_parent(
                (
                    sys.executable,
                    "-m",
                    "quintet_command",
                    "up",
                    "--without-ui",
                    "--without-registry",
                )
            ),
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **changes},
            # A new process group, so that SIGKILL below reaches the services too.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            # Services drain within ten seconds.
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _await_ready(gateway: "Quintet", process: subprocess.Popen[bytes], log: Path) -> None:
    from quintet_command.cli.gateway import not_ready

    deadline = time.monotonic() + READY_SECONDS
    with progress_bar(Console(stderr=True)) as show:
        while missing := not_ready(gateway):
            show(1 - len(missing) / 5, f"Starting {', '.join(missing)}")
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(
                    f"the services did not become ready within {READY_SECONDS:.0f} s; "
                    f"read their output in {log}"
                )
            time.sleep(0.1)
        show(1.0, "Search, profile, ranker, memory and gateway are serving")
