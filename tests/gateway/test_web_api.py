"""The Web API over HTTP, before a small catalogue in memory."""

import json
import logging
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, TokenIssuer
from quintet_contract.attributes import ATTRIBUTES
from quintet_gateway.access import AccessRules, Auth, Gatekeeper
from quintet_gateway.routes.web_api import install
from quintet_gateway.routes.web_api.parameters import RANGES_ASKED
from quintet_servicekit.errors import NotFound, NotReady, Reason

SHARED = [HealthCheck.function_scoped_fixture]
IDS = [f"{number:022d}" for number in range(60)]
ARTIST, GENRES = "a" * 22, ("rock", "pop, loud", "jazz")


class Catalogue:
    """Answers from sixty tracks, and keeps what was asked."""

    def __init__(self):
        self.asked = []
        self.fault = None
        self.capped = 60

    def track(self, number):
        return search_pb2.Track(
            id=IDS[number], title=f"Track {number}", duration_ms=1000 + number, popularity=number,
            artists=[search_pb2.ArtistReference(id=ARTIST, name="AC/DC & Björk")],
            album="" if number == 7 else "Album", album_id="" if number == 7 else "b" * 22,
            release_date={0: "1999", 1: "1999-02", 2: "1999-02-03"}.get(number, ""),
            isrc="USRC17607839" if number == 0 else "",
            cover_url="http://example.org/c.jpg" if number == 0 else "",
        )  # fmt: skip

    async def tracks(self, request):
        self.asked.append(request)
        if self.fault:
            raise self.fault
        results = [
            search_pb2.TrackResult(track_id=i, track=self.track(IDS.index(i)) if i in IDS else None)
            for i in request.track_ids
        ]
        return search_pb2.BatchGetTracksResponse(results=results)

    async def artists(self, request):
        return search_pb2.BatchGetArtistsResponse(results=[
            search_pb2.ArtistResult(artist_id=i, artist=search_pb2.Artist(
                id=ARTIST, name="AC/DC & Björk", genres=["rock"], popularity=59
            ) if i == ARTIST else None)
            for i in request.artist_ids
        ])  # fmt: skip

    async def search_tracks(self, request):
        self.asked.append(request)
        chosen = range(request.skip, min(60, request.skip + request.page_size))
        matches = [search_pb2.TrackMatch(track=self.track(n)) for n in chosen]
        return search_pb2.SearchTracksResponse(matches=matches, total_size=60)

    async def search_artists(self, request):
        self.asked.append(request)
        artist = search_pb2.Artist(id=ARTIST, name="AC/DC & Björk")
        artists = [artist] if request.skip == 0 else []
        return search_pb2.SearchArtistsResponse(artists=artists, total_size=1)

    async def genres(self, request):
        chosen, token = (GENRES[:2], "more") if not request.page_token else (GENRES[2:], "")
        genres = [search_pb2.Genre(name=name, track_count=1) for name in chosen]
        return search_pb2.ListGenresResponse(genres=genres, next_page_token=token)

    async def audio_features(self, request):
        return profile_pb2.BatchGetAudioFeaturesResponse(results=[
            profile_pb2.AudioFeaturesResult(track_id=i, features=profile_pb2.AudioFeatures(
                duration_ms=1000.0, key=-1, tempo=120.5, time_signature=4
            ) if i in IDS else None)
            for i in request.track_ids
        ])  # fmt: skip

    async def recommend(self, request):
        self.asked.append(ranker_pb2.RecommendTracksRequest.FromString(request.SerializeToString()))
        if self.fault:
            raise self.fault
        for seed in request.seeds:
            if seed.track_id and seed.track_id not in IDS:
                raise NotFound(Reason.SEED_UNKNOWN, f"The catalogue does not have {seed.track_id}.")
        count = min(request.limit, self.capped if request.max_per_artist else 60)
        return ranker_pb2.RecommendTracksResponse(
            tracks=[
                ranker_pb2.RankedTrack(
                    track_id=IDS[59 - n], rank=n + 1, score=1.0,
                    reasons=None if request.omit_reasons else ranker_pb2.Reasons(sentence="Near."),
                )
                for n in range(count)
            ],
            pool=ranker_pb2.PoolSizes(initial=60, after_filtering=50, after_relinking=40),
            seed_pools=[
                ranker_pb2.SeedPool(seed=s, initial=30, after_filtering=20, after_relinking=10)
                for s in request.seeds
            ],
            degraded=["taste"],
        )  # fmt: skip


def make_app(catalogue, tmp_path, **rules):
    app = FastAPI(redirect_slashes=False)
    trust_proxy = rules.pop("trust_proxy", False)
    access = AccessRules(folder=tmp_path / "access", **{"auth": Auth.OFF, **rules})

    def render(error):
        return JSONResponse({"error": {"reason": error.reason}}, 401)

    @app.get("/api/v1/tracks")
    async def ours():
        return {"ours": True}

    install(app, catalogue, Gatekeeper(access), render, trust_proxy=trust_proxy)
    return app


def client_of(app, base="http://quintet.example:8000"):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


@pytest.fixture
def catalogue():
    return Catalogue()


@pytest.fixture
async def http(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path)) as client:
        yield client


def is_error(response, status):
    error = response.json()["error"]
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert set(error) == {"status", "message"}
    assert error["status"] == status
    assert error["message"]
    return error["message"]


TRACK_KEYS = {
    "album", "artists", "available_markets", "disc_number", "duration_ms", "explicit",
    "external_ids", "external_urls", "href", "id", "is_local", "name", "popularity",
    "preview_url", "track_number", "type", "uri",
}  # fmt: skip
ALBUM_KEYS = {
    "album_type", "artists", "available_markets", "external_urls", "href", "id", "images", "name",
    "release_date", "release_date_precision", "total_tracks", "type", "uri",
}  # fmt: skip
ARTIST_KEYS = {"external_urls", "href", "id", "name", "type", "uri"}


async def test_track_has_every_field(http):
    track = (await http.get(f"/v1/tracks/{IDS[0]}")).json()
    assert set(track) == TRACK_KEYS
    assert set(track["album"]) == ALBUM_KEYS
    assert set(track["artists"][0]) == ARTIST_KEYS
    assert track["href"] == f"http://quintet.example:8000/v1/tracks/{IDS[0]}"
    assert track["uri"] == f"spotify:track:{IDS[0]}"
    assert track["external_ids"] == {"isrc": "USRC17607839"}
    assert track["album"]["images"] == [
        {"url": "http://example.org/c.jpg", "height": None, "width": None}
    ]
    assert track["preview_url"] is None
    assert track["is_local"] is False


@pytest.mark.parametrize(
    ("number", "date", "precision"),
    [(0, "1999", "year"), (1, "1999-02", "month"), (2, "1999-02-03", "day"), (3, "0000", "year")],
)
async def test_release_date_says_its_precision(http, number, date, precision):
    album = (await http.get(f"/v1/tracks/{IDS[number]}")).json()["album"]
    assert (album["release_date"], album["release_date_precision"]) == (date, precision)


async def test_track_without_album_is_its_own_single(http):
    album = (await http.get(f"/v1/tracks/{IDS[7]}")).json()["album"]
    assert (album["album_type"], album["id"], album["name"]) == ("single", IDS[7], "Track 7")


async def test_market_exchanges_available_markets_for_is_playable(http):
    track = (await http.get(f"/v1/tracks/{IDS[0]}?market=ES")).json()
    assert track["is_playable"] is True
    assert "available_markets" not in track
    assert is_error(await http.get(f"/v1/tracks/{IDS[0]}?market=Spain"), 400)


async def test_batch_keeps_order_repetitions_and_nulls(http):
    asked = [IDS[3], "nothing", IDS[1], IDS[3]]
    tracks = (await http.get("/v1/tracks", params={"ids": ",".join(asked)})).json()["tracks"]
    assert [t and t["id"] for t in tracks] == [IDS[3], None, IDS[1], IDS[3]]
    features = (await http.get("/v1/audio-features", params={"ids": ",".join(asked)})).json()
    assert [f and f["id"] for f in features["audio_features"]] == [IDS[3], None, IDS[1], IDS[3]]
    artists = (await http.get("/v1/artists", params={"ids": f"x,{ARTIST}"})).json()["artists"]
    assert [a and a["id"] for a in artists] == [None, ARTIST]


@pytest.mark.parametrize(("path", "most"), [("tracks", 50), ("audio-features", 100)])
async def test_batches_have_a_size(http, path, most):
    assert (await http.get(f"/v1/{path}", params={"ids": ",".join([IDS[0]] * most)})).is_success
    over = await http.get(f"/v1/{path}", params={"ids": ",".join([IDS[0]] * (most + 1))})
    assert "Too many ids" in is_error(over, 400)
    for ids in ("", ",", "a,,b"):
        is_error(await http.get(f"/v1/{path}", params={"ids": ids}), 400)
    is_error(await http.get(f"/v1/{path}"), 400)


async def test_audio_features_have_every_field(http):
    features = (await http.get(f"/v1/audio-features/{IDS[0]}")).json()
    assert set(features) == {*ATTRIBUTES, "analysis_url", "id", "track_href", "type", "uri"} - {
        "popularity"
    }
    assert type(features["duration_ms"]) is int
    assert features["key"] == -1


async def test_artist_has_every_field(http):
    artist = (await http.get(f"/v1/artists/{ARTIST}")).json()
    assert set(artist) == {*ARTIST_KEYS, "followers", "genres", "images", "popularity"}
    assert artist["external_urls"]["spotify"].startswith("https://open.spotify.com/search/AC%2FDC")


@pytest.mark.parametrize("path", ["tracks/no", "artists/no", "audio-features/no", "nothing", ""])
async def test_unknown_is_404_in_shape(http, path):
    is_error(await http.get(f"/v1/{path}"), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_other_methods_are_405_in_shape(http, method):
    response = await http.request(method, f"/v1/tracks/{IDS[0]}")
    is_error(response, 405)
    assert "GET" in response.headers["allow"]


async def test_slash_at_the_end_changes_nothing(http):
    for path in (
        f"tracks/{IDS[0]}",
        f"tracks?ids={IDS[0]}",
        "recommendations/available-genre-seeds",
    ):
        name, _, query = path.partition("?")
        plain = await http.get(f"/v1/{name}?{query}")
        slashed = await http.get(f"/v1/{name}/?{query}")
        assert slashed.status_code == 200
        assert slashed.json() == plain.json()


async def test_head_has_the_headers_and_no_body(http):
    head, get = [await http.request(m, f"/v1/tracks/{IDS[0]}") for m in ("HEAD", "GET")]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    missing = await http.head("/v1/tracks/no")
    assert (missing.status_code, missing.content) == (404, b"")


async def test_preflight_is_answered_without_a_token(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET",
                 "Access-Control-Request-Headers": "authorization"}  # fmt: skip
        response = await http.options("/v1/recommendations", headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert "authorization" in response.headers["access-control-allow-headers"].lower()
        refused = await http.get("/v1/tracks", headers={"Origin": "https://app.example"})
        assert refused.headers["access-control-allow-origin"] == "*"


async def test_pages_can_be_followed_to_the_end_and_back(http):
    page = (
        await http.get("/v1/search", params={"q": "a&b=c", "type": "track", "limit": 25})
    ).json()
    seen, url = [], page["tracks"]["href"]
    while url:
        assert url.startswith("http://quintet.example:8000/v1/search?")
        page = (await http.get(url)).json()["tracks"]
        seen += [item["id"] for item in page["items"]]
        last, url = page, page["next"]
    assert seen == IDS
    back = (await http.get(last["previous"])).json()["tracks"]
    assert [item["id"] for item in back["items"]] == IDS[25:50]


async def test_search_answers_each_type(http):
    found = (await http.get("/v1/search?q=x&type=artist,track,album")).json()
    assert set(found) == {"artists", "tracks", "albums"}
    assert set(found["tracks"]) == {
        "href", "items", "limit", "next", "offset", "previous", "total",
    }  # fmt: skip
    assert found["albums"]["items"] == []


@pytest.mark.parametrize(
    "query",
    ["type=track", "q=&type=track", "q=x", "q=x&type=song", "q=x&type=track&limit=0",
     "q=x&type=track&limit=51", "q=x&type=track&limit=x", "q=x&type=track&offset=-1",
     "q=x&type=track&offset=1001", "q=x&type=track&market=xyz", "q=" + "x" * 257 + "&type=track"],
)  # fmt: skip
async def test_wrong_search_is_400_in_shape(http, query):
    is_error(await http.get(f"/v1/search?{query}"), 400)


@pytest.mark.parametrize("text", ["artist:Queen year:1980-1989", "beyoncé", "아이유", "a+b"])
async def test_query_may_be_encoded_twice(http, catalogue, text):
    for encoded in (quote(text, safe=""), quote(quote(text, safe=""), safe="")):
        await http.get(f"/v1/search?q={encoded}&type=track")
    assert [asked.query for asked in catalogue.asked] == [text, text]


async def test_percent_sign_in_a_query_stays(http, catalogue):
    for text in ("100% pure", "50%25 off", "100%"):
        await http.get("/v1/search", params={"q": text, "type": "track"})
    assert [asked.query for asked in catalogue.asked] == ["100% pure", "50%25 off", "100%"]


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
        f"&diversity=0.5&exclude={IDS[2]},{IDS[3]}&reasons=true"
    )
    tracks = (await http.get(f"/v1/recommendations?{query}")).json()["tracks"]
    asked = catalogue.asked[0]
    assert [seed.track_id for seed in asked.negative_seeds] == [IDS[1]]
    assert [(w.attribute, w.weight) for w in asked.weights] == [(4, 2.0)]
    assert (asked.max_per_artist, asked.diversity) == (2, 0.5)
    assert list(asked.filters.excluded_track_ids) == [IDS[2], IDS[3]]
    assert tracks[0]["quintet"]["reasons"]["sentence"] == "Near."
    assert tracks[0]["quintet"]["rank"] == 1


async def test_list_short_by_the_default_cap_is_filled_up(http, catalogue):
    catalogue.capped = 6
    tracks = (await http.get(f"/v1/recommendations?seed_tracks={IDS[0]}&limit=10")).json()["tracks"]
    ids = [track["id"] for track in tracks]
    assert len(set(ids)) == 10
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
    async with client_of(make_app(catalogue, tmp_path, trust_proxy=True)) as http:
        headers = {"X-Forwarded-Host": "music.example, inner", "X-Forwarded-Proto": "https",
                   "X-Forwarded-Prefix": "/quintet"}  # fmt: skip
        track = (await http.get(f"/v1/tracks/{IDS[0]}", headers=headers)).json()
        assert track["href"] == f"https://music.example/quintet/v1/tracks/{IDS[0]}"


async def ask_token(http, client_id="", secret="", basic=False, **form):
    form = {"grant_type": "client_credentials", **form}
    if basic:
        return await http.post("/api/token", data=form, auth=(client_id, secret))
    return await http.post("/api/token", data={**form, "client_id": client_id,
                                               "client_secret": secret})  # fmt: skip


async def test_token_endpoint_answers_with_auth_off_and_any_token_is_taken(http):
    for form in ({}, {"basic": True}):
        answer = (await ask_token(http, "any", "thing", **form)).json()
        assert set(answer) == {"access_token", "token_type", "expires_in"}
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    for header in ("Bearer x", "Basic y", "nonsense", answer["access_token"]):
        response = await http.get(f"/v1/tracks/{IDS[0]}", headers={"Authorization": header})
        assert response.status_code == 200


@pytest.mark.parametrize("basic", [True, False])
async def test_credentials_open_the_api(catalogue, tmp_path, basic):
    client, secret = ClientFolder(tmp_path / "access").create("page")
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        answer = (await ask_token(http, client.client_id, secret, basic=basic)).json()
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer)).status_code == 200
        assert (await http.get("/api/v1/tracks", headers=bearer)).json() == {"ours": True}
        ClientFolder(tmp_path / "access").revoke("page")
        is_error(await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer), 401)
        assert (await ask_token(http, client.client_id, secret)).status_code == 400


async def test_no_token_is_401_in_shape_and_says_bearer(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        for header, message in (
            (None, "No token provided"),
            ("Basic abc", "Only valid bearer authentication supported"),
            ("Bearer abc", "Invalid access token"),
        ):
            headers = {"Authorization": header} if header else {}
            response = await http.get(f"/v1/tracks/{IDS[0]}/", headers=headers)
            assert is_error(response, 401) == message
            assert response.headers["www-authenticate"].startswith("Bearer ")
        is_error(await http.get("/v1/nothing"), 401)
        assert (await http.get("/api/v1/tracks")).json() == {"error": {"reason": "TOKEN_INVALID"}}


async def test_expired_token_says_so(catalogue, tmp_path, monkeypatch):
    client, _ = ClientFolder(tmp_path / "access").create("page")
    issuer = TokenIssuer(KeyFolder(tmp_path / "access").signing_key)
    with monkeypatch.context() as patch:
        patch.setattr("quintet_access.tokens.time.time", lambda: 1_000_000)
        token = issuer.issue(client.client_id, 1, ["read"])
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        response = await http.get("/v1/tracks", headers={"Authorization": f"Bearer {token}"})
        assert is_error(response, 401) == "The access token expired"


async def test_token_without_read_is_403(catalogue, tmp_path):
    client, _ = ClientFolder(tmp_path / "access").create("events", [Scope.FEEDBACK])
    token = TokenIssuer(KeyFolder(tmp_path / "access").signing_key).issue(
        client.client_id, 1, client.scopes
    )
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        bearer = {"Authorization": f"Bearer {token}"}
        is_error(await http.get(f"/v1/tracks/{IDS[0]}", headers=bearer), 403)


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [({}, {}, "unsupported_grant_type"),
     ({"grant_type": "password"}, {}, "unsupported_grant_type"),
     ({"grant_type": "authorization_code"}, {}, "unauthorized_client"),
     ({"grant_type": "client_credentials"}, {}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Basic !!"}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Basic YWJj"}, "invalid_client"),
     ({"grant_type": "client_credentials"}, {"Authorization": "Bearer x"}, "invalid_client"),
     ({"grant_type": "client_credentials", "client_id": "x" * 9000}, {}, "invalid_request"),
     ({"grant_type": "client_credentials"}, {"Content-Type": "application/json"},
      "invalid_request")],
)  # fmt: skip
async def test_token_errors_are_400_with_error_and_description(
    catalogue, tmp_path, form, headers, error
):
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        response = await http.post("/api/token", data=form, headers=headers)
        assert response.status_code == 400
        assert set(response.json()) == {"error", "error_description"}
        assert response.json()["error"] == error
        assert isinstance(response.json()["error_description"], str)


async def test_too_many_calls_are_429_with_retry_after(catalogue, tmp_path):
    clients = [ClientFolder(tmp_path / "access").create(name)[0] for name in ("one", "two")]
    issuer = TokenIssuer(KeyFolder(tmp_path / "access").signing_key)
    one, two = (
        {"Authorization": f"Bearer {issuer.issue(c.client_id, 1, c.scopes)}"} for c in clients
    )
    app = make_app(catalogue, tmp_path, auth=Auth.ON, rate_limit="3/minute")
    async with client_of(app) as http:
        for _ in range(3):
            assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=one)).status_code == 200
        refused = await http.get(f"/v1/tracks/{IDS[0]}", headers=one)
        assert is_error(refused, 429) == "API rate limit exceeded"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await http.get(f"/v1/tracks/{IDS[0]}", headers=two)).status_code == 200


async def test_guessing_secrets_is_limited_by_address(catalogue, tmp_path):
    app = make_app(catalogue, tmp_path, auth=Auth.ON, token_rate_limit="2/minute")
    async with client_of(app) as http:
        statuses = [(await ask_token(http, "x", "y")).status_code for _ in range(3)]
        assert statuses == [400, 400, 429]


async def test_secrets_and_tokens_stay_out_of_the_logs(catalogue, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    client, secret = ClientFolder(tmp_path / "access").create("page")
    async with client_of(make_app(catalogue, tmp_path, auth=Auth.ON)) as http:
        token = (await ask_token(http, client.client_id, secret)).json()["access_token"]
        await ask_token(http, client.client_id, secret + "0")
        await http.get("/v1/tracks", headers={"Authorization": f"Bearer {token}"})
    assert secret not in caplog.text
    assert token not in caplog.text


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
