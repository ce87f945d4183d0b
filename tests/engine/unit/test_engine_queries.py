from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_engine.exclusions import filtered_rows
from quintet_engine.query import (
    Filters,
    Query,
    QueryInvalid,
    Seed,
    SeedKind,
    SeedUnknown,
    SongVersion,
)
from quintet_modelkit.features import COLUMN, average_profile
from quintet_text.versions import Version

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEEDS = st.lists(st.integers(0, 299), min_size=1, max_size=5, unique=True)


def tracks(*rows: int) -> tuple[Seed, ...]:
    return tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in rows)


def rows_of(engine, ranking) -> np.ndarray:
    found = [engine.catalogue.snapshot.row_of[track.track_id] for track in ranking.tracks]
    return np.array(found, dtype=np.int64)


@QUICK
@given(seeds=SEEDS, limit=st.integers(1, 500), cap=st.integers(0, 5), diversity=st.floats(0, 1))
def test_list_holds_no_seed_no_recording_twice_and_keeps_the_artist_cap(
    engine, seeds, limit, cap, diversity
):
    query = Query(tracks(*seeds), limit=limit, max_per_artist=cap, diversity=diversity)
    rows = rows_of(engine, engine.recommend(query))
    recordings = engine.catalogue.recording[rows]
    assert len(set(recordings.tolist())) == len(rows) <= limit
    assert not set(recordings.tolist()) & set(engine.catalogue.recording[seeds].tolist())
    counts: dict[int, int] = {}
    for row in rows.tolist():
        for artist in engine.catalogue.track_artists.of(row).tolist():
            counts[artist] = counts.get(artist, 0) + 1
    assert not cap or max(counts.values(), default=0) <= cap


@QUICK
@given(
    seeds=SEEDS,
    name=st.sampled_from(ATTRIBUTES),
    bounds=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_every_track_lies_inside_the_range_and_all_inside_are_reachable(
    engine, seeds, name, bounds
):
    values = engine.catalogue.columns[:, COLUMN[name]]
    low, high = np.quantile(values, sorted(bounds)).tolist()
    query = Query(
        tracks(*seeds), filters=Filters(ranges={name: (low, high)}), limit=500, max_per_artist=0
    )
    ranking = engine.recommend(query)
    rows = rows_of(engine, ranking)
    assert ((values[rows] >= low) & (values[rows] <= high)).all()
    inside = (values >= low) & (values <= high)
    inside &= ~np.isin(engine.catalogue.recording, engine.catalogue.recording[seeds])
    assert ranking.pool.after_filtering == inside.sum()
    assert len(rows) == len(set(engine.catalogue.recording[inside].tolist()))


@QUICK
@given(seeds=SEEDS, limit=st.integers(1, 60), flow=st.booleans(), diversity=st.floats(0, 1))
def test_the_same_query_gets_the_same_list(engine, seeds, limit, flow, diversity):
    query = Query(tracks(*seeds), limit=limit, flow=flow, diversity=diversity)
    assert engine.recommend(query) == engine.recommend(query)


@QUICK
@given(seeds=SEEDS)
def test_flow_reorders_and_never_replaces(engine, seeds):
    plain = engine.recommend(Query(tracks(*seeds), limit=20))
    flowing = engine.recommend(Query(tracks(*seeds), limit=20, flow=True))
    assert {track.track_id for track in plain.tracks} == {t.track_id for t in flowing.tracks}
    assert plain.tracks[0].track_id == flowing.tracks[0].track_id


@QUICK
@given(seeds=SEEDS, name=st.sampled_from(ATTRIBUTES), place=st.floats(0, 1))
def test_a_target_draws_the_list_towards_it(engine, seeds, name, place):
    values = engine.catalogue.columns[:, COLUMN[name]]
    known = values[values >= 0] if name == "key" else values
    target = float(np.quantile(known, place))
    query = Query(tracks(*seeds), limit=20)
    plain = rows_of(engine, engine.recommend(query))
    aimed = rows_of(engine, engine.recommend(replace(query, targets={name: target})))
    before = engine.catalogue.distances(name, target, plain).mean()
    after = engine.catalogue.distances(name, target, aimed).mean()
    assert after <= before + 1e-9


def test_a_list_reaches_its_limit_under_a_tight_artist_cap(engine):
    ranking = engine.recommend(Query(tracks(0), limit=40, max_per_artist=1))
    assert len(ranking.tracks) == 40


@pytest.mark.parametrize(
    "seed", [Seed(SeedKind.ARTIST, "a3"), Seed(SeedKind.GENRE, "jazz")], ids=["artist", "genre"]
)
def test_artists_and_genres_are_seeds_alone_and_beside_tracks(engine, seed):
    alone = engine.recommend(Query((seed,), limit=20))
    mixed = engine.recommend(Query((seed, *tracks(5)), limit=20, seed_pools=True))
    assert alone.seed_pools == ()
    assert len(alone.tracks) == len(mixed.tracks) == 20
    assert alone.tracks[0].reasons is not None
    assert alone.tracks[0].reasons.closest_seed == ""
    assert [pool.seed for pool in mixed.seed_pools] == [seed, *tracks(5)]
    for pool in mixed.seed_pools:
        assert pool.initial >= pool.after_filtering >= pool.after_relinking > 0


def test_every_spelling_of_a_genre_is_one_seed_and_one_filter(engine):
    lists = []
    for name in ("jazz", " J\u00e1zz!"):
        query = Query((Seed(SeedKind.GENRE, name),), filters=Filters(genres=(name,)), limit=10)
        lists.append([track.track_id for track in engine.recommend(query).tracks])
    assert lists[0] == lists[1] != []


@QUICK
@given(
    years=st.lists(st.integers(1960, 2020), max_size=2).map(sorted),
    genres=st.sets(st.sampled_from(["rock", "pop", "jazz", "nothing"]), max_size=2),
    versions=st.sets(st.sampled_from(SongVersion), max_size=3),
    artists=st.sets(st.integers(0, 30), max_size=3),
)
def test_years_excluded_genres_artists_and_versions_hold_for_exactly_the_allowed_rows(
    engine, years, genres, versions, artists
):
    catalogue = engine.catalogue
    low, high = (years[0], years[1]) if len(years) == 2 else (years[0] if years else None, None)
    ids = [name for name, number in catalogue.artist_names.items() if number in artists]
    filters = Filters(
        years=(low, high),
        excluded_genres=tuple(genres),
        artists=tuple(ids),
        excluded_versions=frozenset(versions),
    )
    flags = {Version[version.name] for version in versions}
    expected = [
        row
        for row in range(len(catalogue))
        if (low is None or catalogue.year[row] >= low)
        and (high is None or catalogue.year[row] <= high)
        and not genres & {catalogue.genres[n] for n in catalogue.track_genres.of(row)}
        and (not ids or artists & set(catalogue.track_artists.of(row).tolist()))
        and not any(catalogue.version[row] & flag for flag in flags)
    ]
    assert np.flatnonzero(filtered_rows(filters, catalogue).mask).tolist() == expected


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        (Filters(years=(1859, None)), "min_year"),
        (Filters(years=(None, 2101)), "max_year"),
        (Filters(years=(2000, 1990)), "min_year"),
        (Filters(excluded_genres=("g",) * 1001), "excluded_genres"),
        (Filters(artists=("a",) * 1001), "artist_ids"),
    ],
)
def test_a_wrong_filter_of_years_genres_or_artists_is_named(engine, filters, field):
    with pytest.raises(QueryInvalid) as caught:
        engine.recommend(Query(tracks(1), filters=filters))
    assert (caught.value.reason, caught.value.field) == ("FILTER_RANGE", field)


def test_genre_and_explicit_filters_hold(engine):
    filters = Filters(genres=("rock",), explicit=False)
    rows = rows_of(engine, engine.recommend(Query(tracks(1), filters=filters, limit=500)))
    rock = engine.catalogue.genre_names["rock"]
    assert len(rows)
    assert all(rock in engine.catalogue.track_genres.of(row) for row in rows.tolist())
    assert not engine.catalogue.explicit[rows].any()


def test_excluded_tracks_and_artists_and_negative_seeds_never_come_back(engine):
    plain = engine.recommend(Query(tracks(1), limit=10))
    banned = plain.tracks[0].track_id
    row = engine.catalogue.snapshot.row_of[plain.tracks[1].track_id]
    artist = int(engine.catalogue.first_artist[row])
    name = list(engine.catalogue.artist_names)[artist]
    negative = engine.catalogue.snapshot.row_of[plain.tracks[2].track_id]
    query = Query(
        tracks(1),
        negative_seeds=tracks(negative),
        filters=Filters(excluded_tracks=frozenset({banned}), excluded_artists=frozenset({name})),
        limit=500,
        max_per_artist=0,
    )
    rows = rows_of(engine, engine.recommend(query)).tolist()
    assert engine.catalogue.snapshot.row_of[banned] not in rows
    assert negative not in rows
    assert all(artist not in engine.catalogue.track_artists.of(row) for row in rows)


def test_no_track_allowed_gives_an_empty_list(engine):
    ranking = engine.recommend(Query(tracks(1), filters=Filters(genres=("polka",))))
    assert ranking.tracks == ()
    assert ranking.pool.after_filtering == 0


def test_without_a_booster_order_is_cosine_and_said_to_be_degraded(engine):
    ranking = engine.recommend(Query(tracks(3), limit=30, max_per_artist=0))
    similarity = [track.similarity for track in ranking.tracks]
    assert similarity == sorted(similarity, reverse=True)
    assert ranking.degraded == ("booster",)


def test_a_profile_of_this_standardiser_is_used_and_another_is_not(engine):
    features = engine.catalogue.snapshot.features
    other = average_profile(engine.catalogue.snapshot.standardiser, [features[200:201]])
    plain = engine.recommend(Query(tracks(3)))
    assert engine.recommend(Query(tracks(3), profile=other)).tracks != plain.tracks
    foreign = replace(other, standardiser_version="std-other")
    assert engine.recommend(Query(tracks(3), profile=foreign)).tracks == plain.tracks


def test_unknown_seeds_are_all_named(engine):
    with pytest.raises(SeedUnknown) as caught:
        engine.recommend(Query((*tracks(1), Seed(SeedKind.ARTIST, "x"), Seed(SeedKind.GENRE, "y"))))
    assert [seed.name for seed in caught.value.seeds] == ["x", "y"]


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"seeds": ()}, "SEED_COUNT", "seeds"),
        ({"seeds": tracks(*range(6))}, "SEED_COUNT", "seeds"),
        ({"limit": 0}, "LIMIT_RANGE", "limit"),
        ({"limit": 501}, "LIMIT_RANGE", "limit"),
        ({"weights": {"energy": float("nan")}}, "WEIGHT_RANGE", "weights.energy"),
        ({"targets": {"valence": 1.5}}, "TARGET_RANGE", "targets.valence"),
        ({"filters": Filters({"energy": (0.9, 0.1)})}, "FILTER_RANGE", "min_energy"),
        ({"diversity": 1.1}, "DIVERSITY_RANGE", "diversity"),
        ({"max_per_artist": -1}, "ARTIST_CAP_RANGE", "max_per_artist"),
    ],
)
def test_broken_rules_name_reason_and_field(engine, change, reason, field):
    with pytest.raises(QueryInvalid) as caught:
        engine.recommend(replace(Query(tracks(1)), **change))
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_every_attribute_has_a_range():
    assert set(RANGES) == set(ATTRIBUTES)
