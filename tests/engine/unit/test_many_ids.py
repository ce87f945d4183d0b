"""Rows of many ids at once: as one by one, for any text."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_engine.catalogue import Catalogue
from quintet_modelkit.text_index import TextIndex

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), unique=True, max_size=40)


class Shell:
    """What `Catalogue.rows_of` reads."""

    def __init__(self, row_of: object) -> None:
        self.snapshot = self
        self.row_of = row_of


def rows_of(texts: list[str], names: list[str], *, skipped: int = 0) -> list[int]:
    array = pa.array(texts, pa.string()).slice(skipped)
    return Catalogue.rows_of(Shell(TextIndex(array)), names).tolist()  # type: ignore[arg-type]


@settings(deadline=None)  # the first call loads compiled code
@given(TEXTS, st.lists(st.text(max_size=6), max_size=10), st.booleans())
def test_rows_of_many_ids_are_those_of_each(texts, others, is_sorted):
    texts = sorted(texts, key=str.encode) if is_sorted else texts
    names = [*texts, *others, *(text + "x" for text in texts), *(text[:-1] for text in texts)]
    places = {text: place for place, text in enumerate(texts)}
    assert rows_of(texts, names) == [places.get(name, -1) for name in names]


@pytest.mark.parametrize("name", ["", "\ud800", "é", "a" * 500])
def test_ids_that_no_catalogue_has_are_unknown(name):
    assert rows_of(["a", "b"], [name, "b"]) == [-1, 1]
    assert rows_of(["z", "a", "b"], [name, "b"], skipped=1) == [-1, 1]
    assert rows_of([], [name]) == [-1]
    assert rows_of(["a"], []) == []


def test_a_mapping_in_memory_is_read_too():
    shell = Shell({"a": 0, "b": 1})
    assert np.array_equal(Catalogue.rows_of(shell, ["b", "c"]), [1, -1])  # type: ignore[arg-type]
