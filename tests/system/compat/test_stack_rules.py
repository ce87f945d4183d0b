"""Every semantic rule of the recommendations endpoint, over HTTP and a real installation."""

import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_access import certificates

ATTRIBUTES = (
    "acousticness", "danceability", "duration_ms", "energy", "instrumentalness", "key", "liveness",
    "loudness", "mode", "popularity", "speechiness", "tempo", "time_signature", "valence",
)  # fmt: skip
FEW = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def recommend(http, **params):
    response = http.get("/v1/recommendations", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def values(http, attribute, tracks):
    """Returns the attribute of each track, as the API itself tells it."""
    if attribute == "popularity":
        return [track["popularity"] for track in tracks]
    ids = [track["id"] for track in tracks]
    features = http.get("/v1/audio-features", params={"ids": ",".join(ids)}).json()
    return [entry[attribute] for entry in features["audio_features"]]


@pytest.fixture(scope="session")
def plain(http, songs):
    return recommend(http, seed_tracks=",".join(songs[:3]), limit=100)["tracks"]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@FEW
@given(data=st.data())
def test_min_and_max_hold_on_every_track(http, songs, plain, attribute, data):
    # An unknown key is -1, which no caller can ask for.
    seen = sorted(max(0, v) if attribute == "key" else v for v in values(http, attribute, plain))
    low = data.draw(st.sampled_from(seen))
    high = data.draw(st.sampled_from([value for value in seen if value >= low]))
    low, high = (
        max(low, 0) if attribute == "key" else low,
        max(high, 0) if attribute == "key" else high,
    )
    bounds = {f"min_{attribute}": low, f"max_{attribute}": high}
    tracks = recommend(http, seed_tracks=",".join(songs[:3]), limit=100, **bounds)["tracks"]
    assert all(low <= value <= high for value in values(http, attribute, tracks))


def distance(attribute: str, value: float, target: float) -> float:
    """How far a value is from a target; keys lie on a circle."""
    gap = abs(value - target)
    return min(gap, 12 - gap) if attribute == "key" else gap


@pytest.mark.parametrize("end", [min, max])
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_target_draws_the_list_toward_it(http, songs, plain, attribute, end):
    seen = values(http, attribute, plain)
    target = end(seen)

    def mean_distance(found: list[float]) -> float:
        return sum(distance(attribute, value, target) for value in found) / len(found)

    answer = recommend(
        http, seed_tracks=",".join(songs[:3]), limit=100, **{f"target_{attribute}": target}
    )
    aimed = mean_distance(values(http, attribute, answer["tracks"]))
    # Where the whole list is on the target already, there is nothing left to gain.
    assert aimed < mean_distance(seen) or aimed == mean_distance(seen) == 0


@FEW
@given(data=st.data())
def test_seeds_and_negative_seeds_never_come_back(http, songs, data):
    seeds = data.draw(st.lists(st.sampled_from(songs), min_size=1, max_size=5, unique=True))
    negative = data.draw(st.lists(st.sampled_from(songs), max_size=3, unique=True))
    answer = recommend(
        http,
        seed_tracks=",".join(seeds),
        limit=100,
        **({"negative_seed_tracks": ",".join(negative)} if negative else {}),
    )
    ids = [track["id"] for track in answer["tracks"]]
    assert not set(ids) & {*seeds, *negative}
    assert len(set(ids)) == len(ids)


@FEW
@given(data=st.data())
def test_same_request_gives_the_same_list(http, songs, data):
    seeds = data.draw(st.lists(st.sampled_from(songs), min_size=1, max_size=5, unique=True))
    params = {"seed_tracks": ",".join(seeds), "limit": 50, "target_energy": 0.5}
    assert recommend(http, **params) == recommend(http, **params)


@pytest.mark.parametrize("limit", [1, 20, 100])
def test_limit_is_met(http, songs, limit):
    assert len(recommend(http, seed_tracks=songs[0], limit=limit)["tracks"]) == limit


def test_pools_shrink_from_stage_to_stage(http, songs):
    answer = recommend(http, seed_tracks=",".join(songs[:2]), seed_genres="rock", min_energy=0.6)
    for seed in answer["seeds"]:
        sizes = [
            seed[name] for name in ("initialPoolSize", "afterFilteringSize", "afterRelinkingSize")
        ]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > 0


def test_every_genre_listed_yields_a_track(http):
    genres = http.get("/v1/recommendations/available-genre-seeds").json()["genres"]
    assert genres
    empty = [g for g in genres if not recommend(http, seed_genres=g, limit=1)["tracks"]]
    assert empty == []


def test_artists_of_found_tracks_can_be_looked_up(http, plain):
    ids = list(dict.fromkeys(track["artists"][0]["id"] for track in plain))[:50]
    artists = http.get("/v1/artists", params={"ids": ",".join(ids)}).json()["artists"]
    assert [artist["id"] for artist in artists] == ids
    one = recommend(http, seed_artists=ids[0], limit=5)
    assert one["tracks"]


def test_excluded_tracks_stay_away_and_reasons_are_told(http, songs, plain):
    excluded = [track["id"] for track in plain[:20]]
    answer = recommend(http, seed_tracks=",".join(songs[:3]), limit=20, max_per_artist=1,
                       exclude=",".join(excluded), reasons="true")  # fmt: skip
    assert not {track["id"] for track in answer["tracks"]} & set(excluded)
    assert all(track["quintet"]["reasons"]["sentence"] for track in answer["tracks"])
    artists = [track["artists"][0]["id"] for track in answer["tracks"]]
    assert len(set(artists)) == len(artists)


@pytest.mark.parametrize("name", ["search", "profile", "ranker"])
def test_services_refuse_calls_without_a_token(stack, token, name):
    stub, request = search_pb2_grpc.SearchServiceStub, search_pb2.SearchTracksRequest(query="q")
    if name != "search":
        with stack.channel(name) as channel:
            service = {"profile": "ProfileService/BuildProfile",
                       "ranker": "RankerService/GetModel"}[name]  # fmt: skip
            call: Any = channel.unary_unary(f"/quintet.{name}.v1.{service}")
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=60)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        return
    with stack.channel(name) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            stub(channel).SearchTracks(request, timeout=60)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        metadata = (("authorization", f"Bearer {token}"),)
        stub(channel).SearchTracks(request, timeout=60, metadata=metadata)


def test_services_turn_away_who_has_no_certificate_and_take_new_ones_up(stack, http, songs):
    with grpc.insecure_channel(f"127.0.0.1:{stack.ports['ranker']}") as channel:
        call: Any = channel.unary_unary("/quintet.ranker.v1.RankerService/GetModel")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=60)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    certificates.renew(Path(stack.home) / "tls", (), (), 3)
    log = Path(stack.home) / "logs" / "gateway.log"
    deadline = time.monotonic() + 90
    # The gateway says so for each of its channels; no request fails meanwhile.
    while log.read_text(encoding="utf-8").count("certificate taken up") < 3:
        body = {"seeds": songs[:2], "limit": 5}
        answer = http.post("/api/v1/recommendations", json=body)
        assert (answer.status_code, answer.json()["degraded"]) == (200, [])
        assert time.monotonic() < deadline
    assert recommend(http, seed_tracks=songs[0], limit=5)["tracks"]
