"""The endpoints under /v1."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Request, Response
from google.protobuf.json_format import MessageToDict
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.limits import MAX_TRACK_ID
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import DeadlineExceeded, InvalidInput, NotFound, NotReady, Reason
from quintet_servicekit.metrics import DEGRADED

from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder, check_listener
from quintet_gateway.routes.web_api import parameters as p
from quintet_gateway.routes.web_api.objects import ObjectWriter
from quintet_gateway.routes.web_api.recommendation_query import PARAMETERS, may_fill_up, request_of
from quintet_gateway.routes.web_api.responses import ERRORS, WebApiRoute, failure, json_response
from quintet_gateway.schemas import web_api as shape

SEARCH_DEPTH: Final = 1000
# Types that Spotify searches and a catalogue of tracks has nothing of: their pages are empty.
_EMPTY_TYPES: Final = ("album", "playlist", "show", "episode", "audiobook")

router = APIRouter(prefix="/v1", tags=["Spotify Web API"], route_class=WebApiRoute)


class Upstream(Protocol):
    """The calls that these endpoints make; each has a deadline of its own."""

    async def search_tracks(
        self, request: search_pb2.SearchTracksRequest
    ) -> search_pb2.SearchTracksResponse:
        """Searches tracks."""

    async def search_artists(
        self, request: search_pb2.SearchArtistsRequest
    ) -> search_pb2.SearchArtistsResponse:
        """Searches artists."""

    async def tracks(
        self, request: search_pb2.BatchGetTracksRequest
    ) -> search_pb2.BatchGetTracksResponse:
        """Looks tracks up."""

    def recall(self, ids: Sequence[str]) -> dict[str, search_pb2.Track]:
        """Returns tracks looked up before, by id."""

    async def artists(
        self, request: search_pb2.BatchGetArtistsRequest
    ) -> search_pb2.BatchGetArtistsResponse:
        """Looks artists up."""

    async def genres(self, request: search_pb2.ListGenresRequest) -> search_pb2.ListGenresResponse:
        """Lists genres."""

    async def audio_features(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Looks audio features up."""

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommends tracks."""


@dataclass(frozen=True)
class WebApi:
    """What the endpoints need.

    Attributes:
        upstream: The services behind.
        recorder: Keeps the lists that are given out; they have no id where None.
        experiments: Takes requests into the experiment that runs; none runs where None.
    """

    upstream: Upstream
    recorder: Recorder | None = None
    experiments: Experiments | None = None


async def _upstream(request: Request) -> Upstream:
    web_api: WebApi = request.app.state.web_api
    return web_api.upstream


WebApiUpstreamDep = Annotated[Upstream, Depends(_upstream)]
Identifier = Annotated[
    str, Path(max_length=MAX_TRACK_ID, description="The id", examples=["6rqhFgbbKwnb9MLmUQDhG6"])
]


def base_of(request: Request) -> str:
    """Returns the address under which the caller sees /v1."""
    return f"{request.scope['quintet.base']}/v1"


def _query(request: Request) -> Mapping[str, str]:
    return p.single(request.query_params)


def _writer(request: Request) -> ObjectWriter:
    return ObjectWriter(base_of(request), p.market(_query(request)))


def _described(model: Any, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments that document a route: its parameters, its answer, its errors."""
    return {
        "responses": {**ERRORS, 200: {"model": model}},
        "openapi_extra": {"parameters": list(parameters)} if parameters else None,
    }


@router.get("/tracks", **_described(shape.Tracks, p.ids_parameter(50), p.MARKET))
async def get_several_tracks(request: Request, services: WebApiUpstreamDep) -> Response:
    """Several tracks by id, in the order asked; null where an id is unknown."""
    writer = _writer(request)
    ids = p.required_ids(_query(request), 50)
    found = await services.tracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
    return json_response(
        {"tracks": [writer.track(r.track) if r.HasField("track") else None for r in found.results]}
    )


@router.get("/tracks/{id}", **_described(shape.SpotifyTrack, p.MARKET))
async def get_track(id: Identifier, request: Request, services: WebApiUpstreamDep) -> Response:
    """One track."""
    writer = _writer(request)
    found = await services.tracks(search_pb2.BatchGetTracksRequest(track_ids=[id]))
    if not found.results[0].HasField("track"):
        raise NotFound(Reason.ID_UNKNOWN, "Resource not found", field="id")
    return json_response(writer.track(found.results[0].track))


@router.get("/artists", **_described(shape.Artists, p.ids_parameter(50)))
async def get_several_artists(request: Request, services: WebApiUpstreamDep) -> Response:
    """Several artists by id, in the order asked; null where an id is unknown."""
    writer = _writer(request)
    ids = p.required_ids(_query(request), 50)
    found = await services.artists(search_pb2.BatchGetArtistsRequest(artist_ids=ids))
    artists = [writer.artist(r.artist) if r.HasField("artist") else None for r in found.results]
    return json_response({"artists": artists})


@router.get("/artists/{id}", **_described(shape.SpotifyArtist))
async def get_artist(id: Identifier, request: Request, services: WebApiUpstreamDep) -> Response:
    """One artist."""
    writer = _writer(request)
    found = await services.artists(search_pb2.BatchGetArtistsRequest(artist_ids=[id]))
    if not found.results[0].HasField("artist"):
        raise NotFound(Reason.ID_UNKNOWN, "Resource not found", field="id")
    return json_response(writer.artist(found.results[0].artist))


@router.get("/audio-features", **_described(shape.ManyAudioFeatures, p.ids_parameter(100)))
async def get_several_audio_features(request: Request, services: WebApiUpstreamDep) -> Response:
    """The audio features of several tracks, in the order asked; null where an id is unknown."""
    writer = _writer(request)
    ids = p.required_ids(_query(request), 100)
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=ids)
    found = await services.audio_features(asked)
    features = [
        writer.audio_features(r.track_id, r.features) if r.HasField("features") else None
        for r in found.results
    ]
    return json_response({"audio_features": features})


@router.get("/audio-features/{id}", **_described(shape.AudioFeatures))
async def get_audio_features(
    id: Identifier, request: Request, services: WebApiUpstreamDep
) -> Response:
    """The audio features of one track."""
    writer = _writer(request)
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=[id])
    found = await services.audio_features(asked)
    if not found.results[0].HasField("features"):
        raise NotFound(Reason.ID_UNKNOWN, "analysis not found", field="id")
    return json_response(writer.audio_features(id, found.results[0].features))


_SEARCH_PARAMETERS: Final = (
    p.parameter(
        "q",
        "The text, with field filters artist:, album:, track:, genre:, year:.",
        type="string",
        minLength=1,
        maxLength=256,
        pattern=r"\S",
        required=True,
    ),
    p.parameter(
        "type",
        "What to search, separated by commas: track, artist.",
        type="string",
        enum=["track", "artist", "track,artist", "artist,track"],
        required=True,
    ),
    p.MARKET,
    p.parameter("limit", "Items a page.", type="integer", minimum=1, maximum=50, default=20),
    p.parameter(
        "offset", "Items to pass over.", type="integer", minimum=0, maximum=SEARCH_DEPTH, default=0
    ),
)


@router.get("/search", **_described(shape.SpotifySearchResponse, *_SEARCH_PARAMETERS))
async def search(request: Request, services: WebApiUpstreamDep) -> Response:
    """Tracks and artists that match a text."""
    query = _query(request)
    writer = _writer(request)
    text = p.search_text(query)
    kinds = _kinds(query)
    limit = p.integer(query, "limit", 20, 1, 50)
    offset = p.integer(query, "offset", 0, 0, SEARCH_DEPTH)
    pages = await asyncio.gather(
        *(_page(services, writer, kind, text, limit, offset) for kind in kinds)
    )
    kept = {name: query[name] for name in ("market",) if name in query}
    answers: dict[str, Any] = {}
    for kind, (items, total) in zip(kinds, pages, strict=True):
        address = f"{base_of(request)}/search?"
        fixed = {"q": text, "type": kind, **kept}
        answers[f"{kind}s"] = _paging(address, fixed, items, limit, offset, total)
    return json_response(answers)


def _kinds(query: Mapping[str, str]) -> list[str]:
    kinds = list(dict.fromkeys(p.names(query, "type", 20)))
    if not kinds:
        raise InvalidInput(Reason.REQUEST_MALFORMED, "Missing parameter type", field="type")
    for kind in kinds:
        if kind not in ("track", "artist", *_EMPTY_TYPES):
            raise InvalidInput(
                Reason.REQUEST_MALFORMED, f"Bad search type field {kind}", field="type"
            )
    return kinds


async def _page(
    services: Upstream, writer: ObjectWriter, kind: str, text: str, limit: int, offset: int
) -> tuple[list[Any], int]:
    """Returns the items of one page and how many there are in all, up to `SEARCH_DEPTH`."""
    if kind == "track":
        tracks = await services.search_tracks(
            search_pb2.SearchTracksRequest(
                query=text,
                page_size=limit,
                skip=offset,
                source=search_pb2.SOURCE_CATALOGUE,
            )
        )
        return [writer.track(match.track) for match in tracks.matches], tracks.total_size
    if kind == "artist":
        artists = await services.search_artists(
            search_pb2.SearchArtistsRequest(query=text, page_size=limit, skip=offset)
        )
        return [writer.artist(artist) for artist in artists.artists], artists.total_size
    return [], 0


def _paging(
    address: str, fixed: Mapping[str, str], items: list[Any], limit: int, offset: int, total: int
) -> dict[str, Any]:
    """Returns a paging object whose addresses can be followed as they are."""

    def at(place: int) -> str:
        return address + urlencode({**fixed, "offset": place, "limit": limit})

    following = offset + limit
    return {
        "href": at(offset),
        "items": items,
        "limit": limit,
        "next": at(following) if following < min(total, SEARCH_DEPTH) else None,
        "offset": offset,
        "previous": at(max(0, offset - limit)) if offset > 0 else None,
        "total": total,
    }


@router.get("/recommendations/available-genre-seeds", **_described(shape.GenreSeeds))
async def get_available_genre_seeds(services: WebApiUpstreamDep) -> Response:
    """The genres of the catalogue; each has at least one track."""
    genres: list[str] = []
    token = ""
    while True:
        page = await services.genres(search_pb2.ListGenresRequest(page_token=token))
        # A name with a comma could not be written in seed_genres.
        genres.extend(genre.name for genre in page.genres if "," not in genre.name)
        token = page.next_page_token
        if not token:
            return json_response({"genres": genres})


@router.get("/recommendations", **_described(shape.Recommendations, *PARAMETERS))
async def get_recommendations(request: Request, services: WebApiUpstreamDep) -> Response:
    """Tracks recommended for one to five seeds, best first."""
    query = _query(request)
    writer = _writer(request)
    asked = request_of(query)
    listener = _listener(request)
    experiments = request.app.state.web_api.experiments
    if experiments is not None:
        experiments.enrol(asked, listener)
    found = await _recommended(services, asked, fill_up=may_fill_up(query))
    ids = [ranked.track_id for ranked in found.tracks]
    degraded = list(found.degraded)
    try:
        known = await _tracks_by_id(services, ids)
    except (NotReady, DeadlineExceeded):
        # Without search the list is the same; of some tracks the id alone may be known.
        known = {name: search_pb2.Track(id=name) for name in ids} | services.recall(ids)
        degraded.append(Part.SEARCH)
    tracks: list[dict[str, Any]] = []
    for ranked in found.tracks:
        if ranked.track_id in known:
            extra = {} if asked.omit_reasons else {"quintet": _explained(ranked)}
            tracks.append({**writer.track(known[ranked.track_id]), **extra})
    headers = {
        "Quintet-Model-Version": found.versions.model_version,
        "Quintet-Catalogue-Version": found.versions.catalogue_version,
    }
    recorder = request.app.state.web_api.recorder
    if recorder is not None:
        degraded += recorder.degraded
        headers["Quintet-Recommendation-Id"] = given = recorder.new_id()
        recorder.show(given, listener, "/v1/recommendations", asked, found)
    if degraded:
        headers["Quintet-Degraded"] = ", ".join(degraded)
        for part in degraded[len(found.degraded) :]:
            DEGRADED.labels(part).inc()
    seeds = [writer.seed(pool) for pool in found.seed_pools]
    return json_response({"seeds": seeds, "tracks": tracks}, headers)


def _listener(request: Request) -> str:
    """Returns who asks, where a header says so."""
    listener = request.headers.get("Quintet-Listener")
    if listener is not None:
        check_listener(listener, "Quintet-Listener")
    return listener or ""


async def _recommended(
    services: Upstream, asked: ranker_pb2.RecommendTracksRequest, *, fill_up: bool
) -> ranker_pb2.RecommendTracksResponse:
    """Returns the ranker's list; where the default artist cap left it short, the rest follows.

    Spotify promises `limit` tracks as long as the pools hold them, and Quintet prefers three of
    an artist: so those beyond three come last.
    """
    found = await services.recommend(asked)
    if not fill_up or len(found.tracks) >= min(asked.limit, found.pool.after_filtering):
        return found
    uncapped = ranker_pb2.RecommendTracksRequest()
    uncapped.CopyFrom(asked)
    uncapped.max_per_artist = 0
    more = await services.recommend(uncapped)
    if more.variant != found.variant:
        return found  # half a list of one model and half of another would be nobody's
    have = {ranked.track_id for ranked in found.tracks}
    extra = [ranked for ranked in more.tracks if ranked.track_id not in have]
    for ranked in extra[: asked.limit - len(found.tracks)]:
        found.tracks.append(ranked)
        found.tracks[-1].rank = len(found.tracks)
    return found


async def _tracks_by_id(services: Upstream, ids: list[str]) -> dict[str, search_pb2.Track]:
    if not ids:
        return {}
    found = await services.tracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
    return {r.track_id: r.track for r in found.results if r.HasField("track")}


def _explained(ranked: ranker_pb2.RankedTrack) -> dict[str, Any]:
    """Returns why a track is in the list, as in `/api/v1`."""
    explained: dict[str, Any] = MessageToDict(ranked, preserving_proto_field_name=True)
    # Whose pick a track is must not be told to whoever judges it.
    for name in ("track_id", "features", "origin"):
        explained.pop(name, None)
    for comparison in explained.get("reasons", {}).get("comparisons", ()):
        comparison["attribute"] = comparison["attribute"].removeprefix("ATTRIBUTE_").lower()
    return explained


_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@router.api_route("", methods=_METHODS, include_in_schema=False)
@router.api_route("/{rest:path}", methods=_METHODS, include_in_schema=False)
async def no_such_route(rest: str = "") -> Response:
    """What is unknown, or known by another method, is said in Spotify's shape too."""
    known = (r for r in router.routes if isinstance(r, WebApiRoute) and r.include_in_schema)
    if any(route.path_regex.match(f"/v1/{rest}") for route in known):
        return failure(405, "Method not allowed", {"Allow": "GET, HEAD, OPTIONS"})
    return failure(404, "Service not found")
