"""Whatever a server or a tag says, values are clean or unknown, and nothing raises."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import RANGES
from quintet_library import jellyfin, subsonic
from quintet_library.records import Rejected, Song
from quintet_library.values import (
    date_of,
    genres_of,
    in_range,
    number_of,
    tempo_and_key,
    text_of,
    texts_of,
)
from quintet_store.items import unfit

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
CHILD = [
    *("title", "artist", "artists", "album", "year", "genre", "genres", "duration", "size", "bpm"),
    *("isrc", "musicBrainzId", "replayGain", "starred", "userRating", "playCount", "played"),
]
ITEM = [
    *("Name", "Artists", "AlbumArtist", "Album", "PremiereDate", "ProductionYear", "Genres"),
    *("RunTimeTicks", "ProviderIds", "UserData"),
]


def children(names: list[str], identifier: str) -> st.SearchStrategy[dict]:
    some = st.dictionaries(st.sampled_from(names), values)
    return some.map(lambda found: {**found, identifier: "an id"})


def check(song: Song | Rejected) -> None:
    if isinstance(song, Song):
        # What the readers let through is what the database takes.
        assert unfit(song.item) == ""
    else:
        assert song.item_id == "an id"
        assert song.reason


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(children(CHILD, "id"))
def test_any_answer_of_a_subsonic_server_is_a_song_or_a_reason(child):
    check(subsonic.song_of(child))


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(children(ITEM, "Id"))
def test_any_answer_of_a_jellyfin_server_is_a_song_or_a_reason(item):
    check(jellyfin.song_of(item))


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(values)
def test_texts_are_printable_and_bounded(value):
    for text in (text_of(value), *texts_of(value), *genres_of(value)):
        assert len(text) <= 1000
        assert text == text.strip()
        assert not any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in text)


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(values, st.sampled_from(sorted(RANGES)))
def test_numbers_are_finite_and_in_range(value, name):
    number = number_of(value)
    assert number is None or math.isfinite(number)
    found = in_range(name, value)
    assert found is None or RANGES[name][0] <= found <= RANGES[name][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T00:00:00Z", "2026-03-01"),
        ("2026-03-00", "2026-03"),
        ("2026-00-05", "2026"),
        (2026, "2026"),
        ("2026", "2026"),
        ("0000", ""),
        ("26", ""),
        ("soon", ""),
        (None, ""),
        ("2026-13-01", "2026"),
        ("2026-02-31", "2026-02"),
    ],
)
def test_dates_are_kept_as_far_as_they_are_known(text, expected):
    assert date_of(text) == expected


@pytest.mark.parametrize(
    ("bpm", "key", "expected"),
    [
        ("128", "F#m", {"tempo": 128, "key": 6, "mode": 0}),
        ("127.94 bpm", "C", {"tempo": 127.94, "key": 0, "mode": 1}),
        (90, "8A", {"tempo": 90, "key": 9, "mode": 0}),
        ("0", "o", {}),
        ("1001", "5", {}),
        ("fast", "H?", {}),
        (None, None, {}),
    ],
)
def test_tempo_and_key_are_read_as_taggers_write_them(bpm, key, expected):
    assert tempo_and_key(bpm, key) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-7.20 dB", -7.2),
        ("+3,5", 3.5),
        ("1.2e-05", 1.2e-05),
        (12, 12),
        (True, None),
        ("dB", None),
        ("", None),
        ([1], None),
    ],
)
def test_numbers_are_read_from_the_beginning_of_a_text(text, expected):
    assert number_of(text) == expected
