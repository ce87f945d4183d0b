"""Seasonal songs are recognised in many languages; songs of all year are not."""

import pytest
from quintet_text.seasons import Season, season_of


@pytest.mark.parametrize(
    "title",
    [
        "Last Christmas",
        "All I Want for Christmas Is You - Live",
        "Feliz Navidad",
        "Blanca Navidad",
        "Bianco Natale",
        "Petit Papa Noël",
        "Stille Nacht",
        "Weihnachtszeit",
        "Feliz Natal",
        "Nu är det jul (God Jul)",
        "크리스마스의 기적",
        "クリスマス・イブ",
        "圣诞结",
        "Santa Claus Is Comin' to Town",
        "Jingle Bell Rock",
        "Let It Snow! Let It Snow! Let It Snow!",
        "O Holy Night",
        "The First Noel",
        "Fairytale of New York",
        "Baby, It\u2019s Cold Outside",
        "Mistletoe",
        "Song - From The Kacey Musgraves Christmas Show",
    ],
)
def test_christmas_songs(title: str) -> None:
    assert season_of(title) is Season.CHRISTMAS


@pytest.mark.parametrize(
    "title", ["This Is Halloween", "Monster Mash", "Spooky, Scary Skeletons", "할로윈"]
)
def test_halloween_songs(title: str) -> None:
    assert season_of(title) is Season.HALLOWEEN


@pytest.mark.parametrize("title", ["Hanukkah Blessings", "Auld Lang Syne", "恭喜發財", "新年快乐"])
def test_other_seasons(title: str) -> None:
    assert season_of(title) is Season.OTHER


@pytest.mark.parametrize(
    "title",
    [
        "Holiday",
        "Snow (Hey Oh)",
        "Snowman",
        "December, 1963 (Oh, What a Night)",
        "Santa Monica",
        "Santa Fe",
        "María Santa",
        "Joy to the World",
        "Merry Christmas Mr. Lawrence",
        "New Year's Day",
        "Noel Gallagher",
        "Natal Chart",
        "Thriller",
        "Bells",
        "Jingle Jangle",
        "Hallelujah",
        "Angel",
        "Silent All These Years",
        "Silent Nightmare",
        "Happy",
        "Julia",
    ],
)
def test_songs_of_all_year(title: str) -> None:
    assert season_of(title) is Season.NONE


def test_a_genre_tells_where_the_title_does_not() -> None:
    assert season_of("Sun", "", ("christmas",)) is Season.CHRISTMAS
    assert season_of("Sun", "", ("rock", "holiday")) is Season.CHRISTMAS
    assert season_of("Sun", "", ("halloween",)) is Season.HALLOWEEN
    assert season_of("Sun", "American Idiot", ("rock",)) is Season.NONE


@pytest.mark.parametrize(
    ("album", "artist"),
    [
        ("Elvis' Christmas Album", "Elvis Presley"),
        ("A Pentatonix Christmas Deluxe", "Pentatonix"),
        ("Ella Wishes You a Swinging Christmas", "Ella Fitzgerald"),
    ],
)
def test_an_artist_s_own_album_tells_where_the_title_does_not(album: str, artist: str) -> None:
    assert season_of("Hallelujah", album, artists=(artist,)) is Season.CHRISTMAS


@pytest.mark.parametrize(
    "album", ["60s Christmas Party", "Merry Christmas", "Best of [X-Mas Edition]", "Halloween Hits"]
)
def test_compilations_hold_songs_of_all_year(album: str) -> None:
    assert season_of("Gimme Shelter", album, artists=("The Rolling Stones",)) is Season.NONE


def test_an_artist_named_after_a_season_is_not_seasonal() -> None:
    assert season_of("Ballad", "Songs", artists=("Christmas",)) is Season.NONE
    assert season_of("Ballad", "Christmas", artists=("Christmas",)) is Season.NONE
