"""Compiled channels find what NumPy finds, over made catalogues and random queries."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_engine.channels.channel import gather
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import ALL_KINDS, PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.context import prepare
from quintet_engine.index import FaissIndex
from quintet_engine.kernel.layout import fixed
from quintet_engine.kernel.playlists import content, token_scores
from quintet_engine.query import Filters, Query, Seed, SeedKind
from quintet_engine.recipes import TRAINED
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits

from tests.oracle import channels as oracle

COMPILED = ("playlists", "together", "related", "content")
FIND = {channel.name: channel.find for channel in TRAINED.channels}
COUNT = 240


@pytest.fixture(scope="module")
def world(catalogue_of):
    """A catalogue, its audio index and a model by a random seed; each is made once."""

    @cache
    def make(seed: int):
        catalogue = catalogue_of(COUNT, seed)
        random = np.random.default_rng(seed)
        sizes = random.integers(1, 25, 15)
        playlists = [np.sort(random.choice(COUNT - 40, size, replace=False)) for size in sizes]
        # Its last artist is on no other track, and first on none.
        playlists[-1] = np.append(playlists[-1], COUNT - 1)
        tokens = Tokens.of(catalogue, seed=1)
        taste = Taste.fit(tokens, catalogue.year, membership(playlists, COUNT))
        near, sounds = (FaissIndex.exact(v) for v in (taste.places, tokens.sound_units))
        content = ContentPool.of(tokens, catalogue.popularity)
        space = PlaylistSpace.fit(tokens, playlists)
        model = CollaborativeModel(tokens, space, taste, near, sounds, content, catalogue)
        return catalogue, FaissIndex.exact(catalogue.unit), model

    return make


@st.composite
def queries(draw) -> Query:
    """Track, artist and genre seeds with weights, with and without filters."""
    tracks = st.integers(0, COUNT - 1).map(lambda row: (SeedKind.TRACK, f"t{row:05d}"))
    artists = st.integers(0, 20).map(lambda number: (SeedKind.ARTIST, f"a{number}"))
    genres = st.sampled_from(["rock", "jazz"]).map(lambda name: (SeedKind.GENRE, name))
    chosen = draw(st.lists(tracks | artists | genres, min_size=1, max_size=5, unique=True))
    weights = draw(st.lists(st.floats(0.1, 5), min_size=len(chosen), max_size=len(chosen)))
    seeds = [Seed(kind, name, weight) for (kind, name), weight in zip(chosen, weights, strict=True)]
    narrow = {"energy": (0.9, None)}
    ranges = draw(st.sampled_from([{}, {"energy": (0.3, None)}, narrow, {"tempo": (90.0, 150.0)}]))
    return Query(tuple(seeds), filters=Filters(ranges=ranges))


@settings(max_examples=60, deadline=None)
@given(queries(), st.integers(0, 2), st.sampled_from([1, 7, 60, 500]))
def test_each_compiled_channel_finds_the_rows_of_the_best_scores(world, query, seed, most):
    context = prepare(query, *world(seed))
    for name in COMPILED:
        scores = oracle.scores(context, name)
        hits = FIND[name](context, most)
        assert (
            len(hits.rows) == len(set(hits.rows.tolist())) == min(most, np.isfinite(scores).sum())
        )
        # Practically equal scores may change places, since sums are rounded differently.
        best = np.sort(scores[np.isfinite(scores)])[::-1][:most]
        np.testing.assert_allclose(scores[hits.rows], best, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(hits.scores, scores[hits.rows], rtol=1e-4, atol=1e-5)


def test_every_artist_on_playlists_has_a_list_of_tracks_even_one_who_is_only_a_guest(world):
    _, _, model = world(0)
    guest = model.tokens.unknown_artist - 1
    assert guest in model.on_playlists.artists
    lists = model.artist_tracks
    assert len(lists.starts) == guest + 2
    assert lists.starts[guest] == lists.starts[guest + 1] == len(lists.members)


@settings(max_examples=40, deadline=None)
@given(queries(), st.integers(0, 2))
def test_seeds_are_as_like_the_playlists_as_numpy_says(world, query, seed):
    catalogue, index, model = world(seed)
    affinity = prepare(query, catalogue, index, model).trained_affinity
    cosines = oracle.kernels(model.space, model.tokens, affinity.seeds, affinity.shares)
    for kind in ALL_KINDS:
        np.testing.assert_allclose(affinity.kernels[kind], cosines[kind], atol=1e-5)
    weights = oracle.weights(model.space, cosines)
    np.testing.assert_allclose(affinity.weights, weights, rtol=1e-3, atol=1e-5)


@given(st.lists(st.lists(st.integers(0, 200), unique=True, max_size=40), min_size=1, max_size=8))
def test_channels_are_united_in_the_order_of_rows(lists):
    from quintet_engine.kernel.selecting import united

    hits = [Hits(np.array(rows, np.int32), np.zeros(len(rows), np.float32)) for rows in lists]
    starts = np.cumsum([0, *(len(rows) for rows in lists)])
    found = np.concatenate([hit.rows for hit in hits])
    rows, closeness = united(fixed(found, np.int32), fixed(starts, np.int64), 201)
    wanted = oracle.united(hits)
    np.testing.assert_array_equal(rows, wanted[0])
    np.testing.assert_allclose(closeness, wanted[1], rtol=1e-6)


scores_with_ties = st.lists(
    st.sampled_from([-np.inf, -2.5, -0.0, 0.0, 1e-30, 0.5, 3.0, np.nan]), min_size=1, max_size=3000
)


@settings(max_examples=60, deadline=None)
@given(scores_with_ties, st.integers(1, 1200), st.integers(0, 2**32 - 1))
def test_the_best_rows_are_chosen_by_score_and_then_by_row(values, most, seed):
    from quintet_engine.kernel.selecting import best_rows

    random = np.random.default_rng(seed)
    scores = np.array(values, np.float32)
    rows = random.permutation(len(values)).astype(np.int32)
    allowed = random.random(len(values)) < 0.8
    found = best_rows(
        fixed(rows, np.int32), fixed(scores, np.float32), RowSet.of(allowed).bits, most, -1.0
    )
    kept = allowed[rows] & (scores > -1.0)
    wanted = Hits.ranked(rows[kept].astype(np.int64), scores[kept], most)
    np.testing.assert_array_equal(found[0], wanted.rows)
    np.testing.assert_array_equal(found[1], wanted.scores)


def test_a_track_without_artists_words_or_year_as_the_only_seed_finds_candidates(world):
    catalogue, index, model = world(0)
    without = np.flatnonzero(~np.isfinite(catalogue.year))[:1]
    query = Query((Seed(SeedKind.TRACK, catalogue.track_ids(without)[0]),))
    context = prepare(replace(query, limit=5), catalogue, index, model)
    found = gather(context, TRAINED.channels, TRAINED.quotas(5, 1))
    assert len(found.rows)
    assert context.allowed.has(found.rows).all()


@settings(max_examples=20, deadline=None)
@given(queries(), st.integers(0, 2))
def test_words_have_the_same_scores_from_lists_in_16_and_in_32_bits(world, query, seed):
    context = prepare(query, *world(seed))
    affinity = context.trained_affinity
    learned, lists = affinity.model.arrays, affinity.model.word_lists
    plain = lists.plain
    wide = lists._replace(plain=plain._replace(members=fixed(plain.members, np.int32)))
    assert plain.members.dtype == np.uint16
    found = token_scores(learned, lists, affinity.weights)
    for one, other in zip(found, token_scores(learned, wide, affinity.weights), strict=True):
        np.testing.assert_array_equal(one, other)
    # Every value of `by_word` is in one of the two parts.
    want = products(learned.by_word, affinity.weights) * learned.rarity[:, None]
    np.testing.assert_allclose(found[2], want, rtol=1e-4, atol=1e-6)
    pool, scores = affinity.model.pool, affinity.arrays
    narrow = (scores.year_scores, scores.cluster_scores, scores.word_scores)
    assert pool.words.members.dtype == np.uint16
    words = pool.words._replace(members=fixed(pool.words.members, np.int32))
    np.testing.assert_array_equal(
        content(pool, *narrow), content(pool._replace(words=words), *narrow)
    )


def products(lists, weights):
    """Multiply a sparse matrix in compressed rows by playlists' weights, float64 (rows, 4)."""
    shape = (len(lists.starts) - 1, len(weights))
    return sp.csr_matrix((lists.values, lists.members, lists.starts), shape) @ weights
