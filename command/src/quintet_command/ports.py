"""Free TCP ports for programs that cannot bind port 0."""

import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Ports of one process. The lowest below 10,000 are those of well-known programs, and the system
# gives those from 32,768 on to connections and to programs that bind port 0.
_BLOCK: Final = 128
_LOWEST, _END = 10_000, 32_768
_SYSTEM_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Choose distinct free TCP ports on loopback; nobody else is likely to bind them meanwhile.

    They lie outside the range that the system uses for connections and for port 0, in a block that
    no other process chooses from. Where there is no such block, the system chooses.

    Raises:
        OSError: The system has no free port.
    """
    with _Held() as held:
        ports = _ports_of(os.getpid())
        # Twice around the block at most: some may be in use by programs that this process started.
        for _, port in zip(range(2 * _BLOCK), ports, strict=False):
            if len(held) == count:
                break
            held.bind(port)
        while len(held) < count:
            held.bind(0)
        return held.ports


class _Held:
    """Ports held open until the last is chosen, so that none is chosen twice."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def __len__(self) -> int:
        return len(self._sockets)

    def __enter__(self) -> "_Held":
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def bind(self, port: int) -> None:
        """Hold a port; a port in use is passed over."""
        try:
            self._sockets.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            if port == 0:
                raise

    @property
    def ports(self) -> list[int]:
        return [int(each.getsockname()[1]) for each in self._sockets]


@functools.cache
def _ports_of(pid: int) -> Iterator[int]:
    """Return the ports of a process's block in turn, without end; nothing if no block is free.

    The iterator belongs to the process: a port is chosen again only after all others of the block.
    """
    lowest, highest = _system_range()
    firsts = [
        first
        for first in range(_LOWEST, _END - _BLOCK, _BLOCK)
        if first + _BLOCK <= lowest or first > highest
    ]
    # Processes begin at different blocks, so that the first attempt usually succeeds.
    for first in firsts[pid % max(1, len(firsts)) :] + firsts[: pid % max(1, len(firsts))]:
        try:
            mark = socket.create_server(("127.0.0.1", first))
        except OSError:
            continue  # the block of another process
        return _around(mark, first)
    return iter(())


def _around(mark: socket.socket, first: int) -> Iterator[int]:
    # A process marks its block by listening on the first port for as long as it lives.
    with mark:
        while True:
            yield from range(first + 1, first + _BLOCK)


def _system_range() -> tuple[int, int]:
    """Read the lowest and highest port that the system chooses by itself."""
    try:
        lowest, highest = _SYSTEM_RANGE.read_text(encoding="ascii").split()
    except OSError:  # not Linux
        return _END, 65_535
    return int(lowest), int(highest)
