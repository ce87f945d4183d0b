"""The compiled features against the plain ones in `tests/oracle/features`, column by column."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from quintet_contract.attributes import MEASURED
from quintet_engine.catalogue import Catalogue
from quintet_engine.channels.channel import Candidates, gather
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.context import Context
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, Seed, SeedKind
from quintet_engine.recipes import BOOTSTRAP, TRAINED
from quintet_modelkit.features import COLUMN, Standardiser

from tests.engine.unit.conftest import make_catalogue
from tests.oracle.features.collaborative import TRAINED_BUILDERS
from tests.oracle.features.content import BUILDERS
from tests.oracle.features.matrix import Builder, build
from tests.oracle.features.ranks import places, places_within

# Sums in another order; distances are differences of squares near 13.
_TOLERANCE = 2e-5
# Places follow from another column: equal values of two programs may differ in the last digit.
_PLACES = {
    "sound_place": "sound_cosine",
    "popularity_place": "popularity",
    "track_by_ridge_place": "track_by_ridge",
    "artist_by_ridge_place": "artist_by_ridge",
    "artist_company_place": "artist_company",
    "taste_place": "taste_cosine",
}


def catalogue_with_gaps(seed: int) -> Catalogue:
    """Some tracks lack attributes one by one, some were never analysed, some have no artist."""
    whole, random = make_catalogue(240, seed), np.random.default_rng(seed)
    features = np.array(whole.snapshot.features)
    for name in (*MEASURED, "popularity"):
        features[random.random(len(features)) < 0.1, COLUMN[name]] = np.nan
    silent = np.flatnonzero(random.random(len(features)) < 0.1)
    for name in MEASURED:
        features[silent, COLUMN[name]] = np.nan
    tracks = whole.snapshot.tracks
    anonymous = (random.random(len(features)) < 0.1).tolist()
    for name in ("artists", "artist_ids"):
        lists = [
            [] if no else own for no, own in zip(anonymous, tracks[name].to_pylist(), strict=True)
        ]
        column = tracks.schema.get_field_index(name)
        tracks = tracks.set_column(column, tracks.schema.field(name), [lists])
    standardiser = Standardiser.fit(features)
    snapshot = replace(whole.snapshot, tracks=tracks, features=features, standardiser=standardiser)
    return Catalogue.of(snapshot)


def learned_from(catalogue: Catalogue, seed: int, lists: int) -> CollaborativeModel:
    random = np.random.default_rng(seed)
    playlists = [
        np.sort(random.choice(len(catalogue) - 40, 12, replace=False)) for _ in range(lists)
    ]
    tokens = Tokens.of(catalogue, seed=1)
    taste = Taste.fit(tokens, catalogue.year, membership(playlists, len(catalogue)))
    space = PlaylistSpace.fit(tokens, playlists)
    near, sounds = (FaissIndex.build(v, seed=1) for v in (taste.places, tokens.sound_units))
    content = ContentPool.of(tokens, catalogue.popularity)
    return CollaborativeModel(tokens, space, taste, near, sounds, content, catalogue)


def engines(catalogue: Catalogue, seed: int, lists: int = 30) -> tuple[Engine, Engine]:
    index = FaissIndex.build(catalogue.unit, seed=1)
    versions = Versions("m", "i", catalogue.snapshot.version)
    learned = learned_from(catalogue, seed, lists)
    return (
        Engine(catalogue, index, None, versions, BOOTSTRAP),
        Engine(catalogue, index, None, versions, TRAINED, learned),
    )


WORLDS = {
    "whole": engines(make_catalogue(240, 1), 1),
    # A taste space of fewer coordinates than a place is predicted from.
    "few playlists": engines(make_catalogue(240, 4), 4, 9),
    "with gaps": engines(catalogue_with_gaps(2), 2),
    "nothing analysed": engines(
        Catalogue.of(
            replace(
                (bare := make_catalogue(60, 3)).snapshot,
                features=(silent := np.where(
                    np.isin(np.arange(14), [COLUMN[name] for name in MEASURED]), np.nan,
                    bare.snapshot.features,
                )),
                standardiser=Standardiser.fit(silent),
            )
        ),
        3,
    ),
}  # fmt: skip


@st.composite
def queries(draw: st.DrawFn, catalogue: Catalogue) -> Query:
    ids = catalogue.track_ids(np.arange(len(catalogue)))
    tracks = st.builds(
        Seed, st.just(SeedKind.TRACK), st.sampled_from(ids), st.sampled_from([1.0, 0.5, 3.0])
    )
    artists = st.builds(
        Seed, st.just(SeedKind.ARTIST), st.sampled_from(list(catalogue.artist_names))
    )
    genres = st.builds(Seed, st.just(SeedKind.GENRE), st.sampled_from(list(catalogue.genre_names)))
    listed = st.lists(
        st.one_of(tracks, tracks, tracks, artists, genres),
        min_size=1,
        max_size=5,
        unique_by=lambda seed: (seed.kind, seed.name),
    )
    negatives = st.lists(tracks, max_size=2, unique_by=lambda seed: seed.name)
    names = st.sampled_from(["energy", "tempo", "key", "valence"])
    return Query(
        tuple(draw(listed)),
        negative_seeds=tuple(draw(negatives)),
        weights=draw(st.dictionaries(names, st.sampled_from([0.0, 0.5, 10.0]), max_size=2)),
        targets=draw(
            st.dictionaries(st.sampled_from(["energy", "valence"]), st.floats(0, 1), max_size=1)
        ),
    )


def compare(
    engine: Engine, context: Context, candidates: Candidates, builders: Sequence[Builder]
) -> None:
    names = list(engine.recipe.names)
    found: NDArray[np.float32] = engine.features(context, candidates)
    wanted = build(context, candidates, builders)
    assert found.shape == wanted.shape
    for column, name in enumerate(names):
        ours, theirs = found[:, column], wanted[:, column]
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
        if name in _PLACES:
            source = np.nan_to_num(found[:, names.index(_PLACES[name])])
            theirs = np.where(np.isnan(ours), np.nan, places(source))
        elif name == "sound_place_in_artist":
            cosine = np.nan_to_num(found[:, names.index("sound_cosine")])
            artist = context.trained_affinity.model.tokens.artist[candidates.rows]
            theirs = np.where(np.isnan(ours), np.nan, places_within(artist, cosine))
        np.testing.assert_allclose(
            ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE, err_msg=name, equal_nan=True
        )


@pytest.mark.parametrize("world", sorted(WORLDS))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_each_feature_of_each_model_is_that_of_the_plain_program(
    world: str, data: st.DataObject
) -> None:
    for engine, builders in zip(WORLDS[world], (BUILDERS, TRAINED_BUILDERS), strict=True):
        query = data.draw(queries(engine.catalogue))
        context = engine.prepare(query)
        quotas = engine.recipe.quotas(query.limit, 1)
        candidates = gather(context, engine.recipe.channels, quotas)
        compare(engine, context, candidates, builders)


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_a_candidate_has_the_same_features_among_any_others(world: str) -> None:
    engine = WORLDS[world][1]
    ids = engine.catalogue.track_ids(np.arange(3))
    context = engine.prepare(Query(tuple(Seed(SeedKind.TRACK, name) for name in ids)))
    every = gather(context, engine.recipe.channels, engine.recipe.quotas(50, 1))
    whole = engine.features(context, every)
    # Places and the number of candidates depend on the others.
    names = [n for n in engine.recipe.names if "_place" not in n and n != "candidate_count"]
    columns = [engine.recipe.names.index(name) for name in names]
    for first, step in ((0, 1), (0, 2), (1, 3), (2, 5), (0, len(every.rows))):
        few = slice(first, None, step)
        part = replace(every, rows=every.rows[few], closeness=every.closeness[few])
        found = engine.features(context, part)
        np.testing.assert_array_equal(found[:, columns], whole[few][:, columns])


def test_no_candidate_makes_no_row() -> None:
    for engine in WORLDS["whole"]:
        context = engine.prepare(Query((Seed(SeedKind.TRACK, "t00001"),)))
        found = gather(context, engine.recipe.channels, engine.recipe.quotas(1, 1))
        few = replace(found, rows=found.rows[:0], closeness=found.closeness[:0])
        assert engine.features(context, few).shape == (0, len(engine.recipe.names))


def test_each_model_has_the_columns_of_the_plain_program_in_its_order() -> None:
    for recipe, builders in ((BOOTSTRAP, BUILDERS), (TRAINED, TRAINED_BUILDERS)):
        assert recipe.names == tuple(name for each in builders for name in each.names)
        assert recipe.monotone == tuple(sign for each in builders for sign in each.monotone)
