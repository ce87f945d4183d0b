"""Tracks, artists, audio features and genres under `/v1`."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from quintet.profile.v1 import profile_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.limits import MAX_TRACK_ID
from quintet_servicekit.errors import NotFound, Reason
from quintet_text.track_ids import id_of, track_id_of

from quintet_gateway.routes.dependencies import UpstreamDep
from quintet_gateway.routes.web_api import parameters as p
from quintet_gateway.routes.web_api.objects import writer_of
from quintet_gateway.routes.web_api.responses import WebApiRoute, described, json_response
from quintet_gateway.schemas import web_api as shape

router = APIRouter(prefix="/v1", tags=["Spotify Web API"], route_class=WebApiRoute)
Identifier = Annotated[
    str, Path(max_length=MAX_TRACK_ID, description="The id", examples=["6rqhFgbbKwnb9MLmUQDhG6"])
]


@router.get("/tracks", **described(shape.Tracks, p.ids_parameter(50), p.MARKET))
async def get_several_tracks(request: Request, upstream: UpstreamDep) -> Response:
    """Several tracks by id, in the order asked; null where an id is unknown."""
    writer = writer_of(request)
    ids = p.required_ids(p.single(request.query_params), 50)
    found = await upstream.tracks(search_pb2.BatchGetTracksRequest(track_ids=ids))
    return json_response(
        {"tracks": [writer.track(r.track) if r.HasField("track") else None for r in found.results]}
    )


@router.get("/tracks/{id}", **described(shape.SpotifyTrack, p.MARKET))
async def get_track(id: Identifier, request: Request, upstream: UpstreamDep) -> Response:
    """One track."""
    writer = writer_of(request)
    found = await upstream.tracks(search_pb2.BatchGetTracksRequest(track_ids=[track_id_of(id)]))
    if not found.results[0].HasField("track"):
        raise NotFound(Reason.ID_UNKNOWN, "Resource not found", field="id")
    return json_response(writer.track(found.results[0].track))


@router.get("/artists", **described(shape.Artists, p.ids_parameter(50, "artist")))
async def get_several_artists(request: Request, upstream: UpstreamDep) -> Response:
    """Several artists by id, in the order asked; null where an id is unknown."""
    writer = writer_of(request)
    ids = p.required_ids(p.single(request.query_params), 50, "artist")
    found = await upstream.artists(search_pb2.BatchGetArtistsRequest(artist_ids=ids))
    artists = [writer.artist(r.artist) if r.HasField("artist") else None for r in found.results]
    return json_response({"artists": artists})


@router.get("/artists/{id}", **described(shape.SpotifyArtist))
async def get_artist(id: Identifier, request: Request, upstream: UpstreamDep) -> Response:
    """One artist."""
    writer = writer_of(request)
    found = await upstream.artists(
        search_pb2.BatchGetArtistsRequest(artist_ids=[id_of("artist", id)])
    )
    if not found.results[0].HasField("artist"):
        raise NotFound(Reason.ID_UNKNOWN, "Resource not found", field="id")
    return json_response(writer.artist(found.results[0].artist))


@router.get("/audio-features", **described(shape.ManyAudioFeatures, p.ids_parameter(100)))
async def get_several_audio_features(request: Request, upstream: UpstreamDep) -> Response:
    """Look up audio features of several tracks, in the order asked.

    Null for an id that is unknown or was not analysed.
    """
    writer = writer_of(request)
    ids = p.required_ids(p.single(request.query_params), 100)
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=ids)
    found = await upstream.audio_features(asked)
    features = [
        writer.audio_features(r.track_id, r.features) if r.HasField("features") else None
        for r in found.results
    ]
    return json_response({"audio_features": features})


@router.get("/audio-features/{id}", **described(shape.AudioFeatures))
async def get_audio_features(id: Identifier, request: Request, upstream: UpstreamDep) -> Response:
    """Look up the audio features of one track."""
    writer = writer_of(request)
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=[track_id_of(id)])
    found = await upstream.audio_features(asked)
    result = found.results[0]
    known = result.HasField("features")
    features = writer.audio_features(asked.track_ids[0], result.features) if known else None
    if features is None:  # unknown or not analysed: Spotify answers the same for both
        raise NotFound(Reason.ID_UNKNOWN, "analysis not found", field="id")
    return json_response(features)


@router.get("/recommendations/available-genre-seeds", **described(shape.GenreSeeds))
async def get_available_genre_seeds(upstream: UpstreamDep) -> Response:
    """List the genres of the catalogue; each has at least one track."""
    genres: list[str] = []
    token = ""
    while True:
        page = await upstream.genres(search_pb2.ListGenresRequest(page_token=token))
        # A name with a comma could not be written in seed_genres.
        genres.extend(genre.name for genre in page.genres if "," not in genre.name)
        token = page.next_page_token
        if not token:
            return json_response({"genres": genres})
