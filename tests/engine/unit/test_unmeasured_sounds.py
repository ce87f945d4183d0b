"""Tracks that were not analysed take their artist's kinds of sound, and stay near analysed ones."""

from dataclasses import replace

import numpy as np
from quintet_contract.attributes import MEASURED
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.space import membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_modelkit.features import COLUMN, Standardiser

UNKNOWN: Rows = np.concatenate((np.arange(30), np.arange(100, 130)))


def without_features(catalogue: Catalogue, rows: Rows) -> Catalogue:
    features = np.array(catalogue.snapshot.features)
    features[np.ix_(rows, np.array([COLUMN[name] for name in MEASURED]))] = np.nan
    standardiser = Standardiser.fit(features)
    return Catalogue.of(replace(catalogue.snapshot, features=features, standardiser=standardiser))


def test_kinds_of_sound_are_those_that_the_artist_has_most(catalogue_of):
    catalogue = without_features(catalogue_of(400, 5), UNKNOWN)
    tokens = Tokens.of(catalogue, seed=1)
    analysed = catalogue.analysed
    assert analysed is not None
    assert not analysed[UNKNOWN].any()
    given = 0
    for row in UNKNOWN.tolist():
        same = np.flatnonzero(analysed & (tokens.artist == tokens.artist[row]))
        total: dict[int, float] = {}
        for other in same.tolist():
            for kind, share in zip(tokens.clusters[other], tokens.shares[other], strict=True):
                total[int(kind)] = total.get(int(kind), 0.0) + float(share)
        best = sorted(total.values(), reverse=True)[:3]
        found = [
            total[int(k)]
            for k, s in zip(tokens.clusters[row], tokens.shares[row], strict=True)
            if s
        ]
        if not len(same):
            assert not tokens.shares[row].any()
            continue
        given += 1
        np.testing.assert_allclose(found, [value for value in best if value], rtol=1e-4)
        assert np.isclose(tokens.shares[row].sum(), 1, atol=1e-4)
        # It has no sound of its own all the same.
        assert tokens.lengths[row] == 0
    assert given


def test_the_taste_space_has_no_direction_of_being_analysed(catalogue_of):
    catalogue = without_features(catalogue_of(400, 5), UNKNOWN)
    tokens = Tokens.of(catalogue, seed=1)
    # As if nothing were known of their artists: all of the sound is filled in.
    tokens = replace(tokens, shares=np.where(tokens.lengths[:, None] > 0, tokens.shares, 0))
    random = np.random.default_rng(2)
    playlists = [np.sort(random.choice(400, 12, replace=False)) for _ in range(40)]
    members = membership(playlists, 400)
    heavy = {**dict.fromkeys(("track", "artist", "album", "word", "year"), 0.01), "audio": 1.0}
    places = Taste.fit(tokens, catalogue.year, members, heavy).of(np.arange(400))
    known = tokens.lengths > 0
    apart = places[known].mean(axis=0) - places[~known].mean(axis=0)
    assert np.linalg.norm(apart) < 0.5


def test_a_catalogue_of_which_all_was_analysed_keeps_its_kinds(catalogue_of):
    catalogue = catalogue_of(400, 5)
    tokens = Tokens.of(catalogue, seed=1)
    assert catalogue.analysed is None
    np.testing.assert_allclose(tokens.shares.sum(axis=1), 1, atol=1e-5)
