"""Properties of every text: no crash, spans inside the text, parts that can be removed."""

import contextlib
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.limits import MAX_NAME, MAX_NAMES, MAX_PROMPT, MAX_SIMILAR_NAMES
from quintet_gateway.schemas.recommendation_request import RecommendationsBody
from quintet_prompts import (
    CatalogueFacts,
    NamedItem,
    Problem,
    meaning,
    name_phrases,
    understand,
)
from quintet_prompts.lexicon import lexicon
from quintet_prompts.model import KINDS, SCHEMA, AnswerInvalid, read_answer, understand_answer

from tests.root import ROOT

FACTS = CatalogueFacts(100, 0, 5, ["rock", "pop", "jazz"], ["t1"])
ARTISTS = {"queen": "Queen", "yes": "Yes", "pop": "Pop", "chicago": "Chicago", "iu": "IU"}
GENRES = {"rock", "pop", "jazz"}
WORDS = sorted(
    {
        *(
            "calm",
            "not",
            "no",
            "like",
            "Queen",
            "by",
            "Yes",
            "without",
            "Chicago",
            "and",
            ",",
            "or",
        ),
        *(
            "under",
            "4",
            "minutes",
            "over",
            "120",
            "bpm",
            "90s",
            "1990",
            "songs",
            "explicit",
            "live",
        ),
        *(
            "rock",
            "pop",
            "pop.",
            '"',
            "'",
            "조용한",
            "시끄럽지",
            "않은",
            "록",
            "말고",
            "같은",
            "처럼",
        ),
        *(
            "빼고",
            "4분",
            "이하",
            "넘는",
            "20곡",
            "아주",
            "IU랑",
            "노래",
            "without any",
            "very",
            "too",
        ),
        *(
            "\u0301",
            "\u200b",
            "🎵",
            "\uff19\uff10",
            "between",
            "to",
            "ten",
            "nothing",
            "but",
            "style",
            "5:30",
        ),
    }
)
TEXTS = st.one_of(
    st.text(max_size=MAX_PROMPT),
    st.lists(st.sampled_from(WORDS), max_size=60).map(lambda words: " ".join(words)[:MAX_PROMPT]),
)


def names_of(text):
    """What a small catalogue has for the phrases of a text."""
    found = {}
    for phrase in name_phrases(text):
        plain = phrase.text.casefold().strip()
        items = [NamedItem("artist", f"a-{plain}", ARTISTS[plain])] if plain in ARTISTS else []
        items += [NamedItem("genre", "", plain)] if plain in GENRES else []
        found[phrase.text] = items
    return found


def read(text, removed=()):
    return understand(text, names_of(text), FACTS, 2026, removed)


@given(TEXTS)
def test_any_text_is_read_with_valid_spans_and_a_valid_query(text):
    phrases = name_phrases(text)
    assert len(phrases) <= MAX_NAMES
    assert sum(phrase.similar for phrase in phrases) <= MAX_SIMILAR_NAMES
    assert all(0 < len(phrase.text) <= MAX_NAME for phrase in phrases)
    found = read(text)
    RecommendationsBody.model_validate(found.query)
    assert len({part.id for part in found.parts}) == len(found.parts)
    for part in found.parts:
        if part.kind != "start":
            assert 0 <= part.start < part.end <= len(text)
        for language in ("en", "ko"):
            assert meaning(part, language).endswith(".")
    for left in found.not_understood:
        assert 0 <= left.start < left.end <= len(text)
        # A word is either read or listed, never both.
        assert not any(
            part.start < left.end and left.start < part.end
            for part in found.parts
            if part.kind != "start"
        )


@given(TEXTS)
def test_each_part_can_be_removed_and_the_others_stay(text):
    found = read(text)
    said = [part for part in found.parts if part.kind != "start"]
    for part in said:
        left = read(text, [part.id])
        RecommendationsBody.model_validate(left.query)
        kept = [each.id for each in left.parts if each.kind != "start"]
        assert kept == [each.id for each in said if each.id != part.id]
        assert list(left.removed) == [part.id]
    assert list(read(text, ["nothing:0-1"]).unknown) == ["nothing:0-1"]


@given(TEXTS)
def test_a_word_that_no_table_has_is_never_lost(text):
    """Every word is in a part, listed, or a word that asks for nothing."""
    found = read(text)
    noise = lexicon().noise.words() | set(lexicon().particles)
    spans = [(each.start, each.end) for each in (*found.parts, *found.not_understood)]
    for token in lexicon().tokens(text):
        if not token.is_mark and not any(start <= token.start < end for start, end in spans):
            assert token.word in noise, token.word


NUMBERS = st.one_of(st.none(), st.integers(-5, 5000), st.floats(), st.booleans())
TEXT = st.one_of(st.none(), st.sampled_from(["rock", "Queen", "live", "ko", "tempo", "energy", ""]))
MODEL_PARTS = st.fixed_dictionaries(
    {
        "words": st.sampled_from(["calm", "rock", "calm rock", "no", ""]),
        "kind": st.sampled_from([*KINDS, "other"]),
        **dict.fromkeys(("name", "artist", "attribute"), TEXT),
        **dict.fromkeys(("value", "min", "max"), NUMBERS),
    }
)


@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(MODEL_PARTS, max_size=5).map(lambda parts: json.dumps({"parts": parts})),
    )
)
def test_a_query_of_a_model_is_checked_whatever_it_answers(content):
    with contextlib.suppress(AnswerInvalid):
        parts = read_answer("calm rock", content)
        found = understand_answer("calm rock", parts, {}, FACTS)
        assert len({part.id for part in found.parts}) == len(found.parts)
        RecommendationsBody.model_validate(found.query)


@pytest.mark.parametrize(
    "unit", ["like ", "no ", "a", "1 to ", "\"'", "록 ", "80s and ", "조용한 ", "안 "]
)
def test_the_longest_text_takes_a_bounded_time(unit):
    text = (unit * MAX_PROMPT)[:MAX_PROMPT]
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("over 5 minutes and under 3 minutes", {Problem.CONTRADICTION}),
        ("rock but no rock", {Problem.CONTRADICTION}),
        ("slow and fast", {Problem.CONTRADICTION}),
        ("fast but under 90 bpm", {Problem.CONTRADICTION}),
        ("900 songs", {Problem.OUT_OF_RANGE}),
        ("songs of the 80s", {Problem.NO_DATA}),
        ("Spanish songs", {Problem.NO_DATA}),
        ("reggae", {Problem.NOT_IN_CATALOGUE}),
        ("only remixes", {Problem.NOT_SUPPORTED}),
    ],
)
def test_a_part_that_cannot_be_used_says_why(text, problems):
    found = read(text)
    assert {part.problem for part in found.parts if part.problem} == problems
    assert found.not_understood == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        # A word that is also a name counts as a name only where it is called one.
        ("pop songs", ["genre"]),
        ("like Pop", ["seed"]),
        ("yes please, calm songs", ["quality"]),
        ("songs by Yes", ["only_by"]),
        ('"Yes"', ["seed"]),
        ("without Queen", ["excluded"]),
        ("nothing like Chicago", ["unlike"]),
        ("IU 말고", ["excluded"]),
        ("IU 같은 노래 말고", ["unlike"]),
    ],
)
def test_ambiguous_names_are_read_by_the_words_around_them(text, kinds):
    found = read(text)
    assert [part.kind for part in found.parts if part.kind != "start"] == kinds


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("no songs longer than 4 minutes", {"max_duration_ms": 240_000}),
        ("nothing slower than 100 bpm", {"min_tempo": 100}),
        ("no songs before 1990", {"min_year": 1990}),
        ("2000년 이전 노래 빼고", {"min_year": 2001}),
        ("before the 80s", {"max_year": 1979}),
        ("since the 80s", {"min_year": 1980}),
        ("90년대 이전", {"max_year": 1989}),
        ("from the 70s to the 90s", {"min_year": 1970, "max_year": 1999}),
        ("70년대부터 90년대까지", {"min_year": 1970, "max_year": 1999}),
        ("4분을 넘지 않는 노래", {"max_duration_ms": 240_000}),
        ("100 bpm 이하는 빼고", {"min_tempo": 100}),
        ("I don't mind explicit lyrics", {}),
        # A query cannot leave a range out, nor say how long a list is: listed instead.
        ("not from the 90s", None),
        ("1990년대 말고", None),
        ("not between 3 and 5 minutes", None),
        ("15 minutes of music", None),
        ("30분 분량", None),
    ],
)
def test_a_range_is_read_with_what_rejects_or_extends_it(text, filters):
    found = read(text)
    said = [part for part in found.parts if part.kind != "start"]
    if filters is None:
        assert said == []
        assert found.not_understood
    else:
        assert [part.piece.get("filters", {}) for part in said] == [filters]
        assert found.not_understood == []


def test_the_schema_of_a_model_names_every_kind():
    items = SCHEMA["properties"]["parts"]["items"]
    assert set(items["required"]) == set(items["properties"])


def test_the_page_states_what_each_quality_becomes():
    page = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
    for name, entry in lexicon().qualities.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        _, _, _, _, wanted, unwanted, _ = row.split("|")
        for cell, values in (
            (wanted, entry.get("targets") or entry["filters"]),
            (unwanted, entry.get("negated", {})),
        ):
            stated = re.findall(r"`(\w+)` (-?[\d.]+)", cell)
            assert {key: float(value) for key, value in stated} == values, name
