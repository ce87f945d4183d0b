"""The answer's JSON, put together from the bytes of tracks and reasons."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation
from quintet_gateway.domain import ShownTracks
from quintet_gateway.recommender import ids_to_describe
from quintet_gateway.schemas.catalogue import track_json, track_of
from quintet_gateway.schemas.recommendation_response import (
    RecommendationsResponse,
    recommendations_json,
)

from tests.fakes.reasons import facts_of, reasons_of
from tests.oracle.reasons.reasons_json import reasons_json

SEEDS = [profile_pb2.Seed(track_id="s1"), profile_pb2.Seed(genre="rock")]
REQUEST = ranker_pb2.RecommendTracksRequest(seeds=SEEDS)
TRACKS = {
    name: orjson.dumps(track_json(search_pb2.Track(id=name, title=f"Song {name}")))
    for name in ("s1", "t1", "t2", "t3")
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
REASONS = reasons_json(
    [
        reasons_of(f"Reason {place}.", facts, "s1" if place else "", place / 4, place)
        for place, facts in enumerate(FACTS)
    ]
)


def answer(tracks=TRACKS, **changed):
    ranked = [
        ranker_pb2.RankedTrack(
            **{"track_id": f"t{n}", "rank": n, "channels": ["audio", "taste"],
               "reasons_json": REASONS[n - 1], **changed}
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    response = ranker_pb2.RecommendTracksResponse(tracks=ranked)
    content = recommendations_json(response, ShownTracks("c", tracks), REQUEST, None)
    ids = {"recommendation_id": "r", "request_id": "q", "degraded": []}
    return json.loads(orjson.dumps({**ids, **content}))


def test_each_track_has_its_own_reasons():
    first, second, third = (track["reasons"] for track in answer()["tracks"])
    assert [each["sentence"] for each in (first, second, third)] == [
        "Reason 0.", "Reason 1.", "Reason 2.",
    ]  # fmt: skip
    assert third["closest_seed"] == {"id": "s1", "title": "Song s1", "similarity": 0.5}
    assert [item["feature"] for item in third["contributions"]] == ["f0", "f1"]
    assert (first["contributions"], first["facts"]) == ([], [])
    assert [facts_of(each) for each in (first, second, third)] == FACTS


def test_a_fact_names_its_seed_and_both_values():
    target, genre, louder = answer()["tracks"][2]["reasons"]["facts"]
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


def test_the_answer_has_the_documented_shape():
    found = RecommendationsResponse.model_validate(answer())
    assert [track.track.title for track in found.tracks] == ["Song t1", "Song t2", "Song t3"]
    assert found.tracks[1].channels == ["audio", "taste"]
    assert found.seeds[0].track is not None
    assert found.seeds[0].track.title == "Song s1"
    assert found.seeds[1].genre == "rock"


def test_a_list_without_reasons_says_so():
    content = answer(reasons_json=b"")
    assert [track["reasons"] for track in content["tracks"]] == [None, None, None]
    RecommendationsResponse.model_validate(content)


def test_a_track_that_search_lacks_has_only_its_id():
    content = answer(tracks={"t1": TRACKS["t1"]})
    assert [track["track"]["title"] for track in content["tracks"]] == ["Song t1", "", ""]
    assert content["tracks"][2]["track"]["id"] == "t3"
    RecommendationsResponse.model_validate(content)


@given(
    score=st.floats(allow_nan=False, allow_infinity=False),
    similarity=st.floats(-1, 1),
    channels=st.lists(st.text()),
)
def test_every_number_and_channel_comes_through(score, similarity, channels):
    for track in answer(score=score, similarity=similarity, channels=channels)["tracks"]:
        assert (track["score"], track["similarity"]) == (score, similarity)
        assert track["channels"] == channels


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("name", ["x", "6rqhFgbbKwnb9MLmUQDhG6"])
@given(title=TEXTS, genres=st.lists(TEXTS), artist=TEXTS, milliseconds=st.integers(0, 2**53))
def test_a_track_read_back_from_its_json_is_the_same(name, title, genres, artist, milliseconds):
    track = search_pb2.Track(
        id=name, title=title, genres=genres, duration_ms=milliseconds, explicit=True,
        artists=[search_pb2.ArtistReference(id="a", name=artist)], popularity=7,
    )  # fmt: skip
    assert track_of(orjson.dumps(track_json(track))) == track


def test_seeds_and_ranked_tracks_are_looked_up():
    ranking = ranker_pb2.RecommendTracksResponse(
        tracks=[ranker_pb2.RankedTrack(track_id=name) for name in ("t1", "t2")]
    )
    assert ids_to_describe(REQUEST, ranking) == ["s1", "t1", "t2"]
