"""Damaged arrays, tables and manifests raise one error, and end no process."""

import json
import struct
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_modelkit.plain_arrays import map_array
from quintet_modelkit.publication import (
    CURRENT,
    MANIFEST,
    PublicationInvalid,
    current_version,
    followed_version,
    read_manifest,
)
from quintet_modelkit.snapshot import ABSENT, FEATURES, TRACKS, Snapshot
from quintet_modelkit.songs import songs_of

from tests.fakes.bundle import sign_again
from tests.fakes.catalogue import publish_catalogue


@pytest.fixture
def catalogue(tmp_path):
    version = publish_catalogue(tmp_path, 40)
    return tmp_path / "catalogue" / version


def header_of(text: str) -> bytes:
    body = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{[]: 1}",
        "(" * 5000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U9', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': ('<f8', (2,)), 'fortran_order': False, 'shape': (1,)}",
    ],
)
def test_a_hostile_array_header_is_a_value_error(tmp_path, text):
    path = tmp_path / "array.npy"
    path.write_bytes(header_of(text) + bytes(64))
    with pytest.raises(ValueError, match="array"):
        map_array(path)


@settings(max_examples=60)
@given(size=st.integers(0, 207))
def test_an_array_cut_short_anywhere_is_a_value_error(tmp_path_factory, size):
    path = tmp_path_factory.mktemp("arrays") / "array.npy"
    np.save(path, np.arange(10.0))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="array"):
        map_array(path)


def test_an_array_is_mapped_as_it_was_saved(tmp_path):
    for name, array in {
        "rows": np.arange(12.0).reshape(3, 4),
        "columns": np.asfortranarray(np.arange(12).reshape(3, 4)),
        "none": np.empty((0, 3), np.float32),
    }.items():
        np.save(tmp_path / name, array)
        mapped = map_array(tmp_path / f"{name}.npy")
        np.testing.assert_array_equal(mapped, array)
        assert mapped.dtype == array.dtype


def with_damaged_offsets(catalogue) -> None:
    """Point the offsets of the titles far beyond the text, where nothing is mapped."""
    path = catalogue / TRACKS
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    offsets = table.column("title").chunk(0).buffers()[1].to_pybytes()
    data = path.read_bytes()
    place = data.index(offsets[: 4 * 41])
    damaged = struct.pack("<i", 0x7FFFFFF0)
    path.write_bytes(data[: place + 80] + damaged + data[place + 84 :])


def test_offsets_beyond_the_text_of_a_table_are_found_before_they_are_used(catalogue):
    with_damaged_offsets(catalogue)
    sign_again(catalogue, TRACKS)
    with pytest.raises(PublicationInvalid, match="the catalogue is damaged"):
        Snapshot.load(catalogue)


def test_the_same_table_ends_a_process_that_does_not_check(catalogue):
    """Without the check the test above would prove nothing."""
    with_damaged_offsets(catalogue)
    program = (
        "import pyarrow as pa, sys\n"
        "table = pa.ipc.open_file(open(sys.argv[1], 'rb').read()).read_all()\n"
        "sum(len(text) for text in table.column('title').to_pylist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(catalogue / TRACKS)], capture_output=True, check=False
    )
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.full((40, 14), np.inf), "finite"),
        (np.full((40, 14), np.nan), "lacks durations"),
        (np.zeros((39, 14)), "40 tracks"),
        (np.zeros((40, 13)), "40 tracks"),
        (np.zeros((40, 14), np.float32), "40 tracks"),
    ],
)
def test_features_of_another_shape_or_without_values_are_named(catalogue, array, why):
    np.save(catalogue / FEATURES, array)
    sign_again(catalogue, FEATURES)
    with pytest.raises(PublicationInvalid, match=why):
        Snapshot.load(catalogue)


def test_a_table_of_other_columns_or_with_nulls_is_named(catalogue):
    table = pa.ipc.open_file((catalogue / TRACKS).read_bytes()).read_all()
    nulls = table.set_column(1, table.schema.field(1), pa.array([None] * 40, pa.string()))
    for changed, why in ((table.drop_columns(["album"]), "columns"), (nulls, "nulls in title")):
        with pa.ipc.new_file(str(catalogue / TRACKS), changed.schema) as writer:
            writer.write_table(changed)
        sign_again(catalogue, TRACKS)
        with pytest.raises(PublicationInvalid, match=why):
            Snapshot.load(catalogue)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"format": ' + b"9" * 5_000 + b"}",
        b'{"format": 1, "files": {"a": ' + b"[" * 60_000 + b"}}",
        b"[" + b"{}," * 2_000_000 + b"{}]",
        b'{"format": 1, "files": {"a": {"sha256": "0", "bytes": "1"}}}',
        b'{"format": 1, "files": {"a": 3}}',
        b'{"format": 1, "files": [1]}',
        b"\xff\xfe\x00",
    ],
    ids=["levels", "digits", "nested", "objects", "text for bytes", "number", "list", "bytes"],
)
def test_a_manifest_that_is_a_bomb_or_no_manifest_is_unreadable(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(PublicationInvalid, match="unreadable"):
        read_manifest(tmp_path)


def test_a_manifest_larger_than_its_bound_is_not_read(tmp_path):
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(64 * 1024**3)  # sparse: 64 GiB that take no room
    with pytest.raises(PublicationInvalid, match="unreadable"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x80", b"", b"../../etc", b"a" * 100_000, b"a b"])
def test_a_damaged_pointer_names_nothing_and_says_so(tmp_path, content):
    (tmp_path / CURRENT).write_bytes(content)
    assert current_version(tmp_path) is None
    with pytest.raises(PublicationInvalid, match="does not name a version"):
        followed_version(tmp_path)


def test_the_standardiser_of_a_catalogue_is_checked(catalogue):
    path = catalogue / "standardiser.json"
    sound = json.loads(path.read_text())
    for change in ({"centre": [1]}, {"scale": "x"}, {"encoded": 3}, {"version": None}):
        path.write_text(json.dumps(sound | change))
        sign_again(catalogue, path.name)
        with pytest.raises(PublicationInvalid, match="standardiser"):
            Snapshot.load(catalogue)


def written(folder, table):
    with pa.OSFile(str(folder / TRACKS), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    sign_again(folder, TRACKS)


@pytest.mark.parametrize("name", ["recording", "song"])
def test_a_number_of_more_groups_than_rows_is_named(catalogue, name):
    table = pa.ipc.open_file((catalogue / TRACKS).read_bytes()).read_all()
    place = table.schema.get_field_index(name)
    written(
        catalogue,
        table.set_column(place, table.schema.field(place), pa.array([2**31 - 1] * 40, pa.int32())),
    )
    with pytest.raises(PublicationInvalid, match=f"numbers in {name}"):
        Snapshot.load(catalogue)


def test_a_table_written_before_songs_were_stored_gets_them_when_it_is_read(catalogue):
    table = pa.ipc.open_file((catalogue / TRACKS).read_bytes()).read_all()
    written(catalogue, table.drop_columns(["song", "version", "season"]))
    found = songs_of(Snapshot.load(catalogue).tracks)
    stored = songs_of(table)
    assert found.song.tolist() == stored.song.tolist()
    assert found.version.tolist() == stored.version.tolist()
    assert found.season.tolist() == stored.season.tolist()


def test_absent_rows_are_read_and_checked(tmp_path):
    folder = tmp_path / "catalogue" / publish_catalogue(tmp_path, 10, absent=[7, 2])
    assert Snapshot.load(folder).absent.tolist() == [2, 7]
    for rows in ([2, 10], [-1, 3], [7, 2], [2, 2], [], [[2, 7]], [2.0, 7.0]):
        array = np.array(rows)
        np.save(
            folder / ABSENT, array if array.dtype == np.float64 and rows else array.astype("i4")
        )
        sign_again(folder, ABSENT)
        with pytest.raises(PublicationInvalid, match=r"absent\.npy"):
            Snapshot.load(folder)


def test_a_catalogue_in_which_a_track_became_absent_has_another_version(tmp_path):
    assert publish_catalogue(tmp_path, 10) != publish_catalogue(tmp_path, 10, absent=[2])
