"""A real Milvus server on loopback, of the last release that its makers put on PyPI."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quintet_command.ports import free_ports
from quintet_ranker.adapters.external_index import VectorsUnavailable
from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions

SERVER = "milvus==2.3.5"
"""It needs no Docker."""
READY_SECONDS = 60.0


@contextmanager
def milvus_serving(
    folder: Path, ready_seconds: float = READY_SECONDS
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Give the address and the process of a server that answers; stopped at the end."""
    port = free_ports(1)[0]
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "tool", "run", "--quiet", "--from", SERVER, "milvus-server"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--data", str(folder / "data"), "--proxy-port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _answering(f"http://127.0.0.1:{port}", server, ready_seconds), server
    finally:
        # What was started asks its server to end and leaves: that one may take long over it.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


def _answering(address: str, server: "subprocess.Popen[bytes]", seconds: float) -> str:
    """Return once it answers, with its address."""
    deadline = time.monotonic() + seconds
    while True:
        assert server.poll() is None, "the Milvus server ended by itself"
        milvus = MilvusCollections(MilvusOptions(address, search_seconds=5))
        try:
            milvus.names("")
            return address
        except VectorsUnavailable:
            assert time.monotonic() < deadline, "the Milvus server does not answer"
            time.sleep(0.5)
        finally:
            milvus.close()
