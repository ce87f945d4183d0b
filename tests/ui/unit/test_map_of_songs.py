"""The map as the page draws it: every song once, seeds and list lit, clicks that are songs."""

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_client import ConnectionFailed
from quintet_client.models import CatalogueMap
from quintet_ui.map import MOST_GENRES, MapCache, map_figure, pointed_track, read_map
from quintet_ui.translations import translations_for

EN = translations_for("en")


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


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", *"abcdefghijkl"]), max_size=60))
def test_every_song_is_on_the_map_once_with_its_own_place(genres):
    track_map = read_map("v", arrow_of(genres))
    assert track_map.size == len(genres)
    assert sum(len(layer.ids) for layer in track_map.layers) == len(genres)
    assert len(track_map.layers) <= MOST_GENRES + 1
    for name, (layer, row) in track_map.place.items():
        assert track_map.layers[layer].ids[row] == name
        assert track_map.layers[layer].x[row] == float(name[1:]) == -track_map.layers[layer].y[row]


def test_the_biggest_genres_have_colours_of_their_own():
    genres = [letter for number, letter in enumerate("abcdefghij") for _ in range(number + 1)]
    track_map = read_map("v", arrow_of(genres))
    assert [layer.genre for layer in track_map.layers] == [*"jihgfed", ""]


def test_seats_and_list_are_lit_and_what_is_not_on_the_map_is_left_out():
    figure = map_figure(read_map("v", arrow_of(["a"] * 5)), ["t1", "gone"], ["t3", "t4"], EN)
    *_, listed, seeds = figure.data
    assert list(seeds.text) == ["Song 1 · Artist 1"]
    assert list(listed.x) == [3.0, 4.0]
    assert {trace.type for trace in figure.data} == {"scattergl"}


@pytest.mark.parametrize(
    ("point", "track"),
    [
        ({"curve_number": 0, "point_index": 1}, "t1"),
        ({"curve_number": 1, "point_index": 0}, "t2"),
        ({"curve_number": 2, "point_index": 0}, ""),
        ({"curve_number": 0, "point_index": 99}, ""),
        ({}, ""),
    ],
)
def test_a_click_finds_its_song_and_one_on_a_lit_point_finds_none(point, track):
    track_map = read_map("v", arrow_of(["a", "a", "b"]))
    assert pointed_track(track_map, [point]) == track


def test_the_map_is_asked_for_once_and_then_only_whether_it_changed(monkeypatch):
    asked, cache = [], MapCache()

    def fetch(etag):
        asked.append(etag)
        return None if etag == "v" else CatalogueMap(etag="v", content=arrow_of(["a"]))

    first = cache.newest(fetch)
    assert cache.newest(fetch) is first
    monkeypatch.setattr("quintet_ui.map.FRESH_SECONDS", 0.0)
    assert cache.newest(fetch) is first
    assert asked == ["", "v"]


def test_a_map_that_cannot_be_had_is_a_fault_each_time():
    def fetch(_etag):
        raise ConnectionFailed("No gateway answers")

    cache = MapCache()
    for _ in range(2):
        with pytest.raises(ConnectionFailed):
            cache.newest(fetch)
