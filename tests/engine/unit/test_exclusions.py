"""Excluding works by recording, and other versions and seasonal songs stay out unless asked."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from quintet_engine.catalogue import Catalogue
from quintet_engine.context import prepare
from quintet_engine.exclusions import releases_and_versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Filters, Query, Seasonal, Seed, SeedKind, Variants
from quintet_modelkit.features import Standardiser
from quintet_modelkit.identity import recording_key
from quintet_modelkit.snapshot import SCHEMA, Snapshot
from quintet_modelkit.songs import join_releases, songs_of
from quintet_modelkit.text_index import TextIndex

from tests.engine.unit.conftest import random_features

Track = tuple[str, str]
"""A title, and artists separated by semicolons."""
TRACKS: tuple[Track, ...] = (
    ("Thunder", "AC"),
    ("Thunder - 2003 Remaster", "AC"),
    ("Thunder - Live", "AC"),
    ("Thunder (Remix)", "DJ;AC"),
    ("Thunder (Karaoke Version)", "Sing Along Band"),
    ("Thunder", "Imagine"),
    ("Last Christmas", "Wham"),
    ("Last Christmas - Single Version", "Wham"),
    ("This Is Halloween", "Elfman"),
    ("I Left My Heart in San Francisco", "Tony"),
    ("I Left My Heart in San Francisco", "Bonzo"),
    ("Quiet", "AC"),
    ("Rain", "B"),
)


def catalogue_of(tracks: Sequence[Track]) -> Catalogue:
    keys: dict[str, int] = {}
    rows = []
    for row, (title, credit) in enumerate(tracks):
        artists = credit.split(";")
        texts = dict.fromkeys(
            ("album", "album_id", "release_date", "isrc", "licence", "cover_url", "preview_url"), ""
        )
        number = keys.setdefault(recording_key(artists[0], title), len(keys))
        rows.append(
            {"track_id": f"t{row:02d}", "title": title, "artists": artists, "artist_ids": artists}
            | {"explicit": False, "genres": ["pop"], "provenance": "made", "recording": number}
            | texts
        )
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    features = random_features(len(rows), np.random.default_rng(0))
    row_of = {str(item["track_id"]): row for row, item in enumerate(rows)}
    standardiser = Standardiser.fit(features)
    return Catalogue.of(Snapshot("cat-made", table, features, standardiser, {}, row_of))


@pytest.fixture(scope="module")
def songs() -> Catalogue:
    return catalogue_of(TRACKS)


def titles_of(catalogue: Catalogue, query: Query) -> list[Track]:
    context = prepare(query, catalogue, FaissIndex.build(catalogue.unit, seed=1))
    return [TRACKS[row] for row in context.allowed.rows.tolist()]


def of_track(row: int) -> Query:
    return Query((Seed(SeedKind.TRACK, f"t{row:02d}"),))


def test_other_versions_of_a_seed_stay_out_unless_allowed(songs):
    kept = titles_of(songs, of_track(0))
    assert [track for track in kept if track[0].startswith("Thunder")] == [("Thunder", "Imagine")]
    allowed = titles_of(songs, replace(of_track(0), variants=Variants.ALLOW))
    # Releases of the seed's own recording never come back.
    assert [track[0] for track in allowed if track[1] == "AC"] == ["Thunder - Live", "Quiet"]
    assert ("Thunder (Remix)", "DJ;AC") in allowed


def test_tracks_that_no_source_has_are_not_returned_but_may_be_seeds():
    snapshot = replace(catalogue_of(TRACKS).snapshot, absent=np.array([5, 8, 12], np.int32))
    songs = Catalogue.of(snapshot)
    for query in (
        of_track(11),
        of_track(12),
        replace(of_track(12), filters=Filters(explicit=False)),
        replace(of_track(12), filters=Filters(ranges={"energy": (0.0, None)}, genres=("pop",))),
        replace(of_track(12), seasonal=Seasonal.ALLOW),
        Query((Seed(SeedKind.ARTIST, "Imagine"),)),
    ):
        kept = titles_of(songs, query)
        assert len(kept) >= 5
        assert not {TRACKS[row] for row in (5, 8, 12)} & set(kept)
    learning = Catalogue.of(snapshot, recommend_absent=True)
    assert ("Thunder", "Imagine") in titles_of(learning, of_track(12))


def test_a_filter_of_sources_leaves_their_tracks_alone():
    ids = pa.array(["source:home:a", "source:home:b", "source:home2:a", "source:nas:a"])
    snapshot = replace(
        catalogue_of(TRACKS).snapshot,
        ids=TextIndex(ids),
        id_rows=np.array([3, 5, 7, 9], np.int32),
        absent=np.array([5], np.int32),
    )
    songs = Catalogue.of(snapshot)
    for names, rows in (
        (("home",), [3]),
        (("nas", "home"), [3, 9]),
        (("home2",), [7]),
        (("hom",), []),
        (("elsewhere",), []),
    ):
        query = replace(of_track(12), filters=Filters(sources=names), variants=Variants.ALLOW)
        query = replace(query, seasonal=Seasonal.ALLOW)
        assert titles_of(songs, query) == [TRACKS[row] for row in rows]
    # A catalogue without ids by others has no tracks of any source.
    plain = replace(of_track(12), filters=Filters(sources=("home",)))
    assert titles_of(catalogue_of(TRACKS), plain) == []


def other_versions(row: int, catalogue: Catalogue) -> list[int]:
    found = releases_and_versions(np.array([], np.int64), np.array([row]), catalogue)
    return sorted(set(found.tolist()))


def test_a_copy_has_every_song_of_its_name_as_a_version(songs):
    assert other_versions(4, songs) == [0, 1, 2, 3, 4, 5]


def test_a_long_name_by_another_artist_is_a_cover_and_a_short_one_is_not(songs):
    assert other_versions(9, songs) == [9, 10]
    assert 5 not in other_versions(0, songs)


def test_a_negative_seed_keeps_its_versions_out(songs):
    query = replace(of_track(12), negative_seeds=(Seed(SeedKind.TRACK, "t02"),))
    assert ("Thunder", "AC") not in titles_of(songs, query)


def test_excluding_a_track_excludes_its_releases_and_no_other_version(songs):
    query = replace(of_track(12), filters=Filters(excluded_tracks=frozenset({"t01", "unknown"})))
    kept = titles_of(songs, query)
    assert ("Thunder", "AC") not in kept
    assert ("Thunder - Live", "AC") in kept


def test_seasonal_songs_come_only_with_a_seed_of_their_season_or_if_allowed(songs):
    seasonal = {"Last Christmas", "Last Christmas - Single Version", "This Is Halloween"}

    def shown(query: Query) -> set[str]:
        return {title for title, _ in titles_of(songs, query)} & seasonal

    assert shown(of_track(0)) == set()
    assert shown(of_track(8)) == set()
    assert shown(replace(of_track(0), seasonal=Seasonal.ALLOW)) == seasonal
    wham = Query((Seed(SeedKind.ARTIST, "Wham"),))
    assert shown(wham) == {"Last Christmas", "Last Christmas - Single Version"}
    asked = replace(of_track(0), filters=Filters(genres=("christmas", "pop")))
    assert shown(asked) == {"Last Christmas", "Last Christmas - Single Version"}


def test_releases_with_artists_in_another_order_are_one_recording():
    made = catalogue_of(
        [("Duet", "A;B"), ("Duet (feat. B)", "B;A"), ("Duet", "C"), ("Duet", "D;A")]
    )
    table = made.snapshot.tracks
    durations = np.array([200_000.0, 201_000.0, 200_000.0, 260_000.0])
    joined = join_releases(table, songs_of(table), durations)
    assert joined[0] == joined[1]
    assert len(set(joined.tolist())) == 3


def test_skipping_sixty_songs_brings_no_twin_back():
    """Each skip excludes one release; no later list holds another release of a skipped song."""
    random = np.random.default_rng(4)
    notes = ("", " - 2011 Remaster", " - Radio Edit", " (feat. Guest)", " (Deluxe Edition)")
    made = [(f"Song {n}{note}", f"Artist {n // 3}") for n in range(60) for note in notes]
    catalogue = catalogue_of([*made, ("Seed", "Somebody")])
    index = FaissIndex.build(catalogue.unit, seed=1)
    skipped: set[str] = set()
    for song in range(60):
        skipped.add(f"t{5 * song + int(random.integers(5)):02d}")
        query = replace(of_track(300), filters=Filters(excluded_tracks=frozenset(skipped)))
        allowed = prepare(query, catalogue, index).allowed.rows
        assert len(allowed) == 5 * (59 - song)
