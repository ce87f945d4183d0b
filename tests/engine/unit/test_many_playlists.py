"""Learning from more playlists than a square kernel can hold; the bounds are lowered here."""

import numpy as np
import pytest
from quintet_engine.collaborative import directions
from quintet_engine.collaborative.directions import TokenRows
from quintet_engine.collaborative.model import FOLDER, CollaborativeModel, load_holders
from quintet_engine.collaborative.space import membership, token_rows
from quintet_engine.collaborative.taste import WEIGHTS, Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_training.ranking import fit_learned, folds, strata

COUNT = 400


@pytest.fixture(scope="module")
def playlists():
    """Two in three playlists are of the first tracks, the others of the last."""
    random = np.random.default_rng(3)
    starts = [0 if number % 3 else 300 for number in range(240)]
    return [np.sort(start + random.choice(100, 12, replace=False)) for start in starts]


def test_randomised_directions_agree_with_the_exact_ones(catalogue_of, playlists, monkeypatch):
    catalogue = catalogue_of(COUNT, 5)
    tokens, members = Tokens.of(catalogue, 1), membership(playlists, COUNT)

    def fitted():
        return Taste.fit(tokens, catalogue.year, members, dimensions=8).of(np.arange(COUNT))

    exact = fitted()
    monkeypatch.setattr(directions, "MOST_EXACT", 10)
    assert np.array_equal(fitted(), fitted())
    # Directions with nearly equal eigenvalues may turn; cosines of tracks stay the same.
    assert np.abs(fitted() @ fitted().T - exact @ exact.T).max() < 0.02


def test_directions_that_begin_with_a_part_of_the_playlists_hold_as_much_of_the_kernel(
    catalogue_of, playlists, monkeypatch
):
    tokens, members = Tokens.of(catalogue_of(COUNT, 5), 1), membership(playlists, COUNT)
    rows = {kind: token_rows(members, tokens, kind) for kind in WEIGHTS}
    kernel = sum(WEIGHTS[kind] * (x @ x.T).toarray() for kind, x in rows.items())
    best = np.linalg.eigvalsh(kernel)[-8:].sum()
    monkeypatch.setattr(directions, "PART", 80)
    values, found = directions.leading(TokenRows(members, tokens, {}), WEIGHTS, 8)
    assert np.allclose(found.T @ found, np.eye(8), atol=1e-4)
    assert values.sum() == pytest.approx(best, rel=0.01)
    assert np.trace(found.T @ kernel @ found) == pytest.approx(best, rel=0.01)
    # Rows that are computed whenever they are read, a few playlists at a time, give the same.
    monkeypatch.setattr(directions, "_BLOCK", 50)
    for kept in ({}, rows):
        values, again = directions.leading(TokenRows(members, tokens, kept), WEIGHTS, 8)
        assert np.abs(again.T @ found).max(axis=0) == pytest.approx(np.ones(8), abs=1e-2)


def test_queries_are_compared_with_some_playlists_and_counts_are_of_all(
    catalogue_of, playlists, monkeypatch, tmp_path
):
    catalogue = catalogue_of(COUNT, 5)
    whole = fit_learned(catalogue, playlists, WEIGHTS, 5)
    assert whole.playlists is None
    monkeypatch.setattr(folds, "MOST_COMPARED", 60)
    some = fit_learned(catalogue, playlists, WEIGHTS, 5)
    assert len(some.space) == 60
    assert np.array_equal(some.space.counts, whole.space.counts)
    assert np.array_equal(some.space.artist_entries, whole.space.artist_entries)
    assert np.array_equal(some.taste.places, whole.taste.places)
    # A new catalogue learns from all of them again.
    facts = some.save(tmp_path / FOLDER)
    assert load_holders(tmp_path).sum() == sum(len(rows) for rows in playlists)
    assert len(CollaborativeModel.load(tmp_path / FOLDER, facts, catalogue).space) == 60


def test_playlists_fall_into_clusters_of_similar_content(catalogue_of, playlists):
    tokens = Tokens.of(catalogue_of(COUNT, 5), 1)
    members = membership(playlists, COUNT)
    found = strata.by_content(tokens, members, seed=1)
    assert np.array_equal(found, strata.by_content(tokens, members, seed=1))
    assert 1 < len(np.unique(found)) <= 8
    named = strata.strata_of(tokens, members, ["a", "b"] * 120, seed=1)
    assert named.tolist() == [0, 1] * 120
    order = strata.evenly(named, np.random.default_rng(1))
    assert sorted(order.tolist()) == list(range(240))
    assert named[order[:20]].sum() == 10
