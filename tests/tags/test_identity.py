"""A file keeps its identity when it is moved, renamed or retagged, and only then."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3, TIT2
from quintet_tags import identity
from quintet_tags.identity import NotAudio, audio_identity

from tests.fakes.audio_files import FOLDER, TONES, distinct, tag, tone

LONG = "A title that makes the tags longer than any padding. " * 400


def identity_of(path: Path) -> str:
    with path.open("rb") as file:
        return audio_identity(file)


@pytest.mark.parametrize("name", TONES)
def test_new_tags_and_a_new_place_keep_the_identity(name, tmp_path):
    path = tone(name, tmp_path / "a" / name)
    before = identity_of(path)
    tag(path, title="One", artists=["Ann", "Bob"], album="First", comment=LONG)
    assert identity_of(path) == before
    tag(path, title="Two", artists=["Cy"], album="Second", comment="short")
    assert identity_of(path.rename(tmp_path / f"other-{name}")) == before


@pytest.mark.parametrize("name", TONES)
def test_tags_of_the_test_did_change_the_file(name, tmp_path):
    path = tone(name, tmp_path / name)
    before = path.read_bytes()
    tag(path, title="One")
    assert path.read_bytes() != before


def test_every_format_has_its_own_identity():
    assert len({identity_of(FOLDER / name) for name in TONES}) == len(TONES)


def test_another_sample_is_another_identity(tmp_path):
    found = {identity_of(distinct("tone.wav", tmp_path / f"{n}.wav", n)) for n in range(20)}
    assert len(found) == 20


def test_tags_at_the_end_of_an_mp3_do_not_count(tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    before = identity_of(path)
    tags = APEv2()
    tags["Title"] = "At the end"
    tags.save(path)
    ID3().save(path, v1=2)
    path.write_bytes(path.read_bytes() + b"TAG" + b"x" * 125)
    assert identity_of(path) == before


@pytest.mark.parametrize("version", [3, 4])
def test_two_id3_tags_in_a_row_do_not_count(version, tmp_path):
    path = tone("tone.mp3", tmp_path / "t.mp3")
    before = identity_of(path)
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["x" * 5000]))
    tags.save(path, v2_version=version)
    head = path.read_bytes()[: len(path.read_bytes()) - (FOLDER / "tone.mp3").stat().st_size]
    path.write_bytes(head + path.read_bytes())
    assert identity_of(path) == before


def test_flac_without_an_md5_is_hashed_by_its_frames(tmp_path):
    data = bytearray((FOLDER / "tone.flac").read_bytes())
    data[26:42] = bytes(16)
    path = tmp_path / "t.flac"
    path.write_bytes(data)
    before = identity_of(path)
    tag(path, title=LONG[:900])
    assert identity_of(path) == before != identity_of(FOLDER / "tone.flac")
    path.write_bytes(path.read_bytes()[:-100])
    assert identity_of(path) != before


def test_beyond_the_bound_the_length_counts(monkeypatch):
    monkeypatch.setattr(identity, "MOST_BYTES", 1000)
    samples = bytearray((FOLDER / "tone.wav").read_bytes())
    whole = audio_identity(io.BytesIO(samples))
    samples[-1] ^= 1
    assert audio_identity(io.BytesIO(samples)) == whole
    assert audio_identity(io.BytesIO(samples[:-2])) != whole


def test_audio_on_the_last_page_of_the_headers_counts(tmp_path):
    """Some encoders do so; taggers then move it to the next page."""
    first, last = pages(FOLDER / "tone.ogg")[:2], pages(FOLDER / "tone.ogg")[2:]
    joined = first[1][0] + last[0][0], first[1][1] + last[0][1]
    path = tmp_path / "joined.ogg"
    path.write_bytes(written([first[0], joined, *last[1:]]))
    assert identity_of(path) == identity_of(FOLDER / "tone.ogg")


def pages(path: Path) -> list[tuple[bytes, bytes]]:
    """Tables of segments and contents of the pages of an Ogg file."""
    with path.open("rb") as file:
        end = path.stat().st_size
        return [(page[27:], body) for page, body in identity._pages(file, 0, end)]


def written(contents: list[tuple[bytes, bytes]]) -> bytes:
    """An Ogg file of such pages; checksums do not matter here."""
    head = b"OggS\0\0" + bytes(8) + b"song" + bytes(8)
    return b"".join(head + bytes([len(table)]) + table + body for table, body in contents)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"This is a text that somebody named song.mp3.", "no MP3"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + b"x" * 10, "no MP3"),
        (b"fLaC", "within its headers"),
        (b"OggS" + bytes(60), "no audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(16), "no audio"),
        (b"\x00\x00\x00\x14ftypM4A \x00\x00\x00\x00M4A ", "no audio"),
    ],
)
def test_what_holds_no_audio_has_a_reason_and_no_identity(data, reason):
    with pytest.raises(NotAudio, match=reason):
        audio_identity(io.BytesIO(data))


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(st.sampled_from(TONES), st.binary(max_size=64), st.integers(0, 2000), st.integers(0, 2000))
def test_damaged_files_end_with_an_identity_or_a_reason(name, noise, place, cut):
    data = bytearray((FOLDER / name).read_bytes())
    data[place : place + len(noise)] = noise
    try:
        found = audio_identity(io.BytesIO(data[: len(data) - cut]))
    except NotAudio as fault:
        found = "" if "\n" in str(fault) else "f" * 32
    assert len(found) == 32
