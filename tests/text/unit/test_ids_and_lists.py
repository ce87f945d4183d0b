"""One reader of ids, one of credits and one of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_text.credits import credit_prefixes, split_credit
from quintet_text.lists import single_name, split_list
from quintet_text.printable import printable
from quintet_text.track_ids import KINDS, id_of, is_valid_id, normal_id, readings_of, track_id_of

ID = "4uLU6hMCjMI75M1A2tKUQC"
UUID = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    "address",
    [
        ID,
        f" {ID} ",
        f"spotify:track:{ID}",
        f"SPOTIFY:TRACK:{ID}",
        f"https://open.spotify.com/track/{ID}",
        f"http://open.spotify.com/track/{ID}",
        f"open.spotify.com/track/{ID}",
        f"https://open.spotify.com/track/{ID}?si=0123456789abcdef",
        f"https://open.spotify.com/intl-de/track/{ID}?si=1",
        f"https://open.spotify.com/intl-pt-BR/track/{ID}",
        f"https://open.spotify.com/embed/track/{ID}?utm_source=x",
        f"https://play.spotify.com/track/{ID}/",
        f"https://open.spotify.com/track/{ID}#0:30",
    ],
)
def test_every_address_of_a_track_gives_one_id(address: str) -> None:
    assert track_id_of(address) == ID


@pytest.mark.parametrize("kind", ["artist", "album", "playlist"])
def test_an_address_of_another_kind_is_no_track(kind: str) -> None:
    assert track_id_of(f"spotify:{kind}:{ID}") == f"spotify:{kind}:{ID}"
    assert id_of(kind, f"https://open.spotify.com/{kind}/{ID}") == ID


@given(st.text(alphabet=st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=40))
def test_an_id_of_letters_and_digits_is_valid_and_stays(text: str) -> None:
    assert is_valid_id(text)
    assert track_id_of(text) == text


@pytest.mark.parametrize(
    "text", ["", "a/b", "a b", "a\nb", "a,b", "ab==", "50%", "a?b", "a#b", "../x", ".", "x" * 129]
)
def test_an_id_that_a_url_or_a_list_would_change_is_not_valid(text: str) -> None:
    assert not is_valid_id(text)


@pytest.mark.parametrize(
    ("credit", "prefixes"),
    [
        ("Adele", ["Adele"]),
        (
            "Earth, Wind & Fire feat. Someone New",
            [
                "Earth, Wind & Fire feat. Someone New",
                "Earth, Wind & Fire",
                "Earth, Wind",
                "Earth",
            ],
        ),
        (r"Tyler\, The Creator, Kali Uchis", None),
        (r"Tyler\, The Creator", ["Tyler, The Creator"]),
    ],
)
def test_a_credit_lists_ever_shorter_beginnings(credit: str, prefixes: list[str] | None) -> None:
    found = credit_prefixes(credit)
    assert found == sorted(found, key=len, reverse=True)
    if prefixes is None:
        assert "Tyler, The Creator" in found
        assert "Tyler" not in found
    else:
        assert found == prefixes


def test_escaped_commas_belong_to_the_name() -> None:
    credit = r"Earth\, Wind & Fire, The Emotions"
    assert split_credit(credit) == ["Earth, Wind & Fire", "The Emotions"]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("pop, R&B", ["pop", "R&B"]),
        ("pop; rock, roll", ["pop", "rock, roll"]),
        ("['pop', \"R&B\"]", ["pop", "R&B"]),
        ('["pop","rock"]', ["pop", "rock"]),
        ("('pop',)", ["pop"]),
        ("{'rock', 'pop'}", ["pop", "rock"]),
        ("set()", []),
        ("[]", []),
        ("NaN", []),
        ("", []),
        ("rock", ["rock"]),
        ("[untitled]", ["[untitled]"]),
    ],
)
def test_a_cell_becomes_its_names(cell: str, names: list[str]) -> None:
    assert split_list(cell, ";|,") == names


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("{'album_type': 'album', 'name': \"D'Arc\", 'artists': [{'name': 'Ann'}]}", "D'Arc"),
        (' {"name": "Blue", "total_tracks": 10}', "Blue"),
        ("{'album_type': 'album'}", "{'album_type': 'album'}"),
        ("{'name': None}", "{'name': None}"),
        ("{'Blue'}", "{'Blue'}"),
        ("{Blue", "{Blue"),
        ("Blue", "Blue"),
    ],
)
def test_an_object_in_a_cell_of_one_name_becomes_its_name(cell: str, name: str) -> None:
    assert single_name(cell) == name


@given(st.text(max_size=80))
def test_printed_text_holds_no_control_character(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert "\x1b" not in shown
    shown.encode("utf-8")


def test_long_text_is_cut() -> None:
    assert printable("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("isrc", " us-rc1-76-07839 ", "USRC17607839"),
        ("isrc", "urn:isrc:USRC17607839", "USRC17607839"),
        ("isrc", "USRC1760783", ""),
        ("isrc", "USRC1760783٩", ""),
        ("spotify", "spotify:track:" + "0" * 22, "0" * 22),
        ("spotify", f"https://open.spotify.com/intl-de/track/{'Aa' * 11}?si=x", "Aa" * 11),
        ("spotify", "https://open.spotify.com/album/" + "0" * 22, ""),
        ("musicbrainz_recording", UUID.upper(), UUID),
        ("musicbrainz_recording", UUID.replace("-", ""), UUID),
        ("musicbrainz_recording", f"https://musicbrainz.org/recording/{UUID}?x=1", UUID),
        ("musicbrainz_release", f"https://musicbrainz.org/recording/{UUID}", ""),
        ("musicbrainz_artist", "nobody", ""),
    ],
)
def test_ids_by_others_have_one_form(kind: str, text: str, value: str) -> None:
    assert normal_id(kind, text) == value
    assert normal_id(kind, value) == value


def test_a_typed_text_is_read_as_every_id_that_it_may_be() -> None:
    assert [each.kind for each in readings_of(UUID)] == list(KINDS[1:4])
    assert list(readings_of(f"musicbrainz_release:{UUID}")) == [("musicbrainz_release", UUID)]
    assert list(readings_of("isrc:us-rc1-76-07839")) == [("isrc", "USRC17607839")]
    assert list(readings_of("spotify:track:" + "0" * 22)) == [("spotify", "0" * 22)]
    assert list(readings_of("Yesterday")) == []
