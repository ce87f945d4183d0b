"""Numbers, parts, keys and versions tell two works with similar titles apart."""

import pytest
from quintet_text.normal_form import normalise
from quintet_text.titles import marks_of, spelled_title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sonata: Part II", "Sonata: Part III"),
        ("Prelude in C Minor", "Prelude in C Major"),
        ("Prelude in C Sharp Minor", "Prelude in C Minor"),
        ("Präludium c-Moll", "Präludium C-Dur"),
        ("Crazy Diamond, Pts. I-IV", "Crazy Diamond, Pts. I-V"),
        ("Crazy Diamond (Parts I-V)", "Crazy Diamond (Parts VI-IX)"),
        ("Symphony No. Five", "Symphony No. Six"),
        ("Nocturne Op. 9", "Nocturne Op. 15"),
        ("Hello", "Hello (Live)"),
        ("Part V", "Part X"),
    ],
)
def test_two_works_have_different_marks(one: str, other: str) -> None:
    assert marks_of(normalise(one)) != marks_of(normalise(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Another Brick, Pt. 2", "Another Brick, Part II"),
        ("Sonata Part Two", "Sonata Pt. 2"),
        ("Crazy Diamond (Parts I-V)", "Crazy Diamond, Pts. I-V"),
        ("Präludium c-Moll", "Praludium C Minor"),
        ("I Want You", "I Want You"),
        ("Mix", "mix"),
    ],
)
def test_spellings_of_one_work_have_equal_marks(one: str, other: str) -> None:
    assert marks_of(normalise(one)) == marks_of(normalise(other))


@pytest.mark.parametrize("title", ["I Want You", "Vitamin C", "X", "Mix of D", "Mi Gente", "Di Di"])
def test_a_letter_or_a_word_is_no_roman_number(title: str) -> None:
    assert not any(mark.isdigit() for mark in marks_of(normalise(title)))


@pytest.mark.parametrize(
    ("title", "spelled"),
    [
        ("crazy diamond pts i v", "crazy diamond part 1 5"),
        ("crazy diamond parts i v", "crazy diamond part 1 5"),
        ("another brick pt 2", "another brick part 2"),
        ("i want you", "i want you"),
    ],
)
def test_parts_are_spelled_alike(title: str, spelled: str) -> None:
    assert spelled_title(title) == spelled
