"""Tracks of which features are missing: found by other channels, never compared in the unknown."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES, MEASURED, NULLABLE
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.engine import Engine, Versions
from quintet_engine.exclusions import count_unknown
from quintet_engine.index import FaissIndex
from quintet_engine.query import Filters, Query, Seed, SeedKind
from quintet_engine.recipes import BOOTSTRAP, TRAINED
from quintet_modelkit.features import COLUMN, LINEAR, Standardiser

COUNT = 120
SEEDS = tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in (1, 12, 23))
VERSIONS = Versions("m", "i", "cat-made")
MISSING = [COLUMN[name] for name in NULLABLE]


def without(catalogue: Catalogue, missing: np.ndarray) -> Catalogue:
    """The catalogue with features missing, bool (n, 14)."""
    features = np.where(missing, np.nan, np.asarray(catalogue.snapshot.features))
    features[:, COLUMN["duration_ms"]] = catalogue.snapshot.features[:, COLUMN["duration_ms"]]
    standardiser = Standardiser.fit(features)
    return Catalogue.of(replace(catalogue.snapshot, features=features, standardiser=standardiser))


def bootstrap(catalogue: Catalogue) -> Engine:
    return Engine(catalogue, FaissIndex.build(catalogue.unit, seed=1), None, VERSIONS, BOOTSTRAP)


def trained(catalogue: Catalogue) -> Engine:
    tokens, random = Tokens.of(catalogue, seed=1), np.random.default_rng(0)
    playlists = [np.sort(random.choice(len(catalogue), 12, replace=False)) for _ in range(20)]
    taste = Taste.fit(tokens, catalogue.year, membership(playlists, len(catalogue)))
    near, sounds = (FaissIndex.build(v, seed=1) for v in (taste.places, tokens.sound_units))
    space, content = (
        PlaylistSpace.fit(tokens, playlists),
        ContentPool.of(tokens, catalogue.popularity),
    )
    learned = CollaborativeModel(tokens, space, taste, near, sounds, content, catalogue)
    index = FaissIndex.build(catalogue.unit, seed=1)
    return Engine(catalogue, index, None, VERSIONS, TRAINED, learned)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Which values are missing: single ones, whole columns, and whole rows."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = st.sampled_from([0.0, 0.1, 0.5, 1.0])
    missing = random.random((COUNT, len(ATTRIBUTES))) < draw(share)
    missing |= random.random((1, len(ATTRIBUTES))) < draw(share) * 0.5
    missing |= random.random((COUNT, 1)) < draw(share)
    return missing


few = hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("make", [bootstrap, trained])
@few
@given(missing=masks())
def test_lists_are_whole_and_say_nothing_of_unknown_values(make, catalogue_of, missing):
    catalogue = without(catalogue_of(COUNT, 3), missing)
    engine = make(catalogue)
    answer = engine.recommend(Query(SEEDS, limit=20, targets={"energy": 0.5}))
    assert np.isfinite([track.score for track in answer.tracks]).all()
    profiled = engine.prepare(Query(SEEDS, targets={"energy": 0.5})).vector.any()
    rows = [catalogue.snapshot.row_of[track.track_id] for track in answer.tracks]
    for row, track in zip(rows, answer.tracks, strict=True):
        analysed = catalogue.analysed is None or bool(catalogue.analysed[row])
        if not analysed:
            assert not {"audio", "seeds", "sound"} & set(track.channels)
        assert track.reasons is not None
        assert (track.similarity is None) == (not analysed or not profiled)
        if not analysed:
            assert track.reasons.closest_similarity is None
            assert track.reasons.closest_seed == ""
        for fact in track.reasons.facts:
            assert np.isfinite([fact.value, fact.other_value, fact.weight]).all()
            if fact.attribute:
                assert not np.isnan(catalogue.columns[row, COLUMN[fact.attribute]])


@pytest.mark.parametrize("make", [bootstrap, trained])
@few
@given(missing=masks())
def test_features_about_a_missing_attribute_are_missing(make, catalogue_of, missing):
    catalogue = without(catalogue_of(COUNT, 3), missing)
    engine = make(catalogue)
    context = engine.prepare(Query(SEEDS))
    candidates = engine.candidates(context, engine.recipe.quotas(20, 1))
    columns = dict(zip(engine.recipe.names, engine.features(context, candidates).T, strict=True))
    raw = catalogue.columns[candidates.rows]
    analysed = ~np.isnan(raw[:, [COLUMN[name] for name in MEASURED]]).all(axis=1)
    for name in LINEAR:
        unknown = np.isnan(raw[:, COLUMN[name]]) | ~analysed
        assert np.isnan(columns[f"{name}_gap"][unknown]).all()
    knows_all = ~np.isnan(context.profile.raw_mean[[COLUMN[name] for name in LINEAR]]).any()
    if knows_all:
        whole = ~np.isnan(raw).any(axis=1)
        for name in LINEAR:
            assert np.isfinite(columns[f"{name}_gap"][whole]).all()
    assert np.isnan(columns["profile_cosine"][~analysed]).all()
    assert np.isnan(columns["popularity"][np.isnan(raw[:, COLUMN["popularity"]])]).all()
    assert np.isnan(columns["beat_gap"][np.isnan(raw[:, COLUMN["tempo"]])]).all()
    assert np.isnan(columns["key_match"][np.isnan(raw[:, COLUMN["key"]])]).all()
    if context.vector.any():
        assert np.isfinite(columns["profile_cosine"][analysed]).all()


@few
@given(missing=masks(), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_filter_on_an_unknown_attribute_excludes_and_is_counted(catalogue_of, missing, low, high):
    catalogue = without(catalogue_of(COUNT, 3), missing)
    filters = Filters(ranges={"energy": (low, None), "valence": (None, high)}, explicit=False)
    context = bootstrap(catalogue).prepare(Query(SEEDS, filters=filters))
    energy, valence = (catalogue.columns[:, COLUMN[name]] for name in ("energy", "valence"))
    assert not (np.isnan(energy) | np.isnan(valence))[context.allowed.mask].any()
    passes = (np.isnan(energy) | (energy >= low)) & (np.isnan(valence) | (valence <= high))
    passes &= ~catalogue.explicit & (np.isnan(energy) | np.isnan(valence))
    assert count_unknown(filters, catalogue) == np.count_nonzero(passes)


def test_a_list_exists_where_nothing_was_analysed(catalogue_of):
    catalogue = without(catalogue_of(COUNT, 3), np.ones((COUNT, len(ATTRIBUTES)), np.bool_))
    for make in (bootstrap, trained):
        engine = make(catalogue)
        assert len(engine.recommend(Query(SEEDS, limit=10)).tracks) == 10
        # All tracks but the seeds, one of each recording and none by an artist beyond the cap.
        whole = engine.recommend(Query(SEEDS, limit=COUNT, max_per_artist=0))
        context = engine.prepare(Query(SEEDS))
        recordings = np.unique(catalogue.recording[context.allowed.rows])
        assert len(whole.tracks) == len(recordings)


def test_a_target_prefers_known_values_near_it(catalogue_of):
    missing = np.zeros((COUNT, len(ATTRIBUTES)), np.bool_)
    missing[::2, COLUMN["energy"]] = True
    catalogue = without(catalogue_of(COUNT, 3), missing)
    rows = np.arange(COUNT)
    distances = catalogue.distances("energy", 0.5, rows)
    known = ~missing[:, COLUMN["energy"]]
    assert np.isfinite(distances).all()
    assert distances[~known].min() > np.median(distances[known])
