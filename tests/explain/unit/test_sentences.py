"""Sentences from facts: examples, the same facts in both languages, and no key without a phrase."""

import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import (
    CLOSE_COSINE,
    Fact,
    Kind,
    Reference,
    ReferenceKind,
    Relation,
    fact_sentence,
    genre_name,
    novelty_sentence,
    sentence_of,
)

BLACK = Reference(0, ReferenceKind.TRACK, "b", "Back In Black", "AC/DC")
LITHIUM = Reference(1, ReferenceKind.TRACK, "l", "Lithium", "Nirvana")
QUEEN = Reference(2, ReferenceKind.ARTIST, "q", "Queen")
RHAPSODY = Reference(2, ReferenceKind.MEMBER, "r", "Bohemian Rhapsody", "Queen")
ROCK = Reference(3, ReferenceKind.GENRE, "rock", "rock")
BY = Fact(Kind.SAME_ARTIST, BLACK, 0.4, name="AC/DC")


def attribute(reference, name, relation):
    return Fact(Kind.ATTRIBUTE, reference, 0.1, name, relation, 1.0, 0.0)


def tempo(reference, relation):
    return Fact(Kind.TEMPO, reference, 0.1, "tempo", relation, 1.0, 0.0)


@pytest.mark.parametrize(
    ("facts", "english", "korean"),
    [
        ([BY, attribute(BLACK, "loudness", Relation.HIGH), tempo(BLACK, Relation.HIGH)],
         "By AC/DC, whose “Back In Black” you picked; about as loud and fast.",
         "고르신 “Back In Black”과 같은 AC/DC의 곡, 비슷하게 소리가 크고 빠름."),
        ([BY, tempo(BLACK, Relation.SAME), attribute(BLACK, "energy", Relation.LESS)],
         "By AC/DC, whose “Back In Black” you picked; at about the same tempo, but calmer.",
         "고르신 “Back In Black”과 같은 AC/DC의 곡, 템포가 비슷함, 다만 더 차분함."),
        ([Fact(Kind.SAME_ALBUM, BLACK, 0.4), Fact(Kind.TASTE, LITHIUM, 0.1, value=0.6)],
         "From the same album as “Back In Black”; near “Lithium” in listeners' taste.",
         "“Back In Black”과 같은 앨범의 곡, “Lithium”을 듣는 사람들의 취향에 가까운 곡."),
        ([Fact(Kind.TOGETHER, LITHIUM, 0.4, value=1.0), Fact(Kind.SOUND, LITHIUM, 0.1, value=0.9)],
         "In one playlist with “Lithium”; close to it in sound.",
         "재생 목록 1개에 “Lithium”과 함께 담긴 곡, 소리도 가까운 곡."),
        ([Fact(Kind.ARTISTS_TOGETHER, LITHIUM, 0.4, value=12.0, name="Hole")],
         "By Hole, an artist in 12 playlists with Nirvana, whose “Lithium” you picked.",
         "고르신 “Lithium”의 Nirvana와 재생 목록 12개에 함께 담긴 Hole의 곡."),
        ([Fact(Kind.TOGETHER, RHAPSODY, 0.4, value=3.0),
          attribute(QUEEN, "valence", Relation.MORE)],
         "In 3 playlists with “Bohemian Rhapsody” by Queen; happier than the average of Queen.",
         "재생 목록 3개에 Queen의 “Bohemian Rhapsody”와 함께 담긴 곡, Queen 평균보다 더 밝음."),
        ([Fact(Kind.SAME_ARTIST, QUEEN, 0.4, name="Queen")],
         "By Queen, an artist you picked.", "고르신 아티스트 Queen의 곡."),
        ([Fact(Kind.GENRE, ROCK, 0.4, name="rock")],
         "Of the genre rock, which you picked.", "고르신 록 장르의 곡."),
        ([Fact(Kind.SOUND, LITHIUM, 0.4, value=0.3)],
         "Nearest in sound to “Lithium” among your picks.",
         "고르신 것 중 “Lithium”과 소리가 가장 가까운 곡."),
        ([Fact(Kind.TARGET, None, 0.4, "energy", value=0.824, other_value=0.8),
          Fact(Kind.TARGET, None, 0.2, "key", value=9.0, other_value=10.0), BY],
         "Energy 82% (you asked for 80%); key A (you asked for A♯); "
         "by AC/DC, whose “Back In Black” you picked.",
         "에너지는 82% (요청하신 값 80%), 조성은 A (요청하신 값 A♯), "
         "고르신 “Back In Black”과 같은 AC/DC의 곡."),
        ([tempo(BLACK, Relation.DOUBLE), Fact(Kind.KEY, BLACK, 0.1, "key", Relation.SAME)],
         "At about double the tempo of “Back In Black”, in a key that fits.",
         "템포가 “Back In Black”의 두 배쯤임, 조성이 어울림."),
        ([], "No single fact stands out; the model ranks this track by everything together.",
         "하나의 이유보다는 여러 특징이 고루 맞아서 추천된 곡입니다."),
    ],
)  # fmt: skip
def test_facts_become_one_sentence(facts, english, korean):
    assert (sentence_of(facts), sentence_of(facts, "ko")) == (english, korean)


def test_a_name_with_braces_or_quotes_stays_as_it_is():
    odd = BLACK._replace(name="{0} “it is” %s", artist="{}")
    assert "“{0} “it is” %s”" in sentence_of([Fact(Kind.SAME_ALBUM, odd, 1.0)])


def phrases(language):
    text = files("quintet_explain") / "phrases" / f"{language}.toml"
    return tomllib.loads(text.read_text(encoding="utf-8"))


def shape(table):
    return {
        key: shape(value) if isinstance(value, dict) else isinstance(value, list)
        for key, value in table.items()
    }


def test_both_languages_have_the_same_phrases():
    english = phrases("en")
    assert shape(english) == shape(phrases("ko"))
    assert set(english["attribute"]) == set(ATTRIBUTES)
    assert all(set(english[name]) <= set(ATTRIBUTES) for name in ("high", "low", "more", "less"))


def test_a_list_says_how_much_of_it_is_new_in_both_languages():
    assert novelty_sentence(12, 50, from_memory=True) == "12 of 50 are new to you."
    assert novelty_sentence(40, 50) == "40 of 50 are by artists you did not name."
    assert novelty_sentence(0, 9, lacks_new=True).endswith("No other artist fits your request.")
    assert novelty_sentence(9, 9, lacks_known=True).endswith("artists you know fit.")
    assert novelty_sentence(12, 50, "ko", from_memory=True).startswith("50곡 중 12곡")
    assert novelty_sentence(0, 0) == ""


COMPARED = [
    *((Kind.ATTRIBUTE, r) for r in (Relation.HIGH, Relation.LOW, Relation.MORE, Relation.LESS)),
    *((Kind.TEMPO, r) for r in (Relation.HIGH, Relation.SAME, Relation.DOUBLE, Relation.HALF)),
    (Kind.KEY, Relation.SAME),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("kind", "relation"), COMPARED)
def test_a_comparison_alone_states_both_values_and_its_own_seed(kind, relation, language):
    attribute = "energy" if kind is Kind.ATTRIBUTE else str(kind)
    ours, theirs = {"energy": (0.92, 0.91), "tempo": (120, 118), "key": (0, 7)}[attribute]
    fact = Fact(kind, LITHIUM, 0.1, attribute, relation, ours, theirs)
    shown = {"energy": ("92%", "91%"), "tempo": ("120", "118"), "key": ("C", "G")}[attribute]
    text = fact_sentence(fact, language)
    assert all(part in text for part in (*shown, "“Lithium”"))
    assert text.endswith(".")


def test_values_that_read_as_equal_are_not_called_more_or_less():
    fact = Fact(Kind.ATTRIBUTE, LITHIUM, 0.1, "energy", Relation.MORE, 0.914, 0.911)
    assert fact_sentence(fact) == "Energy 91%, like “Lithium” with 91%."


LIKENESSES = [
    (Kind.SOUND, ""), (Kind.TASTE, ""), (Kind.LIKED, "sound"), (Kind.LIKED, "taste"),
    (Kind.PLAYED, "sound"), (Kind.PLAYED, "taste"),
]  # fmt: skip


@given(st.sampled_from(LIKENESSES), st.floats(-1, 1), st.sampled_from(["en", "ko"]))
def test_a_likeness_states_its_seed_and_its_cosine(likeness, cosine, language):
    kind, attribute = likeness
    seed = Reference(0, ReferenceKind.TRACK, "s", "Lithium", "Nirvana")
    text = fact_sentence(Fact(kind, seed, 0.1, attribute, value=cosine), language)
    assert "“Lithium”" in text
    # The number that is shown is the one of the fact, to two digits.
    (shown,) = re.findall(r"-?\d\.\d\d", text)
    assert float(shown) == pytest.approx(cosine, abs=0.005001)
    # "Close" is said of a cosine from the stated bound on alone.
    assert ("lose in sound" in text) <= (kind is not Kind.SOUND or cosine >= CLOSE_COSINE)


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.sampled_from(["en", "ko"]))
def test_a_fact_about_playlists_states_its_seed_and_both_numbers(count, others, language):
    seed = Reference(0, ReferenceKind.TRACK, "s", "Lithium", "Nirvana")
    values: Any = {"value": float(count), "other_value": float(count + others)}
    together = fact_sentence(Fact(Kind.TOGETHER, seed, 0.1, **values), language)
    artists = Fact(Kind.ARTISTS_TOGETHER, seed, 0.1, name="Foo Fighters", **values)
    assert "“Lithium”" in together
    for text in (together, fact_sentence(artists, language)):
        numbers = [int(each) for each in re.findall(r"\d+", text.replace("one playlist", "1"))]
        assert numbers == [count, count + others]
    assert {"Foo Fighters", "Nirvana"} <= set(
        re.findall("Foo Fighters|Nirvana", fact_sentence(artists, language))
    )


@given(st.integers(1, 9), st.integers(0, 9), st.sampled_from(["en", "ko"]))
def test_a_shared_genre_states_how_many_genres_are_shared(shared, others, language):
    values: Any = {"value": float(shared), "other_value": float(shared + others)}
    text = fact_sentence(Fact(Kind.GENRE, LITHIUM, 0.1, name="rock", **values), language)
    assert "“Lithium”" in text
    numbers = sorted(int(each) for each in re.findall(r"\d+", text))
    assert numbers == ([] if shared + others == 1 else [shared, shared + others])


@pytest.mark.parametrize(
    ("fact", "shared", "english", "korean"),
    [
        (BY, ("AC/DC", "AC/DC"), "By AC/DC, like “Back In Black”.",
         "“Back In Black”과 같은 AC/DC의 곡입니다."),
        (BY, ("AC/DC, Queen", "AC/DC"), "By AC/DC, Queen; “Back In Black” is by AC/DC.",
         "AC/DC, Queen의 곡, “Back In Black”은 AC/DC의 곡입니다."),
        (Fact(Kind.SAME_ALBUM, BLACK, 0.1), ("Black", "Black"),
         "From the album “Black”, like “Back In Black”.",
         "“Back In Black”과 같은 앨범 “Black”의 곡입니다."),
        (Fact(Kind.GENRE, BLACK, 0.1, name="rock", value=3, other_value=4), ("", ""),
         "Of the genre rock, like “Back In Black”:"
         " it shares 3 of its 4 genres with “Back In Black”.",
         "“Back In Black”과 같은 록 장르의 곡: 장르 4개 중 3개가 “Back In Black”과 같습니다."),
        (Fact(Kind.GENRE, QUEEN, 0.1, name="rock", value=1, other_value=2), ("", ""),
         "Of the genre rock, like tracks by Queen: it shares 1 of its 2 genres with them.",
         "Queen과 같은 록 장르의 곡: 장르 2개 중 1개가 같습니다."),
        (Fact(Kind.TOGETHER, RHAPSODY, 0.1, value=3, other_value=9), ("", ""),
         "In 3 playlists with “Bohemian Rhapsody” by Queen"
         " (“Bohemian Rhapsody” is in 9 playlists).",
         "재생 목록 3개에 Queen의 “Bohemian Rhapsody”와 함께 담긴 곡"
         " (“Bohemian Rhapsody”가 담긴 재생 목록은 9개)."),
    ],
)  # fmt: skip
def test_what_two_songs_share_is_stated_of_both(fact, shared, english, korean):
    assert fact_sentence(fact, "en", shared) == english
    assert fact_sentence(fact, "ko", shared) == korean


def test_a_fact_without_two_values_is_the_sentence_of_it_alone():
    fact = Fact(Kind.SAME_ARTIST, BLACK, 0.1, name="AC/DC")
    assert fact_sentence(fact) == sentence_of([fact])


def test_genres_are_named_in_korean_and_unknown_ones_keep_their_name():
    assert genre_name("Hip-Hop", "ko") == "힙합"
    assert genre_name("hip-hop", "en") == "hip-hop"
    assert genre_name("zydeco", "ko") == "zydeco"
    genre = Reference(0, ReferenceKind.GENRE, "rock", "rock")
    fact = Fact(Kind.GENRE, genre, 0.1, name="rock")
    assert sentence_of([fact], "ko") == "고르신 록 장르의 곡."
