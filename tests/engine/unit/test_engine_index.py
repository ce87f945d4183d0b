from typing import Any

import faiss as _faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_engine.index import FaissIndex
from quintet_engine.row_set import RowSet
from quintet_modelkit.features import normalise_rows

# The stubs that FAISS ships describe its generated C++ signatures, not the Python ones in use.
faiss: Any = _faiss


def vectors(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return normalise_rows(random.normal(size=(count, 14)).astype(np.float32))


FLAT = FaissIndex.build(vectors(6_000), seed=1)
LISTS = FaissIndex.build(vectors(6_000), seed=1, flat_limit=1_000)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1_000), share=st.floats(0, 1), most=st.integers(1, 300), lists=st.booleans()
)
def test_search_returns_allowed_rows_best_first_and_never_too_few(seed, share, most, lists):
    index = LISTS if lists else FLAT
    random = np.random.default_rng(seed)
    allowed = random.random(len(index.vectors)) < share
    query = np.asarray(index.vectors)[random.integers(0, len(index.vectors))]
    hits = index.search(query[None, :], most, RowSet.of(allowed))[0]
    assert allowed[hits.rows].all()
    assert len(set(hits.rows.tolist())) == len(hits.rows) == min(most, int(allowed.sum()))
    assert (np.diff(hits.scores) <= 0).all()
    np.testing.assert_allclose(hits.scores, index.vectors[hits.rows] @ query, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_flat_search_agrees_with_brute_force(seed):
    random = np.random.default_rng(seed)
    allowed = random.random(len(FLAT.vectors)) < 0.9
    query = np.asarray(FLAT.vectors)[random.integers(0, len(FLAT.vectors))]
    hits = FLAT.search(query[None, :], 50, RowSet.of(allowed))[0]
    exact = np.sort((FLAT.vectors @ query)[allowed])[::-1][:50]
    np.testing.assert_allclose(hits.scores, exact, atol=1e-5)


def test_inverted_lists_are_tuned_to_the_recall_goal_they_report():
    assert LISTS.nprobe > 0
    assert LISTS.recall >= 0.99
    queries = LISTS.vectors[::40]
    found = LISTS.search(queries, 100)
    exact = FLAT.search(queries, 100)
    shared = [len(np.intersect1d(a.rows, b.rows)) for a, b in zip(found, exact, strict=True)]
    assert np.mean(shared) >= 98


def test_equal_vectors_come_in_the_order_of_rows():
    same = np.repeat(vectors(1), 20, axis=0)
    hits = FaissIndex.build(same, seed=1).search(same[:1], 20)[0]
    assert hits.rows.tolist() == list(range(20))


def test_an_index_of_other_vectors_is_refused(tmp_path):
    FLAT.save(tmp_path / "index")
    with pytest.raises(ValueError, match=r"has 6000 vectors of .* instead of 10 of"):
        FaissIndex.load(tmp_path / "index", vectors(10), FLAT.facts)
    (tmp_path / "index").write_bytes(b"no index")
    with pytest.raises(ValueError, match="not a FAISS index"):
        FaissIndex.load(tmp_path / "index", FLAT.vectors, FLAT.facts)


def clustered(count: int) -> np.ndarray:
    random = np.random.default_rng(1)
    centres = random.normal(size=(400, 14))
    own = random.normal(scale=0.3, size=(count, 14))
    return normalise_rows((centres[random.integers(0, 400, count)] + own).astype("f4"))


@pytest.mark.parametrize("share", [0.06, 0.1, 0.5])
def test_recall_is_kept_where_a_filter_leaves_a_small_share_of_rows(share):
    rows = clustered(12_000)
    index = FaissIndex.build(rows, seed=1, flat_limit=1_000)
    allowed = np.random.default_rng(5).random(len(rows)) < share
    queries = rows[::100]
    # Not `search`, which compares so few rows one by one.
    rest = (50, RowSet.of(allowed), int(np.count_nonzero(allowed)))
    found = [index._probe(query, *rest).rows for query in queries]
    wanted = FaissIndex.exact(rows).search(queries, 50, RowSet.of(allowed))
    shared = [np.isin(hits.rows, rows).mean() for hits, rows in zip(wanted, found, strict=True)]
    assert np.mean(shared) >= 0.99


def residuals(rows: np.ndarray) -> FaissIndex:
    """As models published before had them: lists store what rows differ by from centroids."""
    index = faiss.index_factory(rows.shape[1], "IVF80,SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.train(rows)
    index.add(rows)
    return FaissIndex(index, rows, 16)


def built(rows: np.ndarray) -> FaissIndex:
    return FaissIndex.build(rows, seed=1, flat_limit=1_000)


@pytest.mark.parametrize(
    ("make", "dimensions"),
    [(built, 14), (built, 40), (residuals, 40)],
    ids=["float32", "float16", "residuals"],
)
@pytest.mark.parametrize("filtered", [False, True])
def test_lists_are_searched_as_faiss_searches_them(make, dimensions, filtered):
    random = np.random.default_rng(2)
    rows = normalise_rows(random.normal(size=(4_000, dimensions)).astype(np.float32))
    index = make(rows)
    allowed = RowSet.of(random.random(len(rows)) < 0.5) if filtered else None
    count = len(rows) if allowed is None else allowed.count
    selector = None if allowed is None else faiss.IDSelectorBitmap(allowed.bits)
    probed = round(index.nprobe * len(rows) / count)
    parameters = faiss.SearchParametersIVF(sel=selector, nprobe=probed)
    wanted, _ = index.index.search(rows[:30], 60, params=parameters)
    for query, scores in zip(rows[:30], wanted, strict=True):
        hits = index._probe(query, 60, allowed, count)
        np.testing.assert_allclose(hits.scores, scores, atol=1e-6)
        np.testing.assert_allclose(rows[hits.rows] @ query, hits.scores, atol=1e-3)
        assert allowed is None or allowed.has(hits.rows).all()


@pytest.mark.parametrize("made", [FLAT, LISTS], ids=["flat", "lists"])
def test_an_index_mapped_from_its_file_finds_takes_and_keeps_the_same(made, tmp_path):
    made.save(tmp_path / "index")
    mapped = FaissIndex.load(tmp_path / "index", made.vectors, made.facts)
    queries, more = vectors(20, seed=3), vectors(5, seed=4)
    for mine, theirs in ((mapped, made), (mapped.added(more), made.added(more))):
        for ours, wanted in zip(mine.search(queries, 50), theirs.search(queries, 50), strict=True):
            assert ours.rows.tolist() == wanted.rows.tolist()
    mapped.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "index").read_bytes()


def test_a_file_that_is_no_index_is_refused(tmp_path):
    for number, content in enumerate((b"", b"no index at all" * 100)):
        path = tmp_path / str(number)
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a FAISS index"):
            FaissIndex.load(path, FLAT.vectors, FLAT.facts)
