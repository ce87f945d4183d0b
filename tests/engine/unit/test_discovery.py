"""The dial from familiar to discover: bounds at each place, and a share that never rises."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_engine import reranking
from quintet_engine.discovery import Bounds, arrange
from quintet_engine.query import Filters, Query, QueryInvalid, Seed, SeedKind

DIALS = (0.0, 0.2, 0.25, 0.5, 0.6, 0.8, 0.9, 1.0)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def seeds(*names: str) -> tuple[Seed, ...]:
    return tuple(Seed(SeedKind.TRACK, name) for name in names)


def query(*names: str, **options) -> Query:
    return Query(seeds(*(names or ("t00001", "t00002"))), reasons=False, **options)


def known_among(ranking, count: int) -> int:
    return sum(track.known for track in ranking.tracks[:count])


@QUICK
@given(
    rows=st.lists(st.integers(0, 299), min_size=1, max_size=80, unique=True),
    known=st.sets(st.integers(0, 59), max_size=40),
    limit=st.integers(1, 60),
    cap=st.integers(0, 3),
    diversity=st.sampled_from((0.0, 0.6)),
)
def test_at_no_place_does_the_number_of_known_tracks_rise_with_the_dial(
    catalogue, rows, known, limit, cap, diversity
):
    found = np.array(rows)
    scores = np.sort(np.random.default_rng(0).random(len(rows)))[::-1]
    numbers = {number for name, number in catalogue.artist_names.items() if name[1:].isdigit()
               and int(name[1:]) in known}  # fmt: skip
    flags = np.array([bool(numbers & set(catalogue.track_artists.of(row))) for row in rows])

    def pick(among, before):
        return reranking.choose(
            found, scores, catalogue, limit=limit, max_per_artist=cap, diversity=diversity,
            among=among, before=before,
        )  # fmt: skip

    before = None
    for dial in DIALS:
        places = arrange(flags, Bounds(dial), limit, pick)
        assert len(set(places.tolist())) == len(places)
        counts = np.cumsum(flags[places])
        taken = Counter(a for row in found[places] for a in catalogue.track_artists.of(row))
        assert not cap or max(taken.values()) <= cap
        if before is not None:
            assert len(counts) == len(before)
            assert (counts <= before).all()
        before = counts


@pytest.mark.parametrize("dial", DIALS)
def test_every_beginning_of_the_list_keeps_the_bounds(engine, dial):
    ranking = engine.recommend(query(discovery=dial, limit=30, max_per_artist=0))
    bounds = Bounds(dial)
    for count in range(1, 31):
        assert known_among(ranking, count) <= bounds.most(count)
        if not ranking.discovery.lacks_known:
            assert known_among(ranking, count) >= bounds.least(count)


def test_by_default_two_of_the_first_ten_are_by_artists_of_the_seeds(engine):
    ranking = engine.recommend(query(discovery=0.8, limit=10))
    artists = set(engine.catalogue.track_artists.of_all(np.array([1, 2])))
    row_of = engine.catalogue.snapshot.row_of
    own = [artists & set(engine.catalogue.track_artists.of(row_of[t.track_id])) for t in
           ranking.tracks]  # fmt: skip
    assert [bool(each) for each in own] == [track.known for track in ranking.tracks]
    known = sum(map(bool, own))
    assert known <= 2
    assert (ranking.discovery.new, ranking.discovery.known) == (10 - known, known)


def test_where_known_tracks_score_best_the_default_gives_them_the_fifth_and_the_tenth_place():
    flags = np.arange(40) < 20
    places = arrange(flags, Bounds(DEFAULT_DISCOVERY), 10, lambda among, _before: among[:10])
    assert np.flatnonzero(flags[places]).tolist() == [4, 9]


def test_the_listeners_own_artists_come_first_at_zero_and_never_at_one(engine):
    heard = tuple(f"t{row:05d}" for row in range(100, 130))
    familiar = engine.recommend(query(discovery=0, known_tracks=heard, limit=20))
    new = engine.recommend(query(discovery=1, known_tracks=heard, limit=20))
    assert familiar.discovery.from_memory
    assert (known_among(familiar, 20), known_among(new, 20)) == (20, 0)


def test_the_share_never_rises_with_the_dial_and_lists_stay_full(engine):
    heard = tuple(f"t{row:05d}" for row in range(0, 300, 3))
    before = 51
    for dial in np.linspace(0, 1, 11).tolist():
        ranking = engine.recommend(query(discovery=dial, known_tracks=heard, limit=50))
        assert len(ranking.tracks) == 50
        assert ranking == engine.recommend(query(discovery=dial, known_tracks=heard, limit=50))
        assert ranking.discovery.known <= before
        assert ranking.discovery.known == known_among(ranking, 50)
        before = ranking.discovery.known


def test_where_nobody_else_fits_known_artists_fill_the_list_and_the_answer_says_so(engine):
    everything = tuple(f"t{row:05d}" for row in range(300))
    ranking = engine.recommend(query(discovery=1, known_tracks=everything, limit=10))
    assert (len(ranking.tracks), ranking.discovery.new) == (10, 0)
    assert ranking.discovery.lacks_new


def test_new_artists_far_away_are_found_before_known_ones_fill_the_list(engine):
    # All but the tracks of three artists are known: they are beyond the first candidates.
    tracks = engine.catalogue.track_artists
    strangers = {50, 51, 52}
    heard = tuple(
        name
        for name, row in engine.catalogue.snapshot.row_of.items()
        if not strangers & {int(a) for a in tracks.of(row)}
    )
    ranking = engine.recommend(query(discovery=1, known_tracks=heard, limit=3))
    assert (ranking.discovery.new, ranking.discovery.lacks_new) == (3, False)


def test_a_query_without_the_dial_is_ranked_by_score_alone(engine):
    plain = engine.recommend(query(limit=20))
    scores = [track.score for track in plain.tracks]
    assert plain.discovery is None
    assert scores == sorted(scores, reverse=True)
    assert not any(track.known for track in plain.tracks)


def test_a_genre_seed_names_no_artist_so_every_track_is_new(engine):
    asked = Query((Seed(SeedKind.GENRE, "rock"),), reasons=False, discovery=0.8, limit=20)
    assert engine.recommend(asked).discovery.new == 20
    familiar = engine.recommend(replace(asked, discovery=0.0))
    assert familiar.discovery.lacks_known


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_dial_out_of_range_is_invalid(engine, value):
    with pytest.raises(QueryInvalid, match="discovery must be 0 to 1"):
        engine.recommend(query(discovery=value))


def test_more_known_tracks_than_a_memory_gives_are_invalid(engine):
    with pytest.raises(QueryInvalid, match="at most 2000"):
        engine.recommend(query(discovery=1, known_tracks=("x",) * 2001))


def test_excluded_artists_are_neither_known_nor_new(engine):
    banned = Filters(excluded_artists=frozenset(engine.catalogue.artist_names))
    ranking = engine.recommend(query(discovery=0.8, filters=banned))
    assert (ranking.tracks, ranking.discovery.new, ranking.discovery.known) == ((), 0, 0)
