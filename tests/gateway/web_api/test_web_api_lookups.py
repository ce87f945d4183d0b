"""Tracks, artists, audio features and search of the Web API."""

from urllib.parse import quote

import pytest
from quintet_contract.attributes import ATTRIBUTES
from quintet_gateway.access import Auth

from tests.fakes.web_api import ARTIST, IDS, TRACK_KEYS, client_of, is_error, make_app

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


@pytest.mark.parametrize(
    "address",
    [
        f"spotify:track:{IDS[3]}",
        f"https://open.spotify.com/intl-de/track/{IDS[3]}?si=1",
        f"open.spotify.com/track/{IDS[3]}",
    ],
)
async def test_an_address_of_a_track_is_its_id(http, address):
    for path in ("tracks", "audio-features"):
        answer = await http.get(f"/v1/{path}", params={"ids": f"{address},{IDS[1]}"})
        found = answer.json()[path.replace("-", "_")]
        assert [item["id"] for item in found] == [IDS[3], IDS[1]]
    for path in ("tracks", "audio-features"):
        one = (await http.get(f"/v1/{path}/spotify%3Atrack%3A{IDS[3]}")).json()
        assert one["id"] == IDS[3]
    artists = await http.get("/v1/artists", params={"ids": f"spotify:artist:{ARTIST}"})
    assert [artist["id"] for artist in artists.json()["artists"]] == [ARTIST]


async def test_ids_of_any_script_are_looked_up(http):
    answer = await http.get("/v1/tracks", params={"ids": "b\u00e9\u00e9-1,\uc544\uc774~2,x.y:z_"})
    assert (answer.status_code, answer.json()) == (200, {"tracks": [None] * 3})


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
