"""Byte-order marks, encodings and bounds of JSON, once for every reader."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_text.bounded_json import (
    BoundedStream,
    Bounds,
    JsonRefused,
    json_lines,
    loads,
)
from quintet_text.decoding import NotText, decode, open_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_the_encoding(encoding: str) -> None:
    assert decode("Beyoncé".encode(encoding)) == "Beyoncé"


def test_an_encoding_that_was_named_is_used() -> None:
    assert decode(b"M\xd8", "cp1252") == "MØ"
    with pytest.raises(NotText, match="not utf-8 text"):
        decode(b"M\xd8")
    with pytest.raises(NotText, match="is not an encoding"):
        decode(b"x", "klingon")


@given(JSON, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_json_within_bounds_is_what_it_was(value: Any, encoding: str) -> None:
    data = json.dumps(value, ensure_ascii=False).encode(encoding, "surrogatepass")
    assert loads(data) == value


@given(JSON, st.integers(1, 7))
def test_a_stream_gives_the_bytes_it_holds(value: Any, size: int) -> None:
    data = json.dumps(value).encode()
    stream = BoundedStream(io.BytesIO(b"\xef\xbb\xbf" + data), Bounds())
    read = b"".join(iter(lambda: stream.read(size), b""))
    assert read == data


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "levels"),
        ('{"a":' * 100_000, "levels"),
        ("1" * 4_301, "digits"),
        ('{"a": -' + "9" * 5_000 + "}", "digits"),
        ('"' + "x" * 2_000_000 + '"', "a text of more than"),
        ("[" + "1," * 40_000_000, "bytes of JSON"),
        ("{", "not well-formed"),
        ("", "not well-formed"),
    ],
)
def test_json_beyond_its_bounds_is_one_line(text: str, why: str) -> None:
    with pytest.raises(JsonRefused, match=why):
        loads(text)
    if why != "not well-formed":
        stream = BoundedStream(io.BytesIO(text.encode()), Bounds())
        with pytest.raises(JsonRefused, match=why):
            list(iter(lambda: stream.read(4096), b""))


def test_brackets_and_digits_inside_a_text_do_not_count() -> None:
    value = ["[" * 1000, "1" * 1000, '\\"[', "\\"]
    assert loads(json.dumps(value)) == value


def text_of(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="surrogateescape")


def test_a_damaged_line_does_not_end_the_reading() -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\r\nnot json\n{"b": 2}'
    lines = list(json_lines(text_of(data), Bounds()))
    assert [number for number, _ in lines] == [1, 3, 4]
    assert lines[0][1] == {"a": 1}
    assert isinstance(lines[1][1], JsonRefused)
    assert lines[2][1] == {"b": 2}


def test_a_line_without_end_is_rejected_and_the_next_is_read() -> None:
    data = b"x" * 5000 + b"\n[1]\n"
    lines = list(json_lines(text_of(data), Bounds(total=1000)))
    assert isinstance(lines[0][1], JsonRefused)
    assert lines[1] == (2, [1])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text", ["track_id,title\nt1,Hallo\n", "name,사랑\nx,아이유\n", '{"a": 1}']
)
def test_wide_text_without_a_mark_is_recognised(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("name", ["base64", "rot13", "undefined", "klingon", "zip"])
def test_a_codec_that_makes_no_text_is_no_encoding(name: str) -> None:
    with pytest.raises(NotText, match="is not an encoding"):
        decode(b"x", name)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_line_ends_in_any_of_the_line_ends(tmp_path: Path, end: str, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(end.join(["one", "zwei", "sam"]).encode(encoding))
    with open_text(path) as stream:
        assert [line.rstrip("\n") for line in stream] == ["one", "zwei", "sam"]


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_a_number_over_many_chunks_is_bounded_as_a_whole(size: int) -> None:
    long = BoundedStream(io.BytesIO(b"[1, " + b"9" * 5000 + b"]"), Bounds())
    with pytest.raises(JsonRefused, match="digits"):
        list(iter(lambda: long.read(size), b""))
    many = BoundedStream(io.BytesIO(b"[" + b"123456789012, " * 500 + b"1]"), Bounds())
    assert len(b"".join(iter(lambda: many.read(size), b""))) == 7003


def test_bytes_that_are_no_text_damage_their_own_line_only() -> None:
    lines = list(json_lines(text_of(b'{"a": "\xff"}\n{"b": 2}\n'), Bounds()))
    assert isinstance(lines[0][1], JsonRefused)
    assert lines[1] == (2, {"b": 2})
