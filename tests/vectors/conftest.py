"""Vectors, and everything that keeps them: FAISS, Milvus Lite, and a Milvus server."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from quintet_engine.collections import FaissCollections
from quintet_engine.vectors import VectorCollections
from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions
from quintet_ranker.adapters.vectors import VectorsUnavailable

UV = Path(__file__).parents[2] / ".venv" / "bin" / "uv"
SERVER = "milvus==2.3.5"
"""The last server that its makers put on PyPI; it needs no Docker."""
READY_SECONDS = 60.0
FLAT_LIMIT = 1_000
slow = pytest.mark.skipif(
    os.environ.get("QUINTET_SLOW") != "1",
    reason="a Milvus server takes a minute to start and fill; QUINTET_SLOW=1 runs it",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Milvus server on loopback, stopped at the end."""
    folder = tmp_path_factory.mktemp("milvus")
    port = free_port()
    command = [str(UV), "tool", "run", "--quiet", "--from", SERVER, "milvus-server"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--data", str(folder / "data"), "--proxy-port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield await_server(f"http://127.0.0.1:{port}", server)
    finally:
        # What was started asks its server to end and leaves: that one may take long over it.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


def await_server(address: str, server: "subprocess.Popen[bytes]") -> str:
    """Returns once it answers, with its address."""
    deadline = time.monotonic() + READY_SECONDS
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


KINDS = ["faiss", "lite", pytest.param("server", marks=slow)]


@pytest.fixture(scope="session", params=KINDS)
def collections(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VectorCollections]:
    """Collections of each kind; they outlive a test, so names are its own."""
    if request.param == "faiss":
        yield FaissCollections(flat_limit=FLAT_LIMIT)
        return
    uri = str(tmp_path_factory.mktemp("lite") / "vectors.db")
    if request.param == "server":
        uri = request.getfixturevalue("milvus_server")
    milvus = MilvusCollections(MilvusOptions(uri, search_seconds=20, flat_limit=FLAT_LIMIT))
    yield milvus
    milvus.close()
