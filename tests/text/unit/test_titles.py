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
        ("Symphony in D minor: I. Allegro", "Symphony in D minor: V. Allegro"),
        ("Plan A", "Plan B"),
        ("Vitamin C", "Vitamin D"),
        ("Opus Ninety-Nine", "Opus Ninety-Eight"),
        ("Volume Twenty-One", "Volume Twenty-Two"),
        ("Prelude 12/21", "Prelude 21/12"),
        ("Sonata BWV 1001", "Sonata BWV 1003"),
        ("Quartet No. 1 in E-flat Major", "Quartet No. 1 in E Major"),
        ("Teil I", "Teil V"),
        ("First Movement", "Third Movement"),
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
        ("Symphony No. 9", "9th Symphony"),
        ("Opus Ninety-Nine", "Op. 99"),
        ("Volume Twenty-One", "Vol. 21"),
        ("Part 2 (Live)", "Live, Part II"),
        ("1st Movement", "First Movement"),
        ("Part 02", "Part 2"),
        ("The Day", "Day"),
    ],
)
def test_spellings_of_one_work_have_equal_marks(one: str, other: str) -> None:
    assert marks_of(normalise(one)) == marks_of(normalise(other))


@pytest.mark.parametrize(
    "title", ["I Want You", "Vitamin C", "X", "Mix of D", "Mi Gente", "Di Di", "Mix"]
)
def test_a_letter_or_a_word_is_no_roman_number(title: str) -> None:
    assert not any(mark.isdigit() for mark in marks_of(normalise(title)))


@pytest.mark.parametrize(
    ("title", "spelled"),
    [
        ("crazy diamond pts i v", "crazy diamond part 1 5"),
        ("crazy diamond parts i v", "crazy diamond part 1 5"),
        ("another brick pt 2", "another brick part 2"),
        ("i want you", "i want you"),
        ("sonata pt two", "sonata part 2"),
        ("opus 9 nr 2", "op 9 no 2"),
        ("sonata part 2", "sonata part 2"),
    ],
)
def test_parts_are_spelled_alike(title: str, spelled: str) -> None:
    assert spelled_title(title) == spelled
