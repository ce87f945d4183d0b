"""Recommendations of the Web API, the links in answers, and any query at all."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet.profile.v1 import profile_pb2
from quintet_gateway.routes.web_api.parameters import RANGES_ASKED
from quintet_servicekit.errors import NotReady, Reason

from tests.fakes.web_api import (
    ARTIST,
    IDS,
    TRACK_KEYS,
    client_of,
    is_error,
    make_app,
)


async def test_recommendations_carry_seeds_pools_and_full_tracks(http):
    answer = (
        await http.get(
            "/v1/recommendations",
            params={"seed_tracks": IDS[0], "seed_artists": ARTIST, "seed_genres": "rock,jazz"},
        )
    ).json()
    assert set(answer) == {"seeds", "tracks"}
    assert len(answer["tracks"]) == 20
    assert all(set(track) == TRACK_KEYS for track in answer["tracks"])
    assert [(s["type"], s["id"]) for s in answer["seeds"]] == [
        ("ARTIST", ARTIST), ("GENRE", "rock"), ("GENRE", "jazz"), ("TRACK", IDS[0]),
    ]  # fmt: skip
    sizes = ("initialPoolSize", "afterFilteringSize", "afterRelinkingSize")
    assert all([s[size] for size in sizes] == [30, 20, 10] for s in answer["seeds"])
    assert [s["href"] for s in answer["seeds"]] == [
        f"http://quintet.example:8000/v1/artists/{ARTIST}", None, None,
        f"http://quintet.example:8000/v1/tracks/{IDS[0]}",
    ]  # fmt: skip


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(sorted(RANGES_ASKED)),
    kind=st.sampled_from(["min", "max", "target"]),
    share=st.floats(0, 1),
)
async def test_every_attribute_reaches_the_ranker(http, catalogue, name, kind, share):
    low, high = RANGES_ASKED[name]
    value = round(low + share * (high - low), 4)
    params = {"seed_tracks": IDS[0], f"{kind}_{name}": f"{value:.4f}"}
    assert (await http.get("/v1/recommendations", params=params)).is_success
    asked = catalogue.asked[-2]
    attribute = profile_pb2.Attribute.Value(f"ATTRIBUTE_{name.upper()}")
    if kind == "target":
        (target,) = asked.targets
        assert (target.attribute, target.value) == (attribute, value)
    else:
        (bounds,) = asked.filters.ranges
        assert bounds.attribute == attribute
        assert bounds.HasField(kind)
        assert not bounds.HasField("max" if kind == "min" else "min")
        assert getattr(bounds, kind) == value


@pytest.mark.parametrize(
    ("query", "named"),
    [("", "1 to 5"), ("seed_tracks=", "1 to 5"), ("target_energy=0.5", "1 to 5"),
     ("seed_tracks=" + ",".join(IDS[:6]), "1 to 5"),
     ("seed_genres=a,b,c&seed_artists=x,y&seed_tracks=z", "1 to 5"),
     ("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("limit=1.5", "limit"),
     ("min_energy=2", "min_energy"), ("min_energy=nan", "min_energy"),
     ("max_tempo=inf", "max_tempo"), ("target_valence=-0.1", "target_valence"),
     ("target_key=", "target_key"), ("min_energy=0.9&max_energy=0.1", "min_energy"),
     ("weight_energy=11", "weight_energy"), ("diversity=1.1", "diversity"),
     ("max_per_artist=-1", "max_per_artist"), ("reasons=maybe", "reasons"),
     ("language=de", "language"),
     ("negative_seed_tracks=" + ",".join(IDS[:6]), "negative_seed_tracks")],
)  # fmt: skip
async def test_wrong_recommendations_are_400_and_name_the_rule(http, query, named):
    seeded = query if named == "1 to 5" else f"seed_tracks={IDS[0]}&{query}"
    assert named in is_error(await http.get(f"/v1/recommendations?{seeded}"), 400)


async def test_parameter_given_twice_is_400_and_named(http):
    response = await http.get(f"/v1/recommendations?seed_tracks={IDS[0]}&seed_tracks={IDS[1]}")
    assert "seed_tracks is given more than once" in is_error(response, 400)


async def test_unknown_seed_is_404_and_named(http):
    response = await http.get("/v1/recommendations?seed_tracks=" + "z" * 22)
    assert "z" * 22 in is_error(response, 404)


async def test_extensions_reach_the_ranker_and_explain(http, catalogue):
    query = (
        f"seed_tracks={IDS[0]}&negative_seed_tracks={IDS[1]}&weight_energy=2&max_per_artist=2"
        f"&diversity=0.5&exclude={IDS[2]},{IDS[3]}&reasons=true&language=ko"
    )
    tracks = (await http.get(f"/v1/recommendations?{query}")).json()["tracks"]
    asked = catalogue.asked[0]
    assert [seed.track_id for seed in asked.negative_seeds] == [IDS[1]]
    assert [(w.attribute, w.weight) for w in asked.weights] == [(4, 2.0)]
    assert (asked.max_per_artist, asked.diversity) == (2, 0.5)
    assert list(asked.filters.excluded_track_ids) == [IDS[2], IDS[3]]
    assert asked.language == "ko"
    for track in tracks:
        assert track["quintet"]["reasons"]["sentence"] == f"Near {track['id']}."
    assert tracks[0]["quintet"]["rank"] == 1


async def test_list_short_by_the_default_cap_is_filled_up(http, catalogue):
    catalogue.capped = 6
    query = f"seed_tracks={IDS[0]}&limit=10&reasons=true"
    tracks = (await http.get(f"/v1/recommendations?{query}")).json()["tracks"]
    ids = [track["id"] for track in tracks]
    assert len(set(ids)) == 10
    # Each track keeps its own reasons, those of the second list too.
    sentences = [track["quintet"]["reasons"]["sentence"] for track in tracks]
    assert sentences == [f"Near {name}." for name in ids]
    strict = await http.get(f"/v1/recommendations?seed_tracks={IDS[0]}&limit=10&max_per_artist=3")
    assert [track["id"] for track in strict.json()["tracks"]] == ids[:6]


async def test_degraded_parts_are_named(http):
    response = await http.get(f"/v1/recommendations?seed_tracks={IDS[0]}")
    assert response.headers["quintet-degraded"] == "taste"


async def test_genres_that_cannot_be_written_in_a_list_are_left_out(http):
    answer = await http.get("/v1/recommendations/available-genre-seeds")
    assert answer.json() == {"genres": ["rock", "jazz"]}


async def test_service_away_is_503_with_retry_after(http, catalogue):
    catalogue.fault = NotReady(Reason.UPSTREAM_UNAVAILABLE, "Away; try again soon.")
    response = await http.get(f"/v1/tracks/{IDS[0]}")
    assert is_error(response, 503) == "Away; try again soon."
    assert response.headers["retry-after"]


@pytest.mark.parametrize(
    ("headers", "base"),
    [({"Host": "music.example"}, "http://music.example"),
     ({"Host": "[::1]:8000"}, "http://[::1]:8000"),
     ({"Host": "evil/path?x"}, "http://quintet.example:8000"),
     ({"Host": "music.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
      "http://music.example")],
)  # fmt: skip
async def test_links_keep_the_callers_address(http, headers, base):
    track = (await http.get(f"/v1/tracks/{IDS[0]}", headers=headers)).json()
    assert track["href"] == f"{base}/v1/tracks/{IDS[0]}"


async def test_trusted_proxy_names_the_callers_address(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path, trusted_proxies="127.0.0.1")) as http:
        headers = {"X-Forwarded-Host": "music.example, inner", "X-Forwarded-Proto": "https",
                   "X-Forwarded-Prefix": "/quintet"}  # fmt: skip
        track = (await http.get(f"/v1/tracks/{IDS[0]}", headers=headers)).json()
        assert track["href"] == f"https://music.example/quintet/v1/tracks/{IDS[0]}"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["recommendations", "search", "tracks", "audio-features", "artists"]),
    query=st.dictionaries(
        st.sampled_from(["ids", "q", "type", "limit", "offset", "seed_tracks", "seed_genres",
                         "min_key", "target_tempo", "market", "exclude", "reasons"]),
        st.text(max_size=40), max_size=4,
    ),
)  # fmt: skip
async def test_no_query_breaks_the_shape(http, path, query):
    response = await http.get(f"/v1/{path}", params=query)
    if response.status_code != 200:
        assert response.status_code in (400, 404)
        is_error(response, response.status_code)
    json.loads(response.content)
