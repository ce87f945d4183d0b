"""A listener's memory in the ranking: likes pull, skips push, and no memory changes nothing.

The listeners are simulated: each likes the artists near one artist, whose tracks are near in sound,
in genre and on playlists.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from quintet_contract.limits import MAX_PREFERENCES
from quintet_contract.signals import Preferences
from quintet_engine.engine import Engine
from quintet_engine.exclusions import heard_rows
from quintet_engine.query import Filters, Query, QueryInvalid, Seed, SeedKind, check
from quintet_explain import Kind

from tests.fakes.reasoned import ARTISTS, Reasoned, bootstrap, trained

MODELS = ["trained", "bootstrap", "cosine"]
BECAUSE = (Kind.LIKED, Kind.PLAYED)
MARGIN = 1.3
"""How many times as many hidden tracks as without a memory a list with it must have, at least."""
LISTENERS = 30


@pytest.fixture(scope="module")
def worlds() -> dict[str, Reasoned]:
    learned = trained()
    return {"trained": learned, "bootstrap": bootstrap(), "cosine": learned.without_booster()}


def remembered(
    liked: Sequence[str], skipped: Sequence[str] = (), opinion: float = 0
) -> Preferences:
    names, counts = [*liked, *skipped], (len(liked), len(skipped))
    return Preferences(
        names, [2.0] * counts[0] + [0.0] * counts[1], [0.0] * counts[0] + [1.0] * counts[1],
        [opinion] * counts[0] + [0.0] * counts[1], [5.0] * counts[0] + [0.1] * counts[1],
        [False] * counts[0] + [True] * counts[1],
    )  # fmt: skip


def seeds(*names: str) -> tuple[Seed, ...]:
    return tuple(Seed(SeedKind.TRACK, name) for name in names)


@pytest.mark.parametrize("model", MODELS)
def test_a_listener_without_a_memory_gets_exactly_todays_list(worlds, model):
    engine: Engine = worlds[model].engine
    query = Query(seeds("t00007", "t00300"), limit=40, features=True)
    unknown = remembered(["of-another-catalogue"], ["gone"])
    assert engine.recommend(replace(query, preferences=unknown)) == engine.recommend(query)
    known = replace(query, preferences=remembered(["t00100", "t00101"]))
    assert engine.recommend(known) != engine.recommend(query)


@pytest.mark.parametrize("model", MODELS)
def test_because_you_liked_is_stated_only_where_it_moved_the_track_up(worlds, model):
    world: Reasoned = worlds[model]
    source = random.Random(9)
    stated = 0
    for _ in range(12):
        liked, opinion = source.sample(world.tracks, source.randint(1, 30)), source.choice([0, 0.4])
        # Long enough for every candidate, so that places with and without the memory compare.
        only = Filters(genres=(source.choice(world.genres),))
        query = Query(seeds(source.choice(world.tracks)), limit=500, max_per_artist=0, filters=only)
        before = {
            track.track_id: place
            for place, track in enumerate(world.engine.recommend(query).tracks)
        }
        memory = remembered(liked, opinion=opinion)
        after = world.engine.recommend(replace(query, preferences=memory)).tracks
        assert len(after) == len(before) < 500
        for place, track in enumerate(after):
            assert track.reasons is not None
            facts = [fact for fact in track.reasons.facts if fact.kind in BECAUSE]
            for fact in facts:
                assert place < before[track.track_id]
                assert fact.reference is not None
                assert fact.reference.id in liked
                assert fact.kind is (Kind.LIKED if opinion else Kind.PLAYED)
                assert fact.weight > 0
            stated += len(facts)
    assert stated > 100


def listeners(world: Reasoned) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yields a seed, the tracks that a listener knows, and others that the listener would like."""
    source = np.random.default_rng(5)
    first = world.engine.catalogue.first_artist
    ids = np.array(world.tracks)
    for _ in range(LISTENERS):
        centre = int(source.integers(ARTISTS))
        liked = source.permutation(np.flatnonzero(np.abs(first - centre) < 5))
        half = len(liked) // 2
        yield (
            str(ids[source.integers(len(ids))]),
            ids[liked[:half]].tolist(),
            ids[liked[half:]].tolist(),
        )


@pytest.mark.parametrize("model", ["bootstrap", "cosine"])
def test_memory_finds_more_of_what_a_listener_likes_and_nothing_that_was_heard(worlds, model):
    world: Reasoned = worlds[model]
    hits = []
    for seed, known, hidden in listeners(world):
        query = Query(seeds(seed), limit=50, reasons=False,
                      filters=Filters(excluded_tracks=frozenset(known)))  # fmt: skip
        lists = [
            {track.track_id for track in world.engine.recommend(each).tracks}
            for each in (query, replace(query, preferences=remembered(known)))
        ]
        assert not lists[1] & set(known)
        hits.append([len(each & set(hidden)) for each in lists])
    without, with_memory = np.mean(hits, axis=0)
    assert with_memory >= MARGIN * without
    # Listener by listener: more won than lost, beyond chance (sign test, p < 0.01 for 30).
    gains = np.diff(np.array(hits), axis=1).ravel()
    assert (gains > 0).sum() - (gains < 0).sum() >= 14


@pytest.mark.parametrize("plays", [0, 20])
@pytest.mark.parametrize("model", MODELS)
def test_five_skips_of_an_artist_halve_its_share(worlds, model, plays):
    world: Reasoned = worlds[model]
    source = np.random.default_rng(6)
    before = after = 0
    for artist in source.permutation(ARTISTS)[:20].tolist():
        tracks = [n for n, row in enumerate(world.rows) if f"a{artist}" in row["artist_ids"]]
        names = [world.tracks[n] for n in tracks]
        if len(names) < 8:
            continue
        history = replace(remembered(names[1:3]), plays=[float(plays)] * 2)
        query = Query(seeds(names[0]), limit=50, max_per_artist=0, reasons=False)
        shares = []
        # Skipped tracks may come back here: what counts is the pull, not what is left out.
        for memory in (history, _with_skips(history, names[3:8])):
            found = world.engine.recommend(replace(query, preferences=memory)).tracks
            shares.append(len({track.track_id for track in found} & set(names)))
        before, after = before + shares[0], after + shares[1]
    assert before > 20
    assert after <= before / 2


def _with_skips(history: Preferences, names: Sequence[str]) -> Preferences:
    more = remembered([], names)
    return Preferences(*(
        [*getattr(history, column), *getattr(more, column)] for column in vars(history)
    ))  # fmt: skip


def test_a_heard_track_is_marked_in_any_release(worlds):
    catalogue = worlds["bootstrap"].engine.catalogue
    recording = catalogue.recording.copy()
    recording[5] = recording[9]
    released = replace(catalogue, recording=recording)
    heard = frozenset({"t00009", "unknown"})
    assert heard_rows(heard, np.array([5, 9, 10]), released) == [True, True, False]
    assert heard_rows(frozenset(), np.array([5, 9]), released) == [False, False]


@pytest.mark.parametrize(
    ("memory", "field"),
    [
        (Preferences(["a", "b"], [1.0], [0.0], [0.0], [1.0], [False]), "preferences"),
        (remembered([f"t{n}" for n in range(MAX_PREFERENCES + 1)]), "preferences"),
        (replace(remembered(["a"]), plays=[float("nan")]), "preferences.plays"),
        (replace(remembered(["a"]), skips=[-1.0]), "preferences.skips"),
        (replace(remembered(["a"]), opinions=[1.5]), "preferences.opinions"),
        (replace(remembered(["a"]), days=[float("inf")]), "preferences.days"),
    ],
)  # fmt: skip
def test_damaged_preferences_are_rejected_with_the_field(memory, field):
    with pytest.raises(QueryInvalid) as caught:
        check(Query(seeds("t"), preferences=memory))
    assert caught.value.field == field
