"""Vectors kept elsewhere: filled once, asked while they answer, done without while they do not."""

import gc
import threading
import weakref

import numpy as np
import pytest
from quintet_engine.index import FaissIndex
from quintet_modelkit.features import normalise_rows
from quintet_ranker.adapters.external_index import (
    ExternalIndex,
    VectorsUnavailable,
    noted,
    published,
)
from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions

VECTORS = normalise_rows(np.random.default_rng(1).normal(size=(300, 14)).astype(np.float32))
LOCAL = FaissIndex.build(VECTORS, seed=1)
WAIT = 90.0


class Elsewhere:
    """Another place that can go away; it knows one row more than this process."""

    def __init__(self) -> None:
        self.away = False
        self.answered = threading.Event()
        self.tried = threading.Semaphore(0)
        self.index = LOCAL.added(VECTORS[:1])

    def connect(self) -> "Elsewhere":
        self.tried.release()
        if self.away:
            raise VectorsUnavailable("nobody there")
        return self

    def search(self, queries, most, allowed=None):
        if self.away:
            raise VectorsUnavailable("gone")
        self.answered.set()
        return self.index.search(queries, most, allowed)


def asked(index: ExternalIndex) -> tuple[int, list[str]]:
    """Returns how many rows are found of all, and what the answer had to do without."""
    with noted() as parts:
        found = index.search(VECTORS[:2], 999)
        index.search(VECTORS[:2], 1)
    return len(found[0].rows), parts


def until_reached(index: ExternalIndex, reached: bool = True) -> None:
    wait = threading.Event()
    for _ in range(int(WAIT / 0.01)):
        if index.reached is reached:
            return
        wait.wait(0.01)
    pytest.fail("it is not reached")


def test_what_goes_away_is_done_without_and_asked_again_once_it_is_back():
    place = Elsewhere()
    index = ExternalIndex(LOCAL, place.connect, retry_seconds=0.01)
    until_reached(index)
    assert asked(index) == (301, [])
    place.away = True
    assert asked(index) == (300, ["index"])  # said once, however many searches there were
    assert asked(index) == (300, ["index"])
    place.away = False
    until_reached(index)
    assert asked(index) == (301, [])


def test_nobody_waits_for_what_cannot_be_reached_and_its_thread_ends_with_the_model():
    place = Elsewhere()
    place.away = True
    index = ExternalIndex(LOCAL, place.connect, retry_seconds=0.01)
    assert asked(index) == (300, ["index"])
    for _ in range(3):
        assert place.tried.acquire(timeout=WAIT)
    gone = weakref.ref(index)
    del index
    gc.collect()
    assert gone() is None
    threads = [each for each in threading.enumerate() if each.name == "vectors"]
    for each in threads:
        each.join(WAIT)
    assert not any(each.is_alive() for each in threads)


def test_a_version_is_filled_once_and_old_ones_go(tmp_path):
    milvus = MilvusCollections(MilvusOptions(str(tmp_path / "vectors.db"), search_seconds=20))
    try:
        first = published(milvus, "audio", "idx-1", VECTORS, kept=2)
        assert [hits.rows[0] for hits in first.search(VECTORS[:3], 1)] == [0, 1, 2]
        before = milvus.names("quintet_audio_at_")
        published(milvus, "audio", "idx-1", VECTORS, kept=2)
        assert milvus.names("quintet_audio_at_") == before
        for version in ("idx-2", "idx-3"):
            published(milvus, "audio", version, VECTORS, kept=2)
        assert milvus.meaning("quintet_audio_idx_1") is None
        assert milvus.meaning("quintet_audio_idx_3") == milvus.names("quintet_audio_at_")[-1]
        assert len(milvus.names("quintet_audio_at_")) == 2
        with pytest.raises(VectorsUnavailable):
            first.search(VECTORS[:1], 1)
    finally:
        milvus.close()


def test_a_server_that_is_not_there_is_told_within_the_time_of_a_search(unused_tcp_port):
    options = MilvusOptions(f"http://127.0.0.1:{unused_tcp_port}", search_seconds=0.2)
    with pytest.raises(VectorsUnavailable, match="Milvus"):
        MilvusCollections(options).index("live")
