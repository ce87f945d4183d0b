import numpy as np
import pytest
from quintet_engine.collections import FaissCollections
from quintet_modelkit.features import normalise_rows


def vectors(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return normalise_rows(random.normal(size=(count, 14)).astype(np.float32))


def test_a_change_leaves_the_index_that_searches_hold_as_it_was():
    collections = FaissCollections(flat_limit=1_000)
    first, more = vectors(2_000, seed=1), vectors(50, seed=2)
    collections.build("first", first)
    collections.swap("live", "first")
    held = collections._built["first"]
    collections.add("first", 2_000, more)
    with pytest.raises(ValueError, match="first must be 2050"):
        collections.add("first", 2_000, more)
    collections.delete("first", np.array([2_001, 3]))
    assert len(held.vectors) == held.index.ntotal == 2_000
    assert held.alive is None
    live = collections.index("live")
    assert [hits.rows[0] for hits in live.search(more[:1], 1)] == [2_000]
    assert 2_001 not in live.search(more[1:2], 2_050)[0].rows
    assert len(live.search(more[1:2], 9_999)[0].rows) == 2_048


def test_an_alias_never_means_what_is_not_there():
    collections = FaissCollections()
    with pytest.raises(KeyError):
        collections.index("live")
    with pytest.raises(KeyError):
        collections.swap("live", "first")
    collections.build("first", vectors(10, seed=1))
    collections.swap("live", "first")
    collections.drop("first")
    assert len(collections.index("live").search(vectors(1, seed=1), 5)[0].rows) == 5
