"""Titles tell releases, versions and copies of a song apart; names of songs stay whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_text.versions import Version, read_title

V = Version


@pytest.mark.parametrize(
    ("title", "versions"),
    [
        ("Song - Live", V.LIVE),
        ("Song (Live at Wembley Stadium / July 1986)", V.LIVE),
        ("Song - Live in Osaka - February 1975", V.LIVE),
        ("Song (En Vivo)", V.LIVE),
        ("Song - Ao Vivo em São Paulo / 2013", V.LIVE),
        ("Song - En Directo", V.LIVE),
        ("Song (Live-Version)", V.LIVE),
        ("Song (Dal Vivo)", V.LIVE),
        ("노래 (라이브)", V.LIVE),
        ("歌 (ライブ)", V.LIVE),
        ("Song - Spotify Singles", V.LIVE),
        ("Song - MTV Unplugged", V.LIVE | V.ACOUSTIC),
        ("Song (Remix) feat. Somebody", V.REMIX),
        ("Song (feat. A) - B Remix", V.REMIX),
        ("Song - Tiësto Radio Edit", V.REMIX),
        ("Song (Ремикс)", V.REMIX),
        ("노래 (리믹스)", V.REMIX),
        ("Song - Armand's Star Trunk Mix; Radio Edit; 2016 Remaster", V.REMIX),
        ("Song - Acústico", V.ACOUSTIC),
        ("Song (Acoustic Version)", V.ACOUSTIC),
        ("Song (Akustik)", V.ACOUSTIC),
        ("노래 (어쿠스틱)", V.ACOUSTIC),
        ("Song - Instrumental", V.INSTRUMENTAL),
        ("노래 (inst)", V.INSTRUMENTAL),
        ("Song - Demo", V.DEMO),
        ("Song - Alternate Take 4", V.DEMO),
        ("Song (Karaoke Version) - Originally Performed By A", V.KARAOKE | V.COVER),
        ("Song [In the Style of A - B] [Karaoke Version]", V.KARAOKE),
        ("绿色 - 伴奏版", V.KARAOKE),
        ("Song (A Cover)", V.COVER),
        ("Song (A Tribute to B)", V.COVER),
        ("Song (Made Famous by B)", V.COVER),
        ("노래 (커버)", V.COVER),
        ("Song - Sped Up", V.SPEED),
        ("Song (slowed + reverb)", V.SPEED),
        ("Song (Nightcore)", V.SPEED),
        ("Song [ChopNotSlop Remix]", V.SPEED | V.REMIX),
        ("Song - Extended Version", V.EXTENDED),
        ('Song - 12" Version', V.EXTENDED),
        ("Song (Taylor's Version)", V.RERECORDED),
        ("Song (Taylor\u2019s Version) (From The Vault)", V.RERECORDED),
        ("Song (Re-Recorded / Remastered)", V.RERECORDED),
        ("Song - Spanish Version", V.LANGUAGE),
        ("Song (Korean Ver.)", V.LANGUAGE),
        ("Song - Salsa Version", V.OTHER),
        ("Song (Reprise)", V.OTHER),
    ],
)
def test_notes_name_versions(title: str, versions: Version) -> None:
    parts = read_title(title)
    assert parts.versions == versions
    assert parts.song == title.split(" (")[0].split(" - ")[0].split(" [")[0]


@pytest.mark.parametrize(
    "note",
    [
        "- 2011 Remaster",
        "- Remastered 2009",
        "(Remasterizado)",
        "- Versão Remasterizada",
        "(Remasterisé en 2012)",
        "(2013 リマスター)",
        "- Mono / Remastered 2002",
        "- Stereo Version",
        "- Rudy Van Gelder Edition / 2007 Digital Remaster",
        "- 2003 Sony Remaster",
        "- Radio Edit",
        "- Single Version",
        "- Album Version (Edited)",
        '- 7" Version',
        "- Original Mix",
        "(Deluxe Edition)",
        "- Bonus Track",
        "(Explicit)",
        '- From "The Lion King"',
        '- From "Brother Bear"/Soundtrack Version',
        "(Original Motion Picture Soundtrack)",
        "(feat. Somebody)",
        "(with Justin Bieber)",
        "feat. Somebody",
        "(feat. Somebody) - Radio Edit",
        "(prod. by Slom)",
    ],
)
def test_editions_are_the_recording_itself(note: str) -> None:
    parts = read_title(f"Song {note}")
    assert (parts.song, parts.versions, parts.recording) == ("Song", Version(0), "Song")


@pytest.mark.parametrize(
    "title",
    [
        "Live and Let Die",
        "Live Forever",
        "The House (Where I Live)",
        "Immortal (We Live Forever)",
        "Remix to Ignition",
        "Video Killed the Radio Star",
        "(I Can't Get No) Satisfaction",
        "Stay (With You)",
        "4 My Town (Take Cover)",
        "Cover Me",
        "Acoustic",
        "Istanbul (Not Constantinople)",
        "Snow (Hey Oh)",
        "Piano Man",
        "Mono",
        "Deluxe",
        "Te Quiero Ver",
        "White Wedding - Pt. 1",
        "Live",
        "(Remastered)",
    ],
)
def test_names_stay_whole(title: str) -> None:
    assert read_title(title).song == title
    assert not read_title(title).versions


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song - Live", "Song (Live)"),
        ("Song - Live / Remastered 2009", "Song - Live /"),
        ("Song (feat. A) [B Remix]", "Song [B Remix] feat. A"),
    ],
)
def test_releases_of_one_version_have_one_form(one: str, other: str) -> None:
    from quintet_modelkit.songs import recording_form

    assert recording_form(one) == recording_form(other)


@given(st.text(max_size=60))
def test_any_text_is_read_and_its_name_is_part_of_it(title: str) -> None:
    parts = read_title(title)
    assert bool(parts.song) == bool(title.strip())
    assert bool(parts.notes) == bool(parts.versions)
