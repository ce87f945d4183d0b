"""Vectors, and everything that keeps them: FAISS, Milvus Lite, and a Milvus server."""

from collections.abc import Iterator

import pytest
from quintet_engine.collections import FaissCollections
from quintet_engine.vectors import VectorCollections
from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions

from tests.slow import slow
from tools.milvus_server import milvus_serving

FLAT_LIMIT = 1_000


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Milvus server on loopback, stopped at the end."""
    with milvus_serving(tmp_path_factory.mktemp("milvus")) as (address, _):
        yield address


KINDS = [
    "faiss",
    "lite",
    pytest.param("server", marks=slow("starts and fills a Milvus server")),
]


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
