"""What every keeper of vectors promises, tried on each: FAISS, Milvus Lite, a Milvus server."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits, VectorIndex
from quintet_modelkit.features import normalise_rows

COUNT = 3_000
QUERIES = 20
MOST = 100
GOAL = 0.99


def drawn(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return normalise_rows(random.normal(size=(count, 14)).astype(np.float32))


VECTORS = drawn(COUNT, seed=1)


@pytest.fixture
def name():
    """A name that no other test has: a server outlives each."""
    return f"test_{secrets.token_hex(4)}"


def built(collections, name) -> VectorIndex:
    collections.build(name, VECTORS)
    collections.swap(f"{name}_live", name)
    return collections.index(f"{name}_live")


@pytest.fixture(scope="module")
def index(collections) -> VectorIndex:
    """An index that no test changes."""
    return built(collections, "unchanged")


def recall(found: list[Hits], queries: np.ndarray, vectors: np.ndarray, allowed=None) -> float:
    """Returns the share of the exact neighbours that were found; cosines must be right."""
    shares = []
    for hits, query in zip(found, queries, strict=True):
        np.testing.assert_allclose(hits.scores, vectors[hits.rows] @ query, atol=1e-4)
        assert (np.diff(hits.scores) <= 0).all()
        assert len(np.unique(hits.rows)) == len(hits.rows)
        cosines = vectors @ query
        if allowed is not None:
            assert allowed[hits.rows].all()
            cosines[~allowed] = -np.inf
        exact = np.argsort(-cosines, kind="stable")[: len(hits.rows)]
        shares.append(len(np.intersect1d(hits.rows, exact)) / len(exact))
    return float(np.mean(shares))


def test_the_same_rows_are_found_as_by_exact_search(index):
    queries = VECTORS[:: COUNT // QUERIES]
    found = index.search(queries, MOST)
    assert all(len(hits.rows) == MOST for hits in found)
    assert recall(found, queries, VECTORS) >= GOAL


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3, 0.8, 0.999])
def test_filters_leave_what_exact_search_finds_among_the_allowed(index, share, record_property):
    random = np.random.default_rng(2)
    allowed = random.random(COUNT) < share
    queries = VECTORS[:: COUNT // QUERIES]
    found = index.search(queries, MOST, RowSet.of(allowed))
    assert all(len(hits.rows) == min(MOST, int(allowed.sum())) for hits in found)
    reached = recall(found, queries, VECTORS, allowed)
    record_property("filtered_recall", reached)
    assert reached >= GOAL


def test_a_filter_that_shuts_out_the_whole_neighbourhood_still_leaves_enough(index):
    query = VECTORS[:1]
    allowed = (VECTORS @ query[0]) < 0.1  # more than half of all, none of them near
    found = index.search(query, MOST, RowSet.of(allowed))
    assert len(found[0].rows) == MOST
    assert recall(found, query, VECTORS, allowed) >= GOAL


def test_as_many_as_there_are_come_back_and_nothing_for_nothing(index):
    assert len(index.search(VECTORS[:1], COUNT * 3)[0].rows) == COUNT
    assert not len(index.search(VECTORS[:1], 0)[0].rows)
    assert not len(index.search(VECTORS[:1], 10, RowSet.of(np.zeros(COUNT, bool)))[0].rows)
    assert index.search(VECTORS[:0], 10) == []


def test_what_is_added_is_found(collections, name):
    index = built(collections, name)
    more = drawn(50, seed=3)
    collections.add(name, COUNT, more)
    found = index.search(more, 1)
    assert [int(hits.rows[0]) for hits in found] == list(range(COUNT, COUNT + 50))
    queries = more[:QUERIES]
    assert recall(index.search(queries, MOST), queries, np.concatenate((VECTORS, more))) >= GOAL


def test_what_is_deleted_is_not_found_and_keeps_its_number(collections, name):
    index = built(collections, name)
    gone = np.arange(0, COUNT, 2)
    collections.delete(name, gone)
    left = np.ones(COUNT, dtype=bool)
    left[gone] = False
    queries = VECTORS[:QUERIES]
    found = index.search(queries, MOST)
    assert all(len(hits.rows) == MOST for hits in found)
    assert recall(found, queries, VECTORS, left) >= GOAL
    assert len(index.search(VECTORS[:1], COUNT)[0].rows) == COUNT // 2


def test_an_alias_is_swapped_without_a_failed_search(collections, name):
    index = built(collections, name)
    after = drawn(COUNT, seed=4)
    started, ended = threading.Event(), threading.Event()

    def ask() -> set[int]:
        """Searches until told to end; row 7 is itself in either collection."""
        which = set()
        while not ended.is_set():
            hits = index.search(np.stack((VECTORS[7], after[7])), 1)
            tops = [int(one.rows[0]) == 7 for one in hits]
            assert any(tops), "an answer of neither collection"
            which.add(tops.index(True))
            started.set()
        return which

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        try:
            assert started.wait(60)
            collections.build(f"{name}_after", after)
            collections.swap(f"{name}_live", f"{name}_after")
            assert [h.rows[0] for h in index.search(after[7:8], 1)] == [7]
            collections.drop(name)
            assert [h.rows[0] for h in index.search(after[7:8], 1)] == [7]
        finally:
            ended.set()
        seen = set().union(*(one.result(60) for one in asked))
    assert 0 in seen  # what was there before was searched while the other was built


def test_what_an_alias_means_is_not_dropped(collections, index):
    collections.drop("unchanged")
    assert [hits.rows[0] for hits in index.search(VECTORS[5:6], 1)] == [5]


def test_an_alias_that_nobody_made_is_not_known(collections):
    with pytest.raises(KeyError):
        collections.index("nobody")
