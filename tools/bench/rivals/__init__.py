"""Other ways to do it, measured with the same generator on the same tracks."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from quintet_command.ports import free_ports

from tools.bench.serving.processes import Running, running


def rivals_of(
    catalogue: Path, logs: Path
) -> dict[str, Callable[[], AbstractContextManager[Running]]]:
    """Return what starts each rival on a published catalogue, by name."""
    return {
        name: partial(_start, name, parts, catalogue, logs)
        for name, parts in (("naive", ("naive",)), ("original", ("popularity", "original")))
    }


def _start(
    name: str, parts: tuple[str, ...], catalogue: Path, logs: Path
) -> AbstractContextManager[Running]:
    ports = free_ports(len(parts))
    texts = [str(port) for port in ports]
    commands = {
        part: (sys.executable, "-m", f"tools.bench.rivals.{part}", str(catalogue), *texts)
        for part in parts
    }
    url = f"http://127.0.0.1:{ports[-1]}"
    return running(commands, url, "/readyz", logs / f"{name}.log", {}, seconds=120)
