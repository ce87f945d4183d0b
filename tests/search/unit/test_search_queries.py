"""Query syntax, page tokens and the words that are indexed; no files, no sockets."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_search.adapters.text_analysis import indexed, whole, wholes, words
from quintet_search.domain.paging import PageRequest, make_token, read_token, window
from quintet_search.domain.query import FieldFilter, ParsedQuery, parse
from quintet_servicekit.errors import InvalidInput, Reason

SCOPE = ("tracks", "queen", "catalogue", "cat-1")


def test_filters_are_taken_out_of_the_text():
    parsed = parse('love artist:"Elton John" year:1970-1979 genre:rock Song')
    assert parsed.text == "love Song"
    assert parsed.filters == (
        FieldFilter("artist", "Elton John", True),
        FieldFilter("genre", "rock", False),
    )
    assert parsed.years == (1970, 1979)


@pytest.mark.parametrize("text", ["artist:", 'album:""', "year:", "year:19", "  "])
def test_a_filter_still_being_typed_does_not_count(text):
    assert parse(text) == ParsedQuery()


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("year:1984", (1984, 1984)),
        ("year:1984-", (1984, 1984)),
        ("year:1989-1980", (1980, 1989)),
        ("YEAR:1984", (1984, 1984)),
    ],
)
def test_a_year_is_one_or_a_range(text, years):
    assert parse(text).years == years


def test_what_is_no_filter_is_text():
    assert parse("mood:happy year:soon") == ParsedQuery("mood:happy year:soon")
    assert parse("myartist:x").filters == ()


@given(st.text(max_size=256))
def test_no_text_is_an_error(text):
    parse(text)
    assert all(word and not word.isspace() for word in words(text))


@given(st.text(max_size=60))
def test_every_word_is_indexed_or_begins_what_is(text):
    terms = indexed(text).split()
    for word in words(text):
        run = unicodedata.normalize("NFD", unicodedata.normalize("NFC", word)[:16])
        assert word in terms or any(term.startswith(run) for term in terms)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("BEYONCE", "Beyoncé"),
        ("dont stop me now", "Don\u2019t Stop Me Now"),
        ("don't stop me now", "Dont Stop Me Now"),
        ("sigur ros", "Sigur Rós"),
        ("motorhead", "Motörhead"),
        ("ac dc", "AC/DC"),
    ],
)
def test_accents_case_and_apostrophes_do_not_matter(typed, title):
    assert whole(typed) == whole(title)


def test_a_word_with_marks_inside_is_also_held_joined():
    assert "acdc" in indexed("AC/DC").split()
    assert "jayz" in indexed("Jay-Z").split()


def test_any_part_of_a_run_without_spaces_begins_an_ending():
    terms = indexed("방탄소년단").split()
    for part in ("방탄", "소년", "단", "방타"):
        letters = unicodedata.normalize("NFD", part)
        assert any(term.startswith(letters) for term in terms)


def test_signs_alone_are_a_word():
    assert words("!!!") == ["!!!"]
    assert words("÷") == ["÷"]


def test_a_title_is_whole_with_and_without_release_notes():
    assert wholes("Hotel California - 2013 Remaster") == [
        "hotel california 2013 remaster",
        "hotel california",
    ]


@given(st.integers(0, 2**31), st.text(max_size=20))
def test_a_token_gives_its_offset_back_for_its_own_list_only(offset, query):
    token = make_token(offset, ("tracks", query))
    assert read_token(token, ("tracks", query)) == offset
    with pytest.raises(InvalidInput):
        read_token(token, ("tracks", query + "x"))


@given(st.text(max_size=40))
def test_an_invented_token_is_refused(token):
    with pytest.raises(InvalidInput) as caught:
        read_token(token, SCOPE)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (PageRequest(page_size=-1), Reason.PAGE_SIZE_RANGE, "page_size"),
        (PageRequest(skip=-1), Reason.PAGE_SIZE_RANGE, "skip"),
        (PageRequest(skip=1001), Reason.PAGE_SIZE_RANGE, "skip"),
        (
            PageRequest(page_token=make_token(20, SCOPE), skip=1),
            Reason.PAGE_TOKEN_INVALID,
            "page_token",
        ),
    ],
)
def test_a_page_outside_its_range_names_the_field(request_, reason, field):
    with pytest.raises(InvalidInput) as caught:
        window(request_, default=20, maximum=50, scope=SCOPE)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_a_larger_page_becomes_the_largest_and_none_the_default():
    assert window(PageRequest(1000), default=20, maximum=50, scope=SCOPE).size == 50
    assert window(PageRequest(), default=20, maximum=50, scope=SCOPE).size == 20
