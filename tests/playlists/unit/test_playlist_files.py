"""Playlist files: what other programs read in them, and that a list is recognised as ours."""

import json

from quintet_playlists import (
    Entry,
    jspf_of,
    list_mark,
    listenbrainz_jspf_of,
    m3u8_of,
    mark_in,
)
from quintet_training.datasets.playlist_formats import detect

LIST = "5f2c9d0e7a1b4c3d"
ENTRY = Entry("One\nTwo", "Ann, Bob", "Ann/One Two.mp3", "First", 201_400.0, "GBAYE0601498")


def test_m3u8_has_one_line_for_each_fact_and_keeps_blanks_of_paths():
    lines = m3u8_of("My\n list", [ENTRY, Entry("", "", "#x.mp3")]).decode().split("\n")
    assert lines == [
        "#EXTM3U",
        "#PLAYLIST:My list",
        "#EXTINF:201,Ann, Bob - One Two",
        "#EXTALB:First",
        "Ann/One Two.mp3",
        "#EXTINF:-1, - ",
        "./#x.mp3",
        "",
    ]


def test_only_a_whole_line_marks_a_file_as_ours():
    assert mark_in(m3u8_of("x", [ENTRY], [list_mark(LIST)]).decode()) == LIST
    assert mark_in("#EXTM3U\r\n#QUINTET:0123456789abcdef\r\n") == "0123456789abcdef"
    for text in ("", f"song #QUINTET:{LIST}", "#QUINTET:../x", f"#QUINTET:{LIST} more"):
        assert mark_in(text) == ""


def test_our_own_import_reads_what_is_written(tmp_path):
    entry = Entry(
        "One", "Ann", "Ann/One.mp3", recording_mbid="6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1"
    )
    for name, content in (
        ("a.m3u8", m3u8_of("x", [entry], [list_mark(LIST)])),
        ("b.jspf", jspf_of("x", [entry])),
        ("c.jspf", listenbrainz_jspf_of("x", [entry])),
    ):
        (tmp_path / name).write_bytes(content)
        assert detect(tmp_path / name)


def test_jspf_has_identifiers_and_leaves_out_what_is_not_known():
    full = Entry("One", "Ann", isrc="GBAYE0601498", recording_mbid="abc", note="why")
    document = json.loads(jspf_of("x", [full, Entry("Two", "Bob")]))
    first, second = document["playlist"]["track"]
    assert first["identifier"] == [
        "https://musicbrainz.org/recording/abc",
        "isrc:GBAYE0601498",
    ]
    assert first["annotation"] == "why"
    assert second == {"title": "Two", "creator": "Bob", "trackNum": 2}
