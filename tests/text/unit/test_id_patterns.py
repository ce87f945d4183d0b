"""Patterns of ids, names and addresses: Python and readers of JSON Schema read them alike."""

import re
import sys

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_text.id_patterns import (
    BLANKS,
    CONTROLS,
    ID_PATTERN,
    MAX_ID,
    NAME_PATTERN,
    address_pattern,
    is_name,
)
from quintet_text.track_ids import id_of

KINDS = ["track", "artist", "album", "playlist", "show", "episode"]


def read_by_schema(pattern: str, text: str) -> bool:
    return jsonschema_rs.is_valid({"type": "string", "pattern": pattern}, text)


def test_white_space_is_a_blank_or_a_control_character():
    characters = "".join(map(chr, range(sys.maxunicode + 1)))
    white = {each for each in characters if each.isspace()}
    blank = set(re.findall(f"[{BLANKS}]", characters))
    control = set(re.findall(f"[{CONTROLS}]", characters))
    assert blank <= white <= blank | control
    assert not blank & control


@pytest.mark.parametrize("text", ["a", " a ", "밤", "रात", "R&B", "a/b", "🎵", "\u3000x"])
def test_text_in_one_line_is_a_name(text):
    assert is_name(text)
    assert read_by_schema(NAME_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u3000\u00a0", "a\n", "\ta", "a\x00", "a\u2028b", "a\u202eb", "\u2066", "\x85"],
)
def test_blanks_alone_and_control_characters_are_no_name(text):
    assert not is_name(text)
    assert not read_by_schema(NAME_PATTERN, text)


def test_half_of_a_surrogate_pair_is_no_name():
    assert not is_name("a\ud800")
    assert not is_name("a\udfff")
    assert is_name("a\U00010000")


@pytest.mark.parametrize("text", ["a", "a.b_c~d:e-f", "밤", "रात", "x" * MAX_ID, "local:1"])
def test_letters_and_digits_of_any_script_and_some_marks_are_an_id(text):
    assert re.fullmatch(ID_PATTERN, text)
    assert read_by_schema(ID_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a,b", "a/b", "a?b", "a#b", "50%", "a=b", "a&b", "a\n", "x" * (MAX_ID + 1)]
)
def test_what_an_address_or_a_list_would_change_is_no_id(text):
    assert not re.fullmatch(ID_PATTERN, text)
    assert not read_by_schema(ID_PATTERN, text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=4))
def test_each_text_is_read_alike_by_python_and_a_schema(text):
    for pattern in (NAME_PATTERN, ID_PATTERN):
        assert (re.fullmatch(pattern, text) is not None) == read_by_schema(pattern, text)


@given(st.data(), st.sampled_from(KINDS))
def test_each_address_that_fits_names_an_id_of_its_kind_alone(data, kind):
    pattern = address_pattern(kind)
    address = data.draw(st.from_regex(pattern, fullmatch=True))
    assert read_by_schema(f"^{pattern}$", address)
    for other in KINDS:
        named = id_of(other, f" {address} ")
        assert (re.fullmatch("[0-9A-Za-z]+", named) is not None) == (other == kind)
        assert named in address
