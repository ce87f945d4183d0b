import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_modelkit.identity import (
    album_id,
    artist_id,
    normalise,
    normalise_title,
    recording_key,
    stable_id,
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Beyoncé", "beyonce"),
        ("MOTÖRHEAD", "motorhead"),
        ("AC/DC", "ac dc"),
        ("방탄소년단", "방탄소년단"),
        ("Sigur Rós", "sigur ros"),
        ("  a   b ", "a b"),
        ("ё", "е"),  # noqa: RUF001 - Cyrillic on purpose
    ],
)
def test_normal_form(text, form):
    assert normalise(text) == form


@pytest.mark.parametrize(
    "title",
    [
        "Hotel California - 2013 Remaster",
        "Hotel California - Remastered 2011",
        "Hotel California (Remastered)",
        "Hotel California (feat. Someone)",
        "Hotel California",
    ],
)
def test_releases_of_one_recording_share_a_form(title):
    assert normalise_title(title) == "hotel california"


@pytest.mark.parametrize("title", ["Hotel California - Live, 1994", "Hotel California Remix"])
def test_other_recordings_keep_their_own_form(title):
    assert normalise_title(title) != "hotel california"


@given(st.text())
def test_normalising_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_a_text_beside_an_accent_is_normalised_as_it_is_alone(text):
    assert normalise(f"{text} \u00e9") == f"{normalise(text)} e".strip()


@given(st.text(min_size=1), st.text())
def test_ids_have_spotifys_shape_and_depend_on_content_alone(artist, album):
    assert artist_id(artist) == artist_id(artist)
    assert len(artist_id(artist)) == 22
    assert artist_id(artist).isalnum()
    assert album_id(artist, album) == ("" if not album else album_id(artist, album))


def test_the_kind_is_part_of_an_id():
    assert stable_id("artist", "x") != stable_id("album", "x")


def test_a_title_of_nothing_but_a_note_is_kept():
    assert normalise_title("(Remastered)") == "remastered"
    assert recording_key("Artist", "!!!")
