import contextlib
import io
import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from quintet_text.bounded_json import BoundedStream, Bounds
from quintet_training.datasets import DatasetInvalid
from quintet_training.datasets.entries import Entry, Meter, make_entry
from quintet_training.datasets.json_bounds import within
from quintet_training.datasets.playlist_formats import READERS, Format, detect
from quintet_training.datasets.tables import Refused

FOLDER = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    *("playlist_id", "playlist", "position", "track_id", "isrc", "artist", "title", "added_at"),
    *("listened_at", "track_metadata", "user_name", "kind", "recommendation_id", "at"),
)
MARKED = st.text('{}[]"\\\\/a1', max_size=12)
BOUNDS = Bounds(depth=3, text=12)
NESTED = st.recursive(
    MARKED | st.integers(-(10**70), 10**70) | st.sampled_from([10**63, 10**64, 10**65]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MARKED, inner, max_size=2),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(FIELDS), JSON)


@FOLDER
@given(content=st.binary(max_size=300), known=st.sampled_from(sorted(READERS)))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, known: Format) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    meter = Meter()
    with contextlib.suppress(DatasetInvalid):
        detect(path)
        for item in READERS[known](path, meter):
            assert isinstance(item, Entry | Refused)
    assert 0 <= meter.share <= 1


def depth_of(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(map(depth_of, inside), default=0) + isinstance(value, dict | list)


def texts_in(value: object) -> list[object]:
    """List the keys and plain values of a document."""
    if isinstance(value, dict):
        return [*value, *(each for inner in value.values() for each in texts_in(inner))]
    if isinstance(value, list):
        return [each for inner in value for each in texts_in(inner)]
    return [value]


@given(document=NESTED)
@example(document=["\\", "[", {"a": [["]"]]}])
@example(document=["a", 10**64])
def test_a_document_is_decoded_at_once_if_it_is_within_its_bounds(document: object) -> None:
    data = json.dumps([document, "a"]).encode()
    plain = texts_in(document)
    longest = max([1, *(len(json.dumps(each)) - 1 for each in plain if isinstance(each, str))])
    large = any(isinstance(each, int) and abs(each) >= 10**64 for each in plain)
    whole = depth_of(document) + 1 <= BOUNDS.depth and longest <= BOUNDS.text and not large
    assert within(data, BOUNDS) == whole
    if whole:
        stream = BoundedStream(io.BytesIO(data), BOUNDS)
        assert b"".join(iter(stream.read, b"")) == data


def test_a_damaged_document_is_not_decoded_at_once() -> None:
    assert not within(b'["a]', BOUNDS)
    assert not within(b"[1, 2]", BOUNDS)  # without texts it is no document of playlists


@FOLDER
@given(
    # A line that is an array would make the file an array instead of lines.
    records=st.lists(
        RECORDS | JSON.filter(lambda value: not isinstance(value, list)), min_size=1, max_size=6
    )
)
@example(records=[2**63])
@example(records=[{"kind": "like"}, 2**63])
@pytest.mark.parametrize("known", [Format.LISTENBRAINZ, Format.FEEDBACK])
def test_every_json_line_is_an_entry_refused_or_passed_over(
    tmp_path: Path, known: Format, records: list[object]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    meter = Meter()
    items = list(READERS[known](path, meter))
    assert len(items) + meter.passed_over == len(records)


@FOLDER
@given(tracks=st.lists(JSON, max_size=4), playlists=st.lists(JSON, max_size=3))
def test_any_document_of_playlists_is_read(
    tmp_path: Path, tracks: list[object], playlists: list[object]
) -> None:
    path = tmp_path / "a.json"
    good = {"pid": 1, "name": "x", "tracks": tracks}
    path.write_text(json.dumps({"playlists": [good, *playlists]}), encoding="utf-8")
    with contextlib.suppress(DatasetInvalid):
        assert len(list(READERS[Format.MPD](path, Meter()))) >= len(tracks)
    path.write_text(json.dumps({"playlist": {"track": tracks}}), encoding="utf-8")
    with contextlib.suppress(DatasetInvalid):
        assert len(list(READERS[Format.JSPF](path, Meter()))) == len(tracks)


@given(values=RECORDS)
@settings(deadline=None)
def test_what_becomes_an_entry_can_be_stored(values: dict[str, object]) -> None:
    item = make_entry(1, values)
    if isinstance(item, Entry):
        assert item.playlist_id
        assert item.track_id or item.isrc or (item.artist and item.title)
        text = item.playlist_id + item.playlist + item.track_id + item.artist + item.title
        assert "\0" not in text
        assert text.encode()
        assert abs(item.position) < 2**31


LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


@FOLDER
@given(lines=st.lists(LINE | LINE.map("#EXTINF:12,{}".format) | LINE.map("#{}".format), max_size=8))
def test_any_lines_of_an_m3u_are_tracks_refused_or_passed_over(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "a.m3u8"
    path.write_text("\n".join(["#EXTM3U", *lines]), encoding="utf-8")
    meter = Meter()
    with contextlib.suppress(DatasetInvalid):
        items = list(READERS[Format.M3U](path, meter))
        assert all(isinstance(item, Entry | Refused) for item in items)
        assert len(items) + meter.passed_over <= len(lines)


XML_NAMES = ("title", "creator", "album", "location", "identifier", "duration", "trackNum", "other")
XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@FOLDER
@given(tracks=st.lists(st.lists(st.tuples(st.sampled_from(XML_NAMES), XML_TEXT)), max_size=4))
def test_any_elements_of_an_xspf_are_tracks_refused_or_passed_over(
    tmp_path: Path, tracks: list[list[tuple[str, str]]]
) -> None:
    path = tmp_path / "a.xspf"
    elements = "".join(
        f"<track>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in track)}</track>"
        for track in tracks
    )
    start = '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
    path.write_text(f"{start}{elements}</trackList></playlist>", encoding="utf-8")
    meter = Meter()
    with contextlib.suppress(DatasetInvalid):
        items = list(READERS[Format.XSPF](path, meter))
        assert len(items) + meter.passed_over == len(tracks)
