"""What playlists teach: two worlds of tracks that never meet, so that the right answer is plain."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_engine.arrays import save_arrays
from quintet_engine.collaborative import content
from quintet_engine.collaborative.affinity import MOST_ROWS, RIDGE, Affinity
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import ALL_KINDS, WEIGHTS, PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import KINDS, Tokens
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, Seed, SeedKind
from quintet_engine.recipes import BOOTSTRAP, FIRST_QUOTAS, TRAINED

from tests.oracle.features.ranks import places
from tests.oracle.products import scores_of_names, scores_of_tracks


def world_of(catalogue) -> np.ndarray:
    """0 for the tracks of even artists, 1 for those of odd ones."""
    return catalogue.first_artist % 2


def two_worlds(catalogue, playlists: int, seed: int = 0) -> list[np.ndarray]:
    """Playlists of one world and of the other in turns; the last four tracks are never used."""
    random = np.random.default_rng(seed)
    worlds = [np.flatnonzero(world_of(catalogue)[:-4] == world) for world in (0, 1)]
    return [
        np.sort(random.choice(worlds[number % 2], 12, replace=False)) for number in range(playlists)
    ]


@pytest.fixture(scope="module")
def tokens(catalogue):
    return Tokens.of(catalogue, seed=1)


@pytest.fixture(scope="module")
def learned(catalogue, tokens) -> CollaborativeModel:
    playlists = two_worlds(catalogue, 40)
    taste = Taste.fit(tokens, catalogue.year, membership(playlists, len(catalogue)))
    space = PlaylistSpace.fit(tokens, playlists)
    near, sounds = (FaissIndex.build(v, seed=1) for v in (taste.places, tokens.sound_units))
    content = ContentPool.of(tokens, catalogue.popularity)
    return CollaborativeModel(tokens, space, taste, near, sounds, content, catalogue)


@pytest.fixture(scope="module")
def engine(catalogue, learned) -> Engine:
    index = FaissIndex.build(catalogue.unit, seed=1)
    versions = Versions("m", "i", catalogue.snapshot.version)
    return Engine(catalogue, index, None, versions, TRAINED, learned)


def asked(catalogue, rows) -> Query:
    return Query(tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(np.array(rows))))


def test_making_tokens_leaves_the_catalogue_as_it_was(catalogue_of):
    made, kept = catalogue_of(120, 3), catalogue_of(120, 3)
    Tokens.of(made, seed=1)
    np.testing.assert_array_equal(made.track_artists.members, kept.track_artists.members)
    np.testing.assert_array_equal(made.columns, kept.columns)


def test_every_kind_of_token_has_one_row_a_track(catalogue, tokens):
    for kind in KINDS:
        assert tokens.kinds[kind].shape[0] == len(catalogue)
        assert np.isfinite(tokens.kinds[kind].data).all()


def test_tokens_are_the_same_each_time(catalogue, tokens):
    again = Tokens.of(catalogue, seed=1)
    for kind in KINDS:
        assert (tokens.kinds[kind] != again.kinds[kind]).nnz == 0
    np.testing.assert_array_equal(tokens.whitening, again.whitening)


def compared(catalogue, tokens, space, rows) -> Affinity:
    """Compare seeds with playlists by a model without anything else."""
    members = membership(two_worlds(catalogue, 4), len(catalogue))
    taste = Taste.fit(tokens, catalogue.year, members)
    index = FaissIndex.exact(taste.places)
    content = ContentPool.of(tokens, catalogue.popularity)
    model = CollaborativeModel(tokens, space, taste, index, index, content, catalogue)
    shares = np.full(len(rows), 1 / len(rows), np.float32)
    return Affinity.of(model, catalogue, [np.array([row]) for row in rows], shares)


def test_ridge_weights_solve_the_regularised_system(catalogue, tokens):
    space = PlaylistSpace.fit(tokens, two_worlds(catalogue, 20), ridge=0.3)
    affinity = compared(catalogue, tokens, space, [2, 4])
    joint = np.linalg.inv(space.inverse.astype(np.float64))
    total = sum(WEIGHTS[kind] * affinity.kernels[kind].astype(np.float64) for kind in ALL_KINDS)
    np.testing.assert_allclose(joint @ affinity.weights[:, RIDGE], total, atol=1e-3)


def test_a_copied_playlist_does_not_count_twice(catalogue, tokens):
    playlists = two_worlds(catalogue, 20)
    once = PlaylistSpace.fit(tokens, playlists, ridge=0.01)
    twice = PlaylistSpace.fit(tokens, [*playlists, playlists[0]], ridge=0.01)
    alone, both = (
        compared(catalogue, tokens, space, playlists[0][:3].tolist()).weights[:, RIDGE]
        for space in (once, twice)
    )
    assert both[[0, -1]].sum() == pytest.approx(alone[0], rel=0.1)


def test_a_playlist_is_nearest_to_itself_by_tracks(catalogue, tokens, learned):
    rows = two_worlds(catalogue, 40)[5]
    kernels = compared(catalogue, tokens, learned.space, rows.tolist()).kernels
    assert np.argmax(kernels["track"]) == 5
    assert kernels["track"][5] == pytest.approx(1.0, abs=1e-5)


def test_tracks_of_the_same_playlists_lie_nearer_in_taste(catalogue, learned):
    places_of = learned.taste.of(np.arange(len(catalogue)))
    cosines = places_of @ places_of.T
    same = np.equal.outer(world_of(catalogue), world_of(catalogue))
    np.fill_diagonal(cosines, np.nan)
    assert np.nanmean(cosines[same]) > np.nanmean(cosines[~same]) + 0.05


def test_a_track_that_no_playlist_holds_has_a_place(catalogue, learned):
    cold = np.arange(len(catalogue) - 4, len(catalogue))
    assert not learned.space.counts[cold].any()
    audible = learned.taste.audible(learned.tokens.shaped[cold], catalogue.year[cold])
    for space in (learned.taste.of(cold), audible):
        np.testing.assert_allclose(np.linalg.norm(space, axis=1), 1.0, atol=1e-3)


def test_cosines_of_audible_places_are_those_of_the_places_themselves(catalogue, learned):
    rows, seeds = np.arange(0, len(catalogue), 3), np.arange(5)
    shaped, year = learned.tokens.shaped, catalogue.year
    places = learned.taste.audible(shaped[rows], year[rows])
    directions = learned.taste.audible(shaped[seeds], year[seeds])
    cosines = learned.taste.audible_cosines(shaped[rows], year[rows], directions)
    np.testing.assert_allclose(cosines, directions @ places.T, atol=1e-5)


def test_what_was_saved_is_what_is_loaded(tmp_path, catalogue, learned):
    facts = learned.save(tmp_path / "c")
    loaded = CollaborativeModel.load(tmp_path / "c", facts, catalogue)
    np.testing.assert_array_equal(loaded.taste.places, learned.taste.places)
    np.testing.assert_array_equal(loaded.space.inverse, learned.space.inverse)
    assert (loaded.space.holders != learned.space.holders).nnz == 0
    assert (loaded.tokens.kinds["artist"] != learned.tokens.kinds["artist"]).nnz == 0
    assert loaded.space.weights == pytest.approx(learned.space.weights)


def save_unpacked(folder, model: CollaborativeModel) -> dict:
    """Write a model's arrays as they were before they were packed (layout 1)."""
    everything = np.arange(len(model.catalogue))
    tokens, space = model.tokens, model.space
    facts = model.save(folder)
    shutil.rmtree(folder / "arrays")
    names = ("shaped", "sound", "artist", "artist_sound", "album", "facts")
    arrays = {name: np.asarray(getattr(tokens, name)) for name in names}
    kinds = {f"kind.{kind}": tokens.kinds[kind] for kind in KINDS}
    words = {"words": tokens.words_of(everything)}
    save_arrays(folder / "tokens", {**arrays, **kinds, **words})
    names = ("counts", "artist_entries", "artist_playlists", "lengths", "inverse", "holders")
    rows = {f"rows.{kind}": matrix for kind, matrix in space.rows.items()}
    alphas = np.array([space.weights[kind] for kind in ALL_KINDS])
    playlists = {name: getattr(space, name) for name in names}
    save_arrays(folder / "playlists", {**playlists, **rows, "weights": alphas})
    taste = {"places": model.taste.places, "regression": model.taste.regression}
    save_arrays(folder / "taste", taste)
    return {name: value for name, value in facts.items() if name != "layout"}


def test_a_model_that_was_published_unpacked_is_packed_when_it_is_loaded(
    tmp_path, catalogue, learned
):
    facts = save_unpacked(tmp_path / "c", learned)
    loaded = CollaborativeModel.load(tmp_path / "c", facts, catalogue)
    for name, wanted in learned.arrays._asdict().items():
        parts = wanted if isinstance(wanted, tuple) else (wanted,)
        got = getattr(loaded.arrays, name)
        for one, other in zip(got if isinstance(got, tuple) else (got,), parts, strict=True):
            if name in ("clusters", "shares", "words"):  # sparse matrices have them in order
                one, other = np.sort(one, axis=-1), np.sort(other, axis=-1)
            np.testing.assert_allclose(one, other, atol=1e-5, err_msg=name)


def test_a_model_of_a_later_layout_is_rejected_with_the_way_out(tmp_path, catalogue, learned):
    facts = learned.save(tmp_path / "c")
    with pytest.raises(ValueError, match="layout 9; this program reads 1 and 2: train the model"):
        CollaborativeModel.load(tmp_path / "c", {**facts, "layout": 9}, catalogue)


def test_channels_find_the_world_of_the_seeds(catalogue, engine):
    world = np.flatnonzero(world_of(catalogue) == 0)
    context = engine.prepare(asked(catalogue, world[:5]))
    candidates = engine.candidates(context, TRAINED.quotas(50, 1))
    column = candidates.names.index("playlists")
    found = candidates.rows[candidates.found[:, column]]
    best = candidates.rows[np.argsort(-scores_of_tracks(context.affinity, candidates.rows)[:, 0])][
        :20
    ]
    assert len(found) > 20
    assert np.isin(best, world).all()


def test_channels_never_find_a_seed_or_what_is_filtered_out(catalogue, engine):
    context = engine.prepare(asked(catalogue, [2, 4, 6]))
    candidates = engine.candidates(context, TRAINED.quotas(50, 1))
    assert context.allowed.has(candidates.rows).all()
    assert not np.isin([2, 4, 6], candidates.rows).any()


def test_features_are_finite_but_for_unknown_years_and_named_once(catalogue, engine):
    context = engine.prepare(asked(catalogue, [2, 3, 4, 5, 6]))
    candidates = engine.candidates(context, TRAINED.quotas(50, 1))
    matrix = engine.features(context, candidates)
    assert matrix.shape == (len(candidates.rows), len(TRAINED.names))
    assert len(set(TRAINED.names)) == len(TRAINED.names) == len(TRAINED.monotone)
    unknown = {TRAINED.names[column] for column in np.flatnonzero(np.isnan(matrix).any(axis=0))}
    assert all("year" in name for name in unknown)
    assert not np.isinf(matrix).any()


def test_a_query_does_not_depend_on_the_order_of_its_seeds(catalogue, engine):
    matrices = []
    for rows in ([2, 4, 6, 9, 11], [11, 6, 2, 9, 4]):
        context = engine.prepare(asked(catalogue, rows))
        candidates = engine.candidates(context, TRAINED.quotas(50, 1))
        matrices.append(engine.features(context, candidates))
    np.testing.assert_allclose(matrices[0], matrices[1], rtol=1e-3, atol=1e-3)


def test_an_artist_seed_stands_for_at_most_its_most_popular_tracks(catalogue, learned):
    group = np.arange(200)
    affinity = Affinity.of(learned, catalogue, [group], np.ones(1, np.float32))
    assert len(affinity.seeds) == MOST_ROWS
    assert affinity.shares.sum() == pytest.approx(1.0)
    left = np.setdiff1d(group, affinity.seeds)
    assert catalogue.popularity[affinity.seeds].min() >= catalogue.popularity[left].max()


@pytest.mark.parametrize("kind", [SeedKind.ARTIST, SeedKind.GENRE])
def test_artists_and_genres_can_be_seeds_of_a_trained_model(catalogue, engine, kind):
    names = catalogue.artist_names if kind is SeedKind.ARTIST else catalogue.genre_names
    ranking = engine.recommend(Query((Seed(kind, next(iter(names))),), limit=10))
    assert len(ranking.tracks) == 10


def test_negative_seeds_push_their_world_down(catalogue, engine):
    worlds = [np.flatnonzero(world_of(catalogue) == world) for world in (0, 1)]
    query = replace(asked(catalogue, worlds[0][:2]), limit=100, reasons=False)
    unwanted = asked(catalogue, worlds[1][:3]).seeds
    other = set(catalogue.track_ids(worlds[1]))

    def share(ranking) -> float:
        return float(np.mean([track.track_id in other for track in ranking.tracks]))

    away = engine.recommend(replace(query, negative_seeds=unwanted))
    assert share(away) < share(engine.recommend(query))


def test_a_filter_that_leaves_few_tracks_still_fills_the_list(catalogue, engine):
    excluded = frozenset(catalogue.track_ids(np.arange(0, 250)))
    query = asked(catalogue, [2, 4])
    filters = replace(query.filters, excluded_tracks=excluded)
    ranking = engine.recommend(replace(query, filters=filters, limit=30, max_per_artist=0))
    assert len(ranking.tracks) == 30


def test_recipes_have_their_own_features_and_channels():
    assert BOOTSTRAP.feature_hash != TRAINED.feature_hash
    assert TRAINED.quotas(500, 1) == TRAINED.quotas(1, 1)
    names = [channel.name for channel in TRAINED.channels]
    first = dict(zip(names, TRAINED.quotas(50, 1), strict=True))
    grown = dict(zip(names, TRAINED.quotas(50, 4), strict=True))
    assert grown == {**first, "audio": 4 * first["audio"]}


def test_a_model_keeps_the_quotas_that_it_was_trained_with():
    first = TRAINED.with_quotas(FIRST_QUOTAS)
    assert dict(zip((c.name for c in first.channels), first.quotas(1, 1), strict=True)) == {
        **dict(zip((c.name for c in TRAINED.channels), TRAINED.quotas(1, 1), strict=True)),
        **{name: round(1_000 * quota) for name, quota in FIRST_QUOTAS.items()},
    }


def test_the_content_pool_of_a_small_catalogue_is_the_catalogue(catalogue, tokens):
    pool = ContentPool.of(tokens, catalogue.popularity)
    np.testing.assert_array_equal(pool.rows, np.arange(len(catalogue)))


def test_the_content_pool_of_a_large_catalogue_holds_the_best_known_of_each_kind(
    catalogue, tokens, monkeypatch
):
    monkeypatch.setattr(content, "EVERYTHING", 50)
    monkeypatch.setattr(content, "_POPULAR", 10)
    monkeypatch.setattr(content, "_OF_EACH", {"year": 2, "audio": 1})
    pool = ContentPool.of(tokens, catalogue.popularity)

    assert len(pool.rows) < len(catalogue)
    assert (np.diff(pool.rows) > 0).all()
    popular = np.lexsort((np.arange(len(catalogue)), -catalogue.popularity))[:10]
    assert np.isin(popular, pool.rows).all()
    years = np.unique(catalogue.year[np.isfinite(catalogue.year)])
    assert set(years) == set(catalogue.year[pool.rows][np.isfinite(catalogue.year[pool.rows])])


def test_scores_of_artists_beyond_the_last_are_zero(catalogue, learned):
    affinity = Affinity.of(learned, catalogue, [np.array([0])], np.ones(1, np.float32))
    unknown = np.array([learned.tokens.unknown_artist])
    np.testing.assert_array_equal(scores_of_names(affinity, "artist", unknown), 0)


@given(st.lists(st.floats(-5, 5, allow_nan=False), min_size=1, max_size=40))
def test_places_order_values_from_the_top(values):
    array = np.array(values, np.float32)
    found = places(array)
    assert found.min() == 0.0
    assert found.max() < 1.0
    assert (np.diff(array[np.argsort(found)]) <= 0).all()


@given(st.lists(st.sampled_from([-2.0, -0.0, 0.0, 1e-30, 3.5, 1e20]), max_size=30))
def test_places_from_the_top_leave_equal_values_in_their_order(values):
    array = np.array(values, np.float32)
    expected = np.empty(len(values), np.float32)
    expected[np.argsort(-array, kind="stable")] = np.arange(len(values)) / max(len(values), 1)
    np.testing.assert_array_equal(places(array), expected)
