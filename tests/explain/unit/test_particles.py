"""Korean particles after names in Hangul, digits, Latin and other letters."""

import pytest
from quintet_explain.particles import ends_in_consonant, with_particle


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("사랑", "사랑과"), ("노래", "노래와"), ("밤편지", "밤편지와"),
        ("봄날 (Live)", "봄날 (Live)와"),
        ("밤(夜)", "밤(夜)와(과)"),
        ("1989", "1989와"), ("2011", "2011과"), ("7 rings", "7 rings와"),
        ("Summer of 69", "Summer of 69와"), ("10", "10과"), ("24", "24와"), ("U2", "U2와"),
        ("Back In Black", "Back In Black과"), ("Hotel California", "Hotel California와"),
        ("AC/DC", "AC/DC와"), ("BTS", "BTS와"), ("R.E.M.", "R.E.M.과"), ("EXO", "EXO와"),
        ("Queen", "Queen과"), ("Smells Like Teen Spirit", "Smells Like Teen Spirit과"),
        ("Thriller", "Thriller와"), ("Song", "Song과"), ("Beat It", "Beat It과"),
        ("Heat", "Heat와"), ("Beyoncé", "Beyoncé와"),
        ("夜に駆ける", "夜に駆ける와(과)"), ("???", "???와(과)"),
    ],
)  # fmt: skip
def test_a_particle_follows_the_last_sound_of_a_name(word, said):
    assert with_particle(word, word, "과/와") == said


@pytest.mark.parametrize("particle", ["은/는", "이/가", "을/를", "과/와"])
def test_each_particle_has_a_form_for_consonants_and_one_for_vowels(particle):
    closed, opened = particle.split("/")
    assert with_particle("곡", "“곡”", particle) == f"“곡”{closed}"
    assert with_particle("노래", "“노래”", particle) == f"“노래”{opened}"


def test_every_final_consonant_counts():
    # The 28 syllables from 가 on have the 27 finals, and none.
    assert [ends_in_consonant(chr(0xAC00 + final)) for final in range(28)] == [False] + [True] * 27


def test_a_syllable_in_parts_is_read_as_one():
    assert ends_in_consonant("\u1100\u1161\u11a8") is True  # ㄱ, ㅏ and final ㄱ
