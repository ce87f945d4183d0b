"""Reasons as JSON: the same from columns as from messages, which older rankers send."""

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_gateway.recommender import ids_to_describe
from quintet_gateway.schemas.recommendation_response import recommendations_json

from tests.fakes.reasons import columns_of

UNKNOWN = 99
ATTRIBUTES = (4, UNKNOWN, 12)
SEEDS = [profile_pb2.Seed(track_id="s1"), profile_pb2.Seed(genre="rock")]
REQUEST = ranker_pb2.RecommendTracksRequest(seeds=SEEDS)
TRACKS = {
    name: search_pb2.Track(id=name, title=f"Song {name}") for name in ("s1", "t1", "t2", "t3")
}


def reasons_of(place: int) -> ranker_pb2.Reasons:
    """Returns reasons with as many contributions as the place says."""
    return ranker_pb2.Reasons(
        sentence=f"Reason {place}.",
        closest_seed_id="s1" if place else "",
        closest_seed_similarity=place / 4,
        contributions=[
            ranker_pb2.FeatureContribution(feature=f"f{n}", contribution=-n, value=place + n)
            for n in range(place)
        ],
        comparisons=[
            ranker_pb2.AudioComparison(
                attribute=attribute,  # type: ignore[arg-type]
                value=place,
                seeds_mean=attribute,
                similarity_share=place / attribute,
            )
            for attribute in ATTRIBUTES
        ],
    )


def in_messages() -> ranker_pb2.RecommendTracksResponse:
    return ranker_pb2.RecommendTracksResponse(
        tracks=[
            ranker_pb2.RankedTrack(track_id=f"t{place + 1}", reasons=reasons_of(place))
            for place in range(3)
        ]
    )


def in_columns() -> ranker_pb2.RecommendTracksResponse:
    reasons = [reasons_of(place) for place in range(3)]
    return ranker_pb2.RecommendTracksResponse(
        tracks=[ranker_pb2.RankedTrack(track_id=f"t{place + 1}") for place in range(3)],
        reason_columns=columns_of(reasons),
    )


def test_columns_and_messages_give_the_same_json():
    from_columns = recommendations_json(in_columns(), TRACKS, SEEDS, None)
    assert from_columns == recommendations_json(in_messages(), TRACKS, SEEDS, None)
    last = from_columns["tracks"][2]["reasons"]
    assert last["sentence"] == "Reason 2."
    assert last["closest_seed"] == {"id": "s1", "title": "Song s1", "similarity": 0.5}
    assert [item["feature"] for item in last["contributions"]] == ["f0", "f1"]
    assert from_columns["tracks"][0]["reasons"]["contributions"] == []


def test_an_attribute_of_a_newer_ranker_is_left_out():
    for track in recommendations_json(in_columns(), TRACKS, SEEDS, None)["tracks"]:
        compared = track["reasons"]["comparisons"]
        assert [item["attribute"] for item in compared] == ["energy", "tempo"]
        assert [item["seeds_mean"] for item in compared] == [4, 12]


def test_the_closest_seeds_are_looked_up_either_way():
    assert ids_to_describe(REQUEST, in_columns()) == ids_to_describe(REQUEST, in_messages())
    assert "s1" in ids_to_describe(ranker_pb2.RecommendTracksRequest(), in_columns())


def test_a_list_without_reasons_says_so():
    bare = ranker_pb2.RecommendTracksResponse(tracks=[ranker_pb2.RankedTrack(track_id="t1")])
    (track,) = recommendations_json(bare, TRACKS, SEEDS, None)["tracks"]
    assert track["reasons"] is None
