"""Paths: their ends, no repeats, caps, filters, smoothness, and the errors where none exists."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from quintet_engine.path import arc, find_path
from quintet_engine.query import Filters, QueryInvalid
from quintet_engine.sequence import EndUnknown, PathInvalid, PathNotFound, PathQuery
from quintet_engine.transitions import transitions

QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def rows_of(catalogue, path) -> list[int]:
    return [catalogue.snapshot.row_of[name] for name in path.track_ids]


@QUICK
@given(
    ends=st.lists(st.integers(0, 299), min_size=2, max_size=2, unique=True),
    length=st.integers(3, 25),
    cap=st.integers(0, 3),
)
def test_a_path_has_its_ends_its_length_no_repeat_and_the_cap(catalogue, engine, ends, length, cap):
    start, end = (f"t{row:05d}" for row in ends)
    assume(catalogue.recording[ends[0]] != catalogue.recording[ends[1]])
    query = PathQuery(start, end, length, max_per_artist=cap, reasons=False)
    path = find_path(engine, query)
    assert (path.track_ids[0], path.track_ids[-1]) == (start, end)
    rows = rows_of(catalogue, path)
    assert len(set(catalogue.recording[rows].tolist())) == len(rows) == length
    assert len(path.transitions) == length - 1
    between = [artist for row in rows[1:-1] for artist in catalogue.track_artists.of(row).tolist()]
    assert not cap or max(map(between.count, between)) <= cap
    assert find_path(engine, query) == path


def test_steps_are_smaller_than_of_random_tracks_and_of_the_nearest_to_each_point(
    catalogue, engine
):
    random = np.random.default_rng(4)
    found, sampled, naive = [], [], []
    for _ in range(20):
        start, end = random.choice(len(catalogue), 2, replace=False).tolist()
        if catalogue.recording[start] == catalogue.recording[end]:
            continue
        path = find_path(engine, PathQuery(f"t{start:05d}", f"t{end:05d}", 8, reasons=False))
        found.append(path.greatest_step)
        among = random.choice(len(catalogue), 6, replace=False)
        sampled.append(greatest(catalogue, [start, *among, end]))
        naive.append(greatest(catalogue, [start, *nearest(catalogue, start, end, 6), end]))
    assert np.mean(found) < 0.6 * np.mean(sampled)
    assert np.mean(found) < 0.95 * np.mean(naive)


def greatest(catalogue, rows) -> float:
    return max(step.distance for step in transitions(rows, catalogue, None, None))


def nearest(catalogue, start: int, end: int, count: int) -> list[int]:
    """The track nearest to each point of the arc, each once: interpolation without a search."""
    points = arc(catalogue.unit[start], catalogue.unit[end], np.linspace(0, 1, count + 2)[1:-1])
    used = {start, end}
    for point in points:
        order = np.argsort(-(np.asarray(catalogue.unit) @ point), kind="stable").tolist()
        used.add(next(row for row in order if row not in used))
    return [row for row in used if row not in (start, end)]


def test_filters_hold_between_the_ends(catalogue, engine):
    query = PathQuery("t00000", "t00007", 8, Filters(genres=("jazz",)))
    rows = rows_of(catalogue, find_path(engine, query))
    jazz = set(catalogue.genre_tracks.of(catalogue.genre_number("jazz")).tolist())
    assert set(rows[1:-1]) <= jazz


def test_excluded_tracks_and_artists_are_not_on_a_path(catalogue, engine):
    plain = find_path(engine, PathQuery("t00000", "t00007", 8))
    second = plain.track_ids[1]
    artist = str(
        catalogue.snapshot.tracks.column("artist_ids")[
            catalogue.snapshot.row_of[plain.track_ids[2]]
        ][0]
    )
    filters = Filters(excluded_tracks=frozenset([second]), excluded_artists=frozenset([artist]))
    other = find_path(engine, PathQuery("t00000", "t00007", 8, filters))
    assert not {second, plain.track_ids[2]} & set(other.track_ids)


def test_one_recording_at_both_ends_is_rejected(engine):
    # Every tenth track is another release of the one before it.
    with pytest.raises(PathInvalid, match="end must be another recording than start"):
        find_path(engine, PathQuery("t00008", "t00009"))


@pytest.mark.parametrize(
    ("start", "end", "field"), [("no", "t00001", "start"), ("t00001", "no", "end")]
)
def test_an_unknown_end_is_named(engine, start, end, field):
    with pytest.raises(EndUnknown, match="'no'") as caught:
        find_path(engine, PathQuery(start, end))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("length", "cap", "filters", "field", "text"),
    [
        (10, 2, Filters(ranges={"energy": (0.5, 0.501)}), "filters", "length 10 needs 8"),
        (40, 1, Filters(genres=("jazz",)), "max_per_artist", "at most 1 tracks per artist"),
    ],
)
def test_too_few_tracks_are_reported_with_what_to_change(engine, length, cap, filters, field, text):
    with pytest.raises(PathNotFound, match=text) as caught:
        find_path(engine, PathQuery("t00000", "t00007", length, filters, cap))
    assert caught.value.field == field


@pytest.mark.parametrize(("field", "query"), [
    ("length", PathQuery("t00000", "t00007", 2)),
    ("length", PathQuery("t00000", "t00007", 51)),
    ("max_per_artist", PathQuery("t00000", "t00007", max_per_artist=51)),
])  # fmt: skip
def test_limits_are_named(engine, field, query):
    with pytest.raises(QueryInvalid, match=f"{field} must be") as caught:
        find_path(engine, query)
    assert caught.value.field == field


def test_an_end_without_audio_features_is_named(catalogue_of, engine_of):
    catalogue = catalogue_of(60, 3)
    features = catalogue.snapshot.features.copy()
    features[5] = np.nan
    bare = type(catalogue).of(replace(catalogue.snapshot, features=features))
    engine = engine_of(bare)
    with pytest.raises(PathNotFound, match="end has no audio features") as caught:
        find_path(engine, PathQuery("t00000", "t00005", 4))
    assert caught.value.field == "end"
    assert "t00005" not in find_path(engine, PathQuery("t00000", "t00007", 12)).track_ids


def test_an_arc_has_unit_points_in_equal_steps():
    start, end = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    points = arc(start, end, np.linspace(0, 1, 7))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points[[0, -1]], [start, end], atol=1e-6)
    np.testing.assert_allclose(
        (points[:-1] * points[1:]).sum(axis=1), np.cos(np.pi / 12), atol=1e-6
    )
    # Opposite vectors have no single arc between them.
    assert np.isfinite(arc(start, -start, np.linspace(0, 1, 5))).all()
