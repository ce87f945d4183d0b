"""Seeds in each way a client writes them: the same protobuf, and the same JSON back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.limits import MAX_NAME, MAX_SEEDS, MAX_WEIGHT
from quintet_gateway.domain import ShownTracks
from quintet_gateway.schemas.recommendation_request import RankedTracksBody, RecommendationsBody
from quintet_gateway.schemas.recommendation_response import seed_json
from quintet_gateway.seeds import FIELDS, SeedBody, seeds_of_parameters, stored_seeds
from quintet_servicekit.errors import InvalidInput
from quintet_servicekit.messages import seed_of
from quintet_text.id_patterns import NAME_PATTERN

# Blanks around an id do not count.
NAMES = st.from_regex(NAME_PATTERN, fullmatch=True).map(lambda name: name.strip()[:MAX_NAME])
ID = "4uLU6hMCjMI75M1A2tKUQC"
ADDRESSES = [
    ID,
    f" {ID} ",
    f"spotify:track:{ID}",
    f"https://open.spotify.com/intl-de/track/{ID}?si=1",
    f"http://open.spotify.com/track/{ID}",
]
KINDS = st.sampled_from(sorted(FIELDS.values()))


@given(KINDS, NAMES, st.floats(0, MAX_WEIGHT, exclude_min=True))
def test_a_seed_of_a_body_comes_back_as_it_was_written(kind, name, weight):
    written = {kind: name, "weight": weight}
    message = profile_pb2.Seed.FromString(SeedBody(**written).message().SerializeToString())
    seed = seed_of(message)
    assert (FIELDS[seed.kind], seed.name, seed.weight) == (kind, name, weight)
    assert stored_seeds(ranker_pb2.RecommendTracksRequest(seeds=[message])) == [written]
    if kind != "track_id":
        assert seed_json(message, ShownTracks("", {})) == written


@given(st.lists(NAMES, min_size=1, max_size=MAX_SEEDS))
def test_track_ids_mean_the_same_in_all_three_ways_to_write_them(names):
    stored = [
        stored_seeds(ranker_pb2.RecommendTracksRequest(seeds=seeds))
        for seeds in (
            RecommendationsBody.model_validate({"seeds": names}).ranker_request().seeds,
            RankedTracksBody.model_validate({"track_ids": names}).ranker_request().seeds,
            seeds_of_parameters(artists=[], genres=[], tracks=names),
        )
    ]
    assert stored == [[{"track_id": name, "weight": 1.0} for name in names]] * 3


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_of_a_track_is_its_id_wherever_an_id_is_read(address):
    body = RecommendationsBody.model_validate(
        {
            "seeds": [address, {"track_id": address}],
            "negative_seeds": [address],
            "filters": {
                "excluded_track_ids": [address],
                "excluded_artist_ids": [address.replace("track", "artist")],
            },
        }
    ).ranker_request()
    assert [seed.track_id for seed in (*body.seeds, *body.negative_seeds)] == [ID] * 3
    assert list(body.filters.excluded_track_ids) == [ID]
    assert list(body.filters.excluded_artist_ids) == [ID]
    ranked = RankedTracksBody.model_validate({"track_ids": [address]}).ranker_request()
    assert [seed.track_id for seed in ranked.seeds] == [ID]
    assert seed_of(profile_pb2.Seed(track_id=address)).name == ID
    artist = profile_pb2.Seed(artist_id=address.replace("track", "artist"))
    assert seed_of(artist).name == ID


@given(NAMES)
def test_a_genre_is_no_address(name):
    assert seed_of(profile_pb2.Seed(genre=name)).name == name
    assert seed_of(profile_pb2.Seed(genre=f"spotify:track:{ID}")).name == f"spotify:track:{ID}"


def test_negative_seeds_are_stored_as_such():
    request = RecommendationsBody.model_validate(
        {"seeds": ["a"], "negative_seeds": [{"genre": "rock", "weight": 2}]}
    ).ranker_request()
    assert stored_seeds(request) == [
        {"track_id": "a", "weight": 1.0},
        {"genre": "rock", "weight": 2.0, "negative": True},
    ]


@pytest.mark.parametrize(
    "seed", [{}, {"track_id": "a", "genre": "b"}, {"genre": ""}, {"genre": "a" * 257}]
)
def test_a_seed_names_exactly_one_thing(seed):
    with pytest.raises(ValidationError):
        SeedBody.model_validate(seed)


@pytest.mark.parametrize("counts", [(0, 0, 0), (2, 2, 2), (6, 0, 0)])
def test_parameters_take_five_seeds_of_all_kinds_together(counts):
    lists = [
        [f"{kind}{n}" for n in range(count)] for kind, count in zip("agt", counts, strict=True)
    ]
    with pytest.raises(InvalidInput, match=f"1 to 5 seeds in all; got {sum(counts)}"):
        seeds_of_parameters(*lists)
