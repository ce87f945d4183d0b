"""Every fact of every sentence is true: checked against catalogue, playlists and query.

Sentences in both languages are parsed back into statements. Both have to state the facts, and each
fact is computed again from the raw tables, by code that shares nothing with the engine. A few
hundred lists by default; a thousand where QUINTET_SLOW=1.
"""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from quintet_contract.attributes import AUDIO_FEATURES, RANGES
from quintet_contract.signals import Preferences
from quintet_engine.query import Filters, Query, Seed, SeedKind
from quintet_explain import Kind, ReferenceKind, Relation

from tests.fakes.reasoned import Reasoned, bootstrap, trained
from tests.fakes.statements import statements_in, statements_of_facts
from tests.slow import SLOW

LISTS = 1000 if SLOW else 120
MODELS = ["trained", "bootstrap", "cosine"]
DIFFERENCES = (Relation.MORE, Relation.LESS)
COMPARED = (Kind.ATTRIBUTE, Kind.TEMPO, Kind.KEY)


@pytest.fixture(scope="module")
def worlds() -> dict[str, Reasoned]:
    learned = trained()
    return {"trained": learned, "bootstrap": bootstrap(), "cosine": learned.without_booster()}


def queries(world: Reasoned, count: int) -> Iterator[Query]:
    """Yields random queries: seeds of every kind, and often targets, weights and filters."""
    source = random.Random(count)
    names = {
        SeedKind.TRACK: world.tracks, SeedKind.ARTIST: world.artists, SeedKind.GENRE: world.genres,
    }  # fmt: skip
    for number in range(count):
        # Most lists start from tracks, as listeners' do.
        kinds = [source.choice(list(names)) if source.random() < 0.2 else SeedKind.TRACK
                 for _ in range(source.randint(1, 5))]  # fmt: skip
        seeds = {(kind, source.choice(names[kind])) for kind in kinds}
        options: dict[str, Any] = {}
        if source.random() < 0.4:
            chosen = source.sample(sorted(RANGES), source.randint(1, 3))
            options["targets"] = {name: source.uniform(*RANGES[name]) for name in chosen}
        if source.random() < 0.4:
            chosen = source.sample(AUDIO_FEATURES, source.randint(1, 5))
            options["weights"] = {name: source.choice([0, 0, 0.5, 2, 10]) for name in chosen}
        filters = Filters(ranges={"energy": (0.2, 0.9)}) if source.random() < 0.2 else Filters()
        if source.random() < 0.5:
            options["preferences"] = preferences(source, world.tracks)
        yield Query(
            tuple(Seed(kind, name, source.choice([0.5, 1, 3])) for kind, name in sorted(seeds)),
            filters=filters, limit=10, features=True, language="ko" if number % 2 else "en",
            **options,
        )  # fmt: skip


def preferences(source: random.Random, tracks: list[str]) -> Preferences:
    """Makes a memory of up to 60 tracks, some of them unknown to the catalogue."""
    names = source.sample([*tracks, "unknown"], source.randint(1, 60))
    opinions = [source.choice([0, 0, 0, 0.7, 1, -1]) for _ in names]
    return Preferences(
        names, [source.choice([0, 1, 2.5, 40]) for _ in names],
        [source.choice([0, 0, 1, 3]) for _ in names], opinions,
        [source.uniform(0, 400) for _ in names], [source.random() < 0.2 for _ in names],
    )  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_fact_is_true_and_both_languages_state_it(worlds, model):
    world = worlds[model]
    kinds: set[Kind] = set()
    for query in queries(world, LISTS // len(MODELS) + 1):
        ranking = world.engine.recommend(query)
        for track in ranking.tracks:
            facts = track.reasons.facts
            expected = statements_of_facts(facts)
            for language in ("en", "ko"):
                sentence = world.sentence(track, language, query)
                assert statements_in(sentence, language) == expected, sentence
            for fact in facts:
                assert world.is_true(fact, track, query), (track.track_id, fact, query)
            kinds.update(fact.kind for fact in facts)
            check_selection(facts, query)
    # Each kind of fact that this model can state was among those checked.
    only_trained = {Kind.TOGETHER, Kind.ARTISTS_TOGETHER, Kind.TASTE}
    liked = {Kind.LIKED, Kind.PLAYED}
    by_sound = {Kind.SOUND, Kind.ATTRIBUTE, Kind.TEMPO, Kind.KEY, Kind.TARGET, *liked}
    expected_kinds = {
        "trained": set(Kind), "bootstrap": set(Kind) - only_trained, "cosine": by_sound,
    }  # fmt: skip
    assert kinds == expected_kinds[model]


def check_selection(facts, query):
    """Checks which facts are stated, and in which order."""
    if not facts:
        return
    assert facts[0].weight == max(fact.weight for fact in facts)
    assert all(-1 <= fact.weight <= 1 for fact in facts)
    silent = {name for name, weight in query.weights.items() if weight == 0} | set(query.targets)
    for fact in facts:
        if fact.kind in COMPARED:
            assert fact.attribute not in silent
            assert fact.weight > 0 or (fact.relation in DIFFERENCES and fact.weight < 0)
        elif fact.kind not in (Kind.TARGET, Kind.SOUND):
            assert fact.weight > 0
    abouts = [fact.reference for fact in facts if fact.reference is not None]
    # Facts about one seed stand together, those about the first seed before all others.
    first = abouts[0] if abouts else None
    others = [about for about in abouts if about != first]
    assert abouts == [first] * (len(abouts) - len(others)) + others
    assert all(about.kind in ReferenceKind for about in abouts)


@pytest.mark.parametrize("model", ["trained", "bootstrap"])
def test_the_weight_of_a_fact_is_the_share_of_its_features(worlds, model):
    world = worlds[model]
    query = Query(
        tuple(Seed(SeedKind.TRACK, name) for name in world.tracks[7:500:99]), features=True
    )
    for track in world.engine.recommend(query).tracks:
        effects = world.contributions(track)
        total = sum(abs(effect) for effect in effects.values())
        for fact in track.reasons.facts:
            names: tuple[str, ...]
            if fact.kind is Kind.ATTRIBUTE:
                names = (f"{fact.attribute}_gap", f"{fact.attribute}_offset")
            elif fact.kind is Kind.GENRE:
                names = ("genre_share", "genre_cosine", "genre_closeness")
            elif fact.kind is Kind.KEY:
                names = ("key_match", "best_key_match")
            else:
                continue
            share = sum(effects.get(name, 0.0) for name in names) / total
            assert fact.weight == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("key", range(12))
def test_a_seed_of_any_key_is_compatible_with_its_own(worlds, key):
    world = worlds["bootstrap"]
    same = [name for name in world.tracks if world.value(name, "key") == key]
    ranking = world.engine.prepare(Query((Seed(SeedKind.TRACK, same[0]),)))
    assert np.equal(ranking.seed_raw[0, world.column("key")], key)


@pytest.mark.parametrize("model", ["trained", "bootstrap"])
def test_by_an_artist_and_from_an_album_name_a_seed_of_that_artist_and_album(worlds, model):
    """Once "Close to 'Smells Like Teen Spirit': also by AC/DC" named a seed of another artist."""
    world = worlds[model]
    for start in range(0, 500, 50):
        # Seeds of five artists, so that a wrong seed would be named by most tracks.
        seeds = tuple(Seed(SeedKind.TRACK, name) for name in world.tracks[start : start + 90 : 19])
        for track in world.engine.recommend(Query(seeds, limit=30, max_per_artist=0)).tracks:
            row = world.rows[world.row_of[track.track_id]]
            for fact in track.reasons.facts:
                if fact.kind in (Kind.SAME_ARTIST, Kind.SAME_ALBUM):
                    seed = world.rows[world.row_of[fact.reference.id]]
                    if fact.kind is Kind.SAME_ALBUM:
                        assert row["album_id"] == seed["album_id"]
                    else:
                        assert fact.name in set(row["artists"]) & set(seed["artists"])
                    assert f"“{seed['title']}”" in track.reasons.sentence


def test_two_tracks_that_are_both_not_acoustic_are_not_called_equally_acoustic(worlds):
    world = worlds["bootstrap"]
    column = world.column("acousticness")
    low = [name for name in world.tracks if world.value(name, "acousticness") < world.mean[column]]
    for seed in low[:20]:
        for track in world.engine.recommend(Query((Seed(SeedKind.TRACK, seed),))).tracks:
            assert "as acoustic" not in track.reasons.sentence
            assert not any(
                fact.attribute == "acousticness" and fact.relation not in DIFFERENCES
                for fact in track.reasons.facts
            )


def test_english_and_korean_compare_with_the_same_seed(worlds):
    """Once "similar energy" in English was "더 힘참" (more energetic) in Korean."""
    world = worlds["bootstrap"]
    seeds = tuple(Seed(SeedKind.TRACK, name) for name in world.tracks[3:600:120])
    lists = [
        world.engine.recommend(Query(seeds, language=language)).tracks for language in ("en", "ko")
    ]
    for english, korean in zip(*lists, strict=True):
        assert english.reasons.facts == korean.reasons.facts
        stated = statements_in(english.reasons.sentence, "en")
        assert stated == statements_in(korean.reasons.sentence, "ko")
