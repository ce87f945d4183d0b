import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_modelkit.identity import (
    album_id,
    artist_id,
    normalise_title,
    recording_key,
    stable_id,
)


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


@pytest.mark.parametrize(
    ("artist", "album", "ids"),
    [
        # As released databases hold them: a better normal form must not change these.
        ("Beyoncé", "Lemonade", ("zgn1wjtctNEgCcKXaxiyyL", "d12SqXEgZRlweDfjHuLFN1")),
        ("MØ", "Final Song", ("WlFHagDhRPuYrvZTgfSOfL", "3jZOhD8dH019a4dd4xL7Hg")),
        ("A$AP Rocky", "TESTING", ("do6nN5idGSVFPlrCrvEwAw", "RRxc3tYFeDCnAN0g3uurjQ")),
        ("Earth, Wind & Fire", "I Am", ("uTvIwfjAa2A8TZ3wYemxTY", "X5A4n831VdndfBv0La93sH")),
        ("!!!", "Myth Takes", ("xEWUugDsupZz3B23EN9BEZ", "w0Buw6p6o3xVMjA3ZJpFe4")),
        ("محمد عبده", "الأماكن", ("KrXnSyhvTrcBDcrF13OOBx", "Ncq3OOFsOe3ENPPNuMExJZ")),
        ("방탄소년단", "Wings", ("Asd3K7GS6RDCQpb3xfQDeW", "Hwv4UnVFui7mwMSx7V2dfr")),
        ("サクラ", "桜", ("20BeixjzsGjpk5mIK7VZT9", "mRsr16QpMlNIZ7XEr0mizZ")),
    ],
)
def test_ids_of_existing_databases_stay(artist, album, ids):
    assert (artist_id(artist), album_id(artist, album)) == ids


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
