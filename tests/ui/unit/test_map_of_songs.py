"""The map as the browser reads it: every song once, at its place, with its genre and name."""

import gzip
import io
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_client import ConnectionFailed
from quintet_client.models import CatalogueMap
from quintet_ui.map import NO_GENRE, MapRoutes, map_files
from starlette.applications import Starlette
from starlette.testclient import TestClient


def arrow_of(genres):
    count = len(genres)
    table = pa.table(
        {
            "track_id": [f"t{row}" for row in range(count)],
            "title": [f"Song {row}" for row in range(count)],
            "artist": pa.array([f"Artist {row}" for row in range(count)]).dictionary_encode(),
            "genre": pa.array(genres, pa.string()).dictionary_encode(),
            "x": np.arange(count, dtype=np.float32),
            "y": -np.arange(count, dtype=np.float32),
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read(files):
    """Reads the places as the browser does."""
    content = gzip.decompress(files.places)
    (length,) = struct.unpack_from("<I", content)
    header, start = json.loads(content[4 : 4 + length]), 4 + length
    assert start % 4 == 0
    count = header["count"]
    x, y = (np.frombuffer(content, "<f4", count, start + 4 * count * axis) for axis in (0, 1))
    genre = np.frombuffer(content, np.uint8, count, start + 8 * count)
    assert len(content) == start + 9 * count
    return header, x, y, genre, json.loads(gzip.decompress(files.names))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", *"abcdefghijkl"]), max_size=60))
def test_every_song_is_on_the_map_once_with_its_place_its_genre_and_its_name(genres):
    header, x, y, genre, names = read(map_files("v", arrow_of(genres)))
    assert header["count"] == len(genres) == len(names["ids"])
    for row, name in enumerate(names["ids"]):
        assert x[row] == float(name[1:]) == -y[row]
        assert (names["titles"][row], names["artists"][row]) == (f"Song {row}", f"Artist {row}")
        own = "" if genre[row] == NO_GENRE else header["genres"][genre[row]]
        assert own == genres[row]


def test_the_most_frequent_genres_come_first_and_the_rest_have_none():
    genres = [f"g{number:03d}" for number in range(300) for _ in range(1 + (number > 290))]
    header, _, _, genre, _ = read(map_files("v", arrow_of(genres)))
    assert header["genres"][:2] == ["g291", "g292"]
    assert len(header["genres"]) == 254
    assert np.count_nonzero(genre == NO_GENRE) == 300 - 254


class Gateway:
    def __init__(self):
        self.asked, self.fault = [], False

    def with_options(self, **_):
        return self

    def catalogue_map(self, etag):
        self.asked.append(etag)
        if self.fault:
            raise ConnectionFailed("No gateway answers")
        return None if etag == '"v"' else CatalogueMap(etag='"v"', content=arrow_of(["a"]))


def test_the_map_is_downloaded_once_and_an_older_one_is_better_than_none(monkeypatch):
    monkeypatch.setattr("quintet_ui.map.FRESH_SECONDS", 0.0)
    gateway: Any = Gateway()
    with TestClient(Starlette(routes=MapRoutes(gateway).routes())) as client:
        gateway.fault = True
        assert client.get("/map/places").status_code == 503
        gateway.fault = False
        found = client.get("/map/places")
        assert (found.status_code, found.headers["content-encoding"]) == (200, "gzip")
        plain = client.get("/map/places", headers={"accept-encoding": "identity"})
        assert plain.content == found.content
        known = {"if-none-match": found.headers["etag"]}
        assert client.get("/map/places", headers=known).status_code == 304
        gateway.fault = True
        assert client.get("/map/names").json() == {
            "ids": ["t0"], "titles": ["Song 0"], "artists": ["Artist 0"],
        }  # fmt: skip
    assert gateway.asked == ["", "", '"v"', '"v"', '"v"']
