"""The Web API over a small catalogue in memory."""

import httpx
import orjson
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_gateway.access import AccessRules, Auth, Gatekeeper
from quintet_gateway.domain import ShownTracks
from quintet_gateway.proxies import TrustedProxies, networks_of
from quintet_gateway.recommender import Recommender
from quintet_gateway.routes.web_api import install
from quintet_gateway.schemas.catalogue import track_json
from quintet_servicekit.errors import NotFound, Reason

from tests.fakes.reasons import reasons_of
from tests.oracle.reasons.reasons_json import reasons_json

SHARED = [HealthCheck.function_scoped_fixture]
IDS = [f"{number:022d}" for number in range(60)]
ARTIST, GENRES = "a" * 22, ("rock", "pop, loud", "jazz")
TRACK_KEYS = {
    "album", "artists", "available_markets", "disc_number", "duration_ms", "explicit",
    "external_ids", "external_urls", "href", "id", "is_local", "name", "popularity",
    "preview_url", "track_number", "type", "uri",
}  # fmt: skip


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

    async def shown_tracks(self, ids):
        found = await self.tracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
        known = [each for each in found.results if each.HasField("track")]
        written = {each.track_id: orjson.dumps(track_json(each.track)) for each in known}
        return ShownTracks("cat-1", written)

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
                    reasons_json=b"" if request.omit_reasons
                    else reasons_json([reasons_of(f"Near {IDS[59 - n]}.")])[0],
                )
                for n in range(count)
            ],
            pool=ranker_pb2.PoolSizes(initial=60, after_filtering=50, after_relinking=40),
            seed_pools=[
                ranker_pb2.SeedPool(seed=s, initial=30, after_filtering=20, after_relinking=10)
                for s in request.seeds
                if request.include_seed_pools
            ],
            degraded=["taste"],
        )  # fmt: skip


class NoRecorder:
    """Stores nothing."""

    degraded = ()

    def new_id(self):
        return "r1"

    def record_list(self, *_recorded):
        pass


class NoExperiments:
    """None is running."""

    def enrol(self, _request, _listener):
        pass


def make_app(catalogue, tmp_path, **rules):
    app = FastAPI(redirect_slashes=False, openapi_url=None, docs_url=None)
    proxies = TrustedProxies(networks_of(rules.pop("trusted_proxies", "")))
    # The last one cannot be a host: links must not repeat it, even if it is allowed by mistake.
    hosts = ["quintet.example", "music.example", "evil/path?x"]
    access = AccessRules(folder=tmp_path / "access", **{"auth": Auth.OFF, **rules})

    def render(error):
        return JSONResponse({"error": {"reason": error.reason}}, 401)

    @app.get("/api/v1/tracks")
    async def ours():
        return {"ours": True}

    recommender = Recommender(catalogue, NoRecorder(), NoExperiments())  # type: ignore[arg-type]
    install(
        app,
        catalogue,
        recommender,
        Gatekeeper(access),
        render,
        proxies=proxies,
        hosts=hosts,
    )
    return app


def client_of(app, base="http://quintet.example:8000"):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


def is_error(response, status):
    error = response.json()["error"]
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert set(error) == {"status", "message"}
    assert error["status"] == status
    assert error["message"]
    return error["message"]
