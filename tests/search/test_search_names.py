"""Names looked up in a real search service: whole names, typos, longer names, and limits."""

import pytest
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_servicekit.errors import InvalidInput, Reason

from tests.search.test_search_server import refusal

KINDS = {
    search_pb2.NAME_KIND_ARTIST: "artist",
    search_pb2.NAME_KIND_TRACK: "track",
    search_pb2.NAME_KIND_GENRE: "genre",
}


@pytest.fixture
async def find(serving):
    async with serving() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)

        async def lookup(*names, similar=False):
            request = search_pb2.ResolveNamesRequest(
                names=[search_pb2.NameQuery(text=name, similar=similar) for name in names]
            )
            answer = await stub.ResolveNames(request)
            found = [
                [(KINDS[item.kind], item.name, item.is_similar) for item in result.items]
                for result in answer.results
            ]
            return found, answer

        yield lookup


async def test_a_whole_name_finds_artists_tracks_and_genres_in_every_spelling(find):
    found, answer = await find("queen", "HELLO", "R&B", "JPop", "the eagles", "Don't stop me now")
    assert found == [
        [("artist", "Queen", False)],
        [("artist", "Hello", False), ("track", "Hello", False)],
        [("genre", "r-n-b", False)],
        [("genre", "j-pop", False)],
        [("artist", "Eagles", False)],
        [("track", "Don\u2019t Stop Me Now", False)],
    ]
    assert answer.results[5].items[0].id == "t03"
    assert [artist.name for artist in answer.results[5].items[0].artists] == ["Queen"]


async def test_a_name_with_notes_is_found_without_them_and_korean_names_are_found(find):
    found, _ = await find("hotel california", "봄날", "방탄소년단")
    assert [[item[:2] for item in items] for items in found] == [
        [("track", "Hotel California - 2013 Remaster")],
        [("track", "봄날")],
        [("artist", "방탄소년단")],
    ]


async def test_similar_names_are_found_only_on_request_and_marked(find):
    written = ("Quen", "Avril", "thunderstuck", "nothing of the kind")
    assert (await find(*written))[0] == [[], [], [], []]
    found, _ = await find(*written, similar=True)
    assert found == [
        [("artist", "Queen", True)],
        [("artist", "Avril Lavigne", True)],
        [("track", "Thunderstruck", True)],
        [],
    ]
    # A name that exists is not replaced by a similar one.
    assert (await find("Hello", similar=True))[0] == (await find("Hello"))[0]


async def test_the_facts_count_what_the_catalogue_has(find):
    found, answer = await find()
    assert found == []
    facts = answer.facts
    assert (facts.track_count, facts.dated_track_count, facts.explicit_track_count) == (15, 14, 1)
    assert facts.largest_genres[0].name == "rock"
    assert facts.popular_track_ids[0] == "t10"
    assert answer.catalogue_version.startswith("cat-")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([("a", False)] * 2001, Reason.ID_COUNT),
        ([("a", True)] * 51, Reason.ID_COUNT),
        ([("a" * 257, False)], Reason.QUERY_LENGTH),
    ],
)
async def test_too_many_or_too_long_names_are_rejected(serving, names, reason):
    request = search_pb2.ResolveNamesRequest(
        names=[search_pb2.NameQuery(text=text, similar=similar) for text, similar in names]
    )
    async with serving() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        error = await refusal(stub.ResolveNames(request))
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.field) == (reason, "names")
