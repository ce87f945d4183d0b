"""Compiled products of sparse rows: the sums that SciPy makes, to the last bit."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from quintet_engine.collaborative import products

SCIPY = {
    "product": lambda m, rows, w: np.asarray(m @ w),
    "product_of": lambda m, rows, w: np.asarray(m[rows] @ w),
    "product_with": lambda m, rows, w: (m[rows] @ m[rows[:3]].T).toarray(),
    "summed": lambda m, rows, w: np.asarray(m[rows].T @ w[: len(rows), 0]),
}
OURS = {
    "product": lambda m, rows, w: products.product(m, w),
    "product_of": products.product_of,
    "product_with": lambda m, rows, w: products.product_with(m, rows, rows[:3]),
    "summed": lambda m, rows, w: products.summed(m, rows, w[: len(rows), 0]),
}


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    products.accelerate()


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30), st.sampled_from([1, 3, 4])
)
@pytest.mark.parametrize("name", SCIPY)
def test_sums_are_those_of_scipy(name, seed, height, width, columns):
    random = np.random.default_rng(seed)
    matrix = sp.random(height, width, 0.3, "csr", np.float32, rng=random)
    rows = random.integers(0, height, min(height, width))
    weights = random.normal(size=(width, columns)).astype(np.float32)
    ours = OURS[name](matrix, rows, weights)
    assert ours.dtype == np.float32
    # The inner products of SciPy are added in another order; the others are equal bit for bit.
    tolerance = 1e-6 if name == "product_with" else 0
    np.testing.assert_allclose(
        ours, SCIPY[name](matrix, rows, weights), rtol=tolerance, atol=tolerance
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_the_columns_that_a_few_rows_use_are_found_without_the_others(seed, count):
    random = np.random.default_rng(seed)
    matrix = sp.random(20, 30, 0.1, "csr", np.float32, rng=random)
    rows, weights = random.integers(0, 20, count), random.random(count).astype(np.float32)
    columns, sums = products.sum_of_used_columns(matrix, rows, weights)
    whole = np.asarray(matrix[rows].T @ weights)
    np.testing.assert_array_equal(columns, np.flatnonzero(whole))
    np.testing.assert_allclose(sums, whole[columns], rtol=1e-6)


def test_mapped_matrices_are_read_where_they_are(tmp_path):
    matrix = sp.random(20, 10, 0.4, "csr", np.float32, rng=np.random.default_rng(1))
    mapped = []
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(matrix, name))
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    other = sp.csr_matrix(tuple(mapped), shape=matrix.shape)
    weights = np.ones((10, 4), np.float32)
    np.testing.assert_array_equal(products.product(other, weights), matrix @ weights)


def test_nothing_is_compiled_before_it_is_asked_for():
    code = (
        "import sys, numpy as np, scipy.sparse as sp\n"
        "from quintet_engine.collaborative import products\n"
        "products.product(sp.identity(3, np.float32, 'csr'), np.ones((3, 4), np.float32))\n"
        "sys.exit('numba' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
