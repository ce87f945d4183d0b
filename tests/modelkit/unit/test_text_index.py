"""Numbers of texts, found in the array they lie in."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_modelkit.text_index import TextIndex
from quintet_modelkit.texts import Texts

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), unique=True)


# The first call of Arrow's functions loads them, which takes what it takes.
@settings(deadline=None)
@given(texts, st.booleans(), st.text(max_size=8))
def test_every_text_has_its_place_and_no_other_text_has_one(names, ordered, other):
    names = sorted(names) if ordered else names
    numbers = TextIndex(pa.array(names, pa.string()))
    assert dict(numbers) == {name: place for place, name in enumerate(names)}
    assert (other in numbers) == (other in names)
    assert numbers.get(other, -1) == (names.index(other) if other in names else -1)


@settings(deadline=None)
@given(texts, st.booleans(), st.text(max_size=3))
def test_texts_with_a_prefix_are_those_that_begin_with_it(names, ordered, prefix):
    names = sorted(names) if ordered else names
    places = TextIndex(pa.array(names, pa.string())).places(prefix).tolist()
    assert [names[place] for place in places] == sorted(n for n in names if n.startswith(prefix))


def test_a_slice_and_several_chunks_are_read_from_their_start():
    whole = pa.array(["a", "b", "c", "d", "e"])
    assert dict(TextIndex(whole[2:])) == {"c": 0, "d": 1, "e": 2}
    assert TextIndex(pa.chunked_array([whole[3:], whole[:2]]))["a"] == 2


@pytest.mark.parametrize("name", [None, 3, b"a", "\ud800"])
def test_what_is_no_text_of_it_is_not_found(name):
    assert name not in TextIndex(pa.array(["a", "b"]))


@pytest.mark.parametrize("count", [63, 64, 65, 128, 1000])
def test_many_texts_are_found_between_those_kept_apart(count):
    names = [f"{number:05d}" for number in range(1, 2 * count, 2)]
    for order in (names, names[::-1]):
        numbers = TextIndex(pa.array(order))
        assert [numbers[name] for name in order] == list(range(count))
        between = [f"{number:05d}" for number in range(0, 2 * count + 1, 2)]
        assert not any(name in numbers for name in between)


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=20), st.data())
def test_texts_are_read_by_place_as_arrow_reads_them(names, data):
    whole = pa.array(names, pa.string())
    start = data.draw(st.integers(0, len(names)))
    places = data.draw(st.lists(st.integers(0, max(len(names) - start - 1, 0)), max_size=9))
    places = places if start < len(names) else []
    for array in (whole[start:], pa.chunked_array([whole[start:], whole[:0]])):
        assert Texts(array).of(places) == array.take(pa.array(places, pa.int64())).to_pylist()
