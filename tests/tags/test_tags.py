"""The same fields come out of every format, whatever it calls them."""

import base64
from pathlib import Path

import pytest
from mutagen.flac import Picture
from mutagen.id3 import APIC, ID3, RVA2, TCON, TIT2, TPE1, TXXX
from mutagen.oggvorbis import OggVorbis
from quintet_files import picture_kind
from quintet_tags.chunks import texts_of
from quintet_tags.covers import keep_cover
from quintet_tags.identity import audio_identity
from quintet_tags.tags import MOST_TEXT, MOST_VALUES, read_tags

from tests.fakes.audio_files import FOLDER, TONES, add_picture, tag, tone

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"j" * 100
FIELDS: dict[str, str | list[str]] = {
    "title": "Où es-tu?",
    "artists": ["Ann Été", "Bob"],
    "album": "First",
    "date": "2026-03-01",
    "genres": ["indie rock", "folk"],
    "bpm": "128",
    "key": "F#m",
    "isrc": "GBAYE0601498",
    "recording_mbid": "6bf4e5f7-5b0c-4d0b-8c0f-0f5bd1a0c9d1",
    "replaygain_track_gain": "-7.20 dB",
}


@pytest.mark.parametrize("name", TONES)
def test_fields_are_the_same_in_every_format(name, tmp_path):
    path = tone(name, tmp_path / name, **FIELDS)
    read = read_tags(str(path))
    expected = {**FIELDS, "track_gain_db": FIELDS["replaygain_track_gain"]}
    del expected["replaygain_track_gain"]
    assert read.fields == expected
    assert read.duration_ms == pytest.approx(400, abs=75)


@pytest.mark.parametrize("version", [(2, 2, 0), (2, 3, 0), (2, 4, 0)])
def test_every_version_of_id3_is_read(version, tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    if version == (2, 2, 0):
        path.write_bytes(id3_v22({"TT2": "One", "TP1": "Ann", "TBP": "90"}) + path.read_bytes())
    else:
        tag(path, title="One", artists="Ann", bpm="90")
        ID3(path).save(path, v2_version=version[1])
    assert ID3(path, translate=False).version == version
    assert read_tags(str(path)).fields == {"title": "One", "artists": ["Ann"], "bpm": "90"}


def id3_v22(frames: dict[str, str]) -> bytes:
    """Frames of ID3v2.2 in ISO 8859-1, as iTunes wrote them for years."""
    body = b""
    for name, text in frames.items():
        data = b"\0" + text.encode("latin-1")
        body += name.encode() + len(data).to_bytes(3, "big") + data
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x02\x00\x00" + size + body


def test_numbers_of_genres_are_names(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3", title="x")
    tags = ID3(path)
    tags.add(TCON(encoding=3, text=["(17)(79)"]))
    tags.save()
    assert read_tags(str(path)).fields["genres"] == ["Rock", "Hard Rock"]


def test_a_tag_for_artists_goes_before_the_credit(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    tags = ID3()
    tags.add(TPE1(encoding=3, text=["AC/DC feat. Ann"]))
    tags.add(TXXX(encoding=3, desc="ARTISTS", text=["AC/DC", "Ann"]))
    tags.save(path)
    assert read_tags(str(path)).fields["artists"] == ["AC/DC", "Ann"]


def test_the_gain_of_rva2_is_read_where_no_replaygain_is(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    tags = ID3()
    tags.add(RVA2(desc="track", channel=1, gain=-3.5, peak=0.9))
    tags.save(path)
    assert read_tags(str(path)).fields["track_gain_db"] == "-3.5 dB"


def test_texts_are_bounded_and_hold_no_control_characters(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["a\x1b[31m\tb\n" + "x" * 10_000]))
    tags.add(TCON(encoding=3, text=[f"genre {n}" for n in range(1000)]))
    tags.save(path)
    fields = read_tags(str(path)).fields
    assert str(fields["title"]).startswith("a[31m b x")
    assert len(fields["title"]) == MOST_TEXT
    assert len(fields["genres"]) == MOST_VALUES


def test_the_front_cover_inside_of_a_file_comes_first(tmp_path):
    album, covers = tmp_path / "album", tmp_path / "covers"
    covers.mkdir()
    path = tone("tone.mp3", album / "t.mp3")
    (album / "Cover.JPG").write_bytes(JPEG)
    assert cover_of(path, covers).endswith(".jpg")
    tags = ID3()
    tags.add(APIC(mime="image/svg+xml", type=3, desc="no", data=b"<svg onload='x'/>"))
    tags.add(APIC(mime="image/jpeg", type=4, desc="back", data=JPEG + b"back"))
    tags.add(APIC(mime="image/jpeg", type=3, desc="front", data=PNG))
    tags.save(path)
    assert (covers / cover_of(path, covers)).read_bytes() == PNG


def test_tracks_of_an_album_share_one_cover(tmp_path):
    covers = tmp_path / "covers"
    covers.mkdir()
    names = set()
    for number in range(3):
        path = tone("tone.flac", tmp_path / f"{number}.flac")
        add_picture(path, PNG)
        names.add(cover_of(path, covers))
    path = tone("tone.ogg", tmp_path / "t.ogg")
    file, picture = OggVorbis(path), Picture()
    picture.type, picture.data = 3, PNG
    file["metadata_block_picture"] = [base64.b64encode(picture.write()).decode(), "not base64!"]
    file.save()
    assert {cover_of(path, covers)} == names
    assert [each.name for each in covers.iterdir()] == list(names)


def test_a_picture_that_is_too_large_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr("quintet_tags.covers.MOST_BYTES", 50)
    path = tone("tone.flac", tmp_path / "t.flac")
    add_picture(path, PNG)
    (tmp_path / "folder.png").write_bytes(PNG)
    assert cover_of(path, tmp_path) == ""


def test_only_formats_that_run_nothing_are_pictures():
    kinds = [picture_kind(data) for data in (PNG, JPEG, b"GIF89a", b"RIFF....WEBP", b"<svg/>", b"")]
    assert kinds == ["png", "jpg", "gif", "webp", "", ""]


def cover_of(path: Path, covers: Path) -> str:
    return keep_cover(str(path), read_tags(str(path)).pictures(), covers)


def test_the_audio_of_this_folder_has_no_tags():
    assert all(not read_tags(str(FOLDER / name)).fields for name in TONES)


def chunk(name: bytes, data: bytes, order: str = "little") -> bytes:
    size = len(data).to_bytes(4, "little" if order == "little" else "big")
    return name + size + data + b"\0" * (len(data) % 2)


def with_chunks(path: Path, more: bytes, order: str) -> Path:
    """Appends chunks to a WAV or AIFF file, and corrects the length at its beginning."""
    data = path.read_bytes() + more
    size = (len(data) - 8).to_bytes(4, "little" if order == "little" else "big")
    path.write_bytes(data[:4] + size + data[8:])
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_riff_info_is_read_where_there_is_no_id3(tmp_path, encoding):
    texts = {b"INAM": "Où", b"IART": "Ann", b"IPRD": "First", b"ICRD": "2026", b"IGNR": "folk"}
    info = b"".join(chunk(name, text.encode(encoding) + b"\0") for name, text in texts.items())
    more = chunk(b"LIST", b"adtl" + chunk(b"INAM", b"a label")) + chunk(b"LIST", b"INFO" + info)
    path = with_chunks(tone("tone.wav", tmp_path / "t.wav"), more, "little")
    with path.open("rb") as file:
        before = audio_identity(file)
    assert read_tags(str(path)).fields == {
        "title": "Où",
        "artists": ["Ann"],
        "album": "First",
        "date": "2026",
        "genres": ["folk"],
    }
    tag(path, title="From ID3")
    fields = read_tags(str(path)).fields
    assert (fields["title"], fields["artists"]) == ("From ID3", ["Ann"])
    with path.open("rb") as file:
        assert audio_identity(file) == before


@pytest.mark.parametrize("encoding", ["utf-8", "mac_roman"])
def test_text_chunks_of_aiff_are_read_where_there_is_no_id3(tmp_path, encoding):
    more = chunk(b"NAME", "Où".encode(encoding), "big") + chunk(b"AUTH", b"Ann", "big")
    path = with_chunks(tone("tone.aiff", tmp_path / "t.aiff"), more, "big")
    assert read_tags(str(path)).fields == {"title": "Où", "artists": ["Ann"]}
    tag(path, artists="From ID3")
    fields = read_tags(str(path)).fields
    assert (fields["title"], fields["artists"]) == ("Où", ["From ID3"])


def test_damaged_lists_of_chunks_end_the_reading_and_nothing_else(tmp_path):
    info = chunk(b"INAM", b"One\0")
    endless = b"IART" + (2**32 - 1).to_bytes(4, "little") + b"Ann"
    more = chunk(b"LIST", b"INFO" + info + endless)
    path = with_chunks(tone("tone.wav", tmp_path / "t.wav"), more, "little")
    assert texts_of(str(path)) == {"inam": "One", "iart": "Ann"}
    for cut in range(1, len(more)):
        path.write_bytes(path.read_bytes()[:-1])
        assert set(texts_of(str(path))) <= {"inam", "iart"}, cut
