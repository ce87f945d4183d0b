"""A Parquet file that becomes huge, or is no text, is refused before memory is spent on it."""

import contextlib
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_training.datasets import expanding
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.reading import open_table

LONG = "x" * 1_000_000


def written(tmp_path, **columns):
    path = tmp_path / "tracks.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path


def read(path):
    table = open_table(path)
    return sum(batch.rows.height for batch in table.batches(table.columns))


def repeated(count):
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [LONG])


def test_a_small_file_that_becomes_gigabytes_is_refused_without_becoming_them(tmp_path):
    path = written(tmp_path, track_id=repeated(20_000), title=pa.array(["a"] * 20_000))
    assert path.stat().st_size < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DatasetInvalid, match="20000 rows become more than 536,870,912 bytes"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # KiB


def test_the_same_inside_of_lists_and_structs_is_refused(tmp_path):
    lists = pa.ListArray.from_arrays(list(range(2_001)), repeated(2_000))
    structs = pa.StructArray.from_arrays([pa.array(["a"] * 2_000)], ["name"])
    path = written(tmp_path, artists=lists, more=structs)
    with pytest.raises(DatasetInvalid, match="become more than"):
        read(path)


@pytest.mark.parametrize("limit", ["MOST_ROWS", "MOST_BYTES"])
def test_more_rows_or_bytes_than_are_read_are_refused_by_what_the_file_says(
    tmp_path, limit, monkeypatch
):
    path = written(tmp_path, track_id=pa.array(["a", "b", "c"]))
    assert read(path) == 3
    monkeypatch.setattr(expanding, limit, 2)
    with pytest.raises(DatasetInvalid, match=r"3 rows of .* split it into several files"):
        read(path)


def test_a_name_of_a_column_that_is_no_utf_8_is_refused(tmp_path):
    path = written(tmp_path, track_id=pa.array(["a"]), title=pa.array(["b"]))
    path.write_bytes(path.read_bytes().replace(b"title", b"tit\xffe"))
    with pytest.raises(DatasetInvalid, match="Parquet"):
        read(path)


def test_text_that_is_no_utf_8_is_refused(tmp_path):
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    path = written(tmp_path, track_id=bad)
    with pytest.raises(DatasetInvalid, match="damaged"):
        read(path)


ANY_TEXT = st.text(max_size=20) | st.none()
COLUMN = st.one_of(
    st.lists(ANY_TEXT, min_size=2, max_size=2).map(pa.array),
    st.lists(st.floats() | st.none(), min_size=2, max_size=2).map(pa.array),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2).map(pa.array),
    st.lists(st.binary(max_size=9) | st.none(), min_size=2, max_size=2).map(pa.array),
    st.lists(st.lists(ANY_TEXT, max_size=3), min_size=2, max_size=2).map(
        lambda rows: pa.array(rows, pa.list_(pa.string()))
    ),
    st.lists(st.fixed_dictionaries({"a": ANY_TEXT}), min_size=2, max_size=2).map(
        lambda rows: pa.array(rows, pa.struct([("a", pa.string())]))
    ),
    st.lists(st.datetimes() | st.none(), min_size=2, max_size=2).map(
        lambda rows: pa.array(rows, pa.timestamp("us"))
    ),
)
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(columns=st.dictionaries(st.text(min_size=1, max_size=9), COLUMN, min_size=1, max_size=4))
def test_a_table_of_any_names_and_types_is_read_or_refused(tmp_path, columns):
    path = written(tmp_path, **columns)
    with contextlib.suppress(DatasetInvalid):
        assert read(path) == 2


@FEW
@given(
    places=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
    values=st.binary(min_size=6, max_size=6),
)
def test_a_file_with_altered_bytes_is_read_or_refused(tmp_path, places, values):
    path = written(tmp_path, track_id=pa.array(["a", "b"]), artists=pa.array([["x"], ["y", "z"]]))
    content = bytearray(path.read_bytes())
    for place, value in zip(places, values, strict=False):
        content[place % len(content)] = value
    path.write_bytes(content)
    with contextlib.suppress(DatasetInvalid):
        assert read(path) >= 0
