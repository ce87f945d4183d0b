"""Reasons as JSON, from the columns that the ranker sends; joined where a list is filled up."""

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation
from quintet_gateway.recommender import ids_to_describe
from quintet_gateway.schemas.recommendation_response import recommendations_json
from quintet_servicekit.reasons import (
    KIND_NUMBERS,
    REFERENCE_NUMBERS,
    RELATION_NUMBERS,
    append_reasons,
)

from tests.fakes.reasons import columns_of, facts_of, reasons_of

SEEDS = [profile_pb2.Seed(track_id="s1"), profile_pb2.Seed(genre="rock")]
REQUEST = ranker_pb2.RecommendTracksRequest(seeds=SEEDS)
TRACKS = {
    name: search_pb2.Track(id=name, title=f"Song {name}") for name in ("s1", "t1", "t2", "t3")
}
SEED = Reference(0, ReferenceKind.TRACK, "s1", "Song s1", "Anna")
ROCK = Reference(1, ReferenceKind.GENRE, "rock", "rock")
LOUDER = Fact(Kind.ATTRIBUTE, SEED, -0.1, "loudness", Relation.MORE, -5.0, -9.0)
FACTS = [
    [],
    [Fact(Kind.SAME_ARTIST, SEED, 0.4, name="Anna"), LOUDER],
    [Fact(Kind.TARGET, None, 0.2, "energy", value=0.7, other_value=0.8),
     Fact(Kind.GENRE, ROCK, 0.1, name="rock"), LOUDER],
]  # fmt: skip
REASONS = [
    reasons_of(f"Reason {place}.", facts, "s1" if place else "", place / 4, place)
    for place, facts in enumerate(FACTS)
]


def answer() -> ranker_pb2.RecommendTracksResponse:
    tracks = [ranker_pb2.RankedTrack(track_id=f"t{n}") for n in (1, 2, 3)]
    return ranker_pb2.RecommendTracksResponse(tracks=tracks, reasons=columns_of(REASONS))


def reasons_in_json(response):
    tracks = recommendations_json(response, TRACKS, SEEDS, None)["tracks"]
    return [track["reasons"] for track in tracks]


def test_each_track_has_its_own_reasons():
    first, second, third = reasons_in_json(answer())
    assert [each["sentence"] for each in (first, second, third)] == [
        "Reason 0.", "Reason 1.", "Reason 2.",
    ]  # fmt: skip
    assert third["closest_seed"] == {"id": "s1", "title": "Song s1", "similarity": 0.5}
    assert [item["feature"] for item in third["contributions"]] == ["f0", "f1"]
    assert (first["contributions"], first["facts"]) == ([], [])
    assert [fact["kind"] for fact in second["facts"]] == ["same_artist", "attribute"]
    assert [fact["kind"] for fact in third["facts"]] == ["target", "shared_genre", "attribute"]


def test_a_fact_names_its_seed_and_both_values():
    target, genre, louder = reasons_in_json(answer())[2]["facts"]
    assert target["reference"] is None
    assert (target["value"], target["other_value"]) == (0.7, 0.8)
    assert genre["reference"] == {
        "seed": 1, "kind": "genre", "id": "rock", "name": "rock", "artist": "",
    }  # fmt: skip
    assert louder == {
        "kind": "attribute", "weight": -0.1, "attribute": "loudness", "relation": "more",
        "value": -5.0, "other_value": -9.0, "name": "",
        "reference": {"seed": 0, "kind": "track", "id": "s1", "name": "Song s1", "artist": "Anna"},
    }  # fmt: skip


def test_an_attribute_of_a_newer_ranker_is_left_out():
    response = answer()
    response.reasons.attributes[3] = 99  # type: ignore[call-overload]
    for reasons in reasons_in_json(response):
        assert len(reasons["comparisons"]) == 13
        assert reasons["comparisons"][3]["value"] == 4


def test_a_kind_of_fact_of_a_newer_ranker_is_left_out():
    response = answer()
    response.reasons.fact_kinds[0] = 99  # type: ignore[call-overload]
    assert [fact["kind"] for fact in reasons_in_json(response)[1]["facts"]] == ["attribute"]


def test_the_closest_seeds_are_looked_up():
    assert "s1" in ids_to_describe(ranker_pb2.RecommendTracksRequest(), answer())
    assert ids_to_describe(REQUEST, answer())[-3:] == ["t1", "t2", "t3"]


def test_a_list_without_reasons_says_so():
    bare = ranker_pb2.RecommendTracksResponse(tracks=[ranker_pb2.RankedTrack(track_id="t1")])
    assert reasons_in_json(bare) == [None]


def test_reasons_of_two_lists_are_joined_track_by_track():
    joined = ranker_pb2.Reasons()
    for place in (2, 0, 1):
        append_reasons(joined, columns_of(REASONS), place)
    # References come once each, in whatever order; everything else is as if made of one list.
    assert facts_of(joined) == [FACTS[2], FACTS[0], FACTS[1]]
    made = columns_of([REASONS[2], REASONS[0], REASONS[1]])
    for columns in (joined, made):
        del columns.references[:]
        del columns.fact_references[:]
    assert joined == made


def test_every_kind_of_fact_has_a_number_of_its_own():
    for numbers, known in (
        (KIND_NUMBERS, ranker_pb2.FactKind),
        (REFERENCE_NUMBERS, ranker_pb2.FactReferenceKind),
    ):
        assert sorted(numbers.values()) == sorted(set(known.values()) - {0})
    assert sorted(RELATION_NUMBERS.values()) == sorted(ranker_pb2.FactRelation.values())
