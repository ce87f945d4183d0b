"""Tracks, artists, genres and the model, as `/api/v1` writes them."""

from datetime import UTC
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits
from quintet_servicekit.degradation import Part

SOURCES: Final = {
    "catalogue": search_pb2.SOURCE_CATALOGUE,
    "spotify": search_pb2.SOURCE_SPOTIFY,
    "both": search_pb2.SOURCE_BOTH,
}
_SOURCE_NAMES: Final = {number: name for name, number in SOURCES.items()}


class ResponseModel(BaseModel):
    """Base of answers; every field is always present."""

    model_config = ConfigDict(extra="forbid")


class ArtistName(ResponseModel):
    """An artist of a track."""

    id: str
    name: str


class Track(ResponseModel):
    """A track; text is empty where unknown, popularity null."""

    id: str
    title: str
    artists: list[ArtistName]
    album: str
    album_id: str
    release_date: str
    duration_ms: int
    popularity: int | None
    explicit: bool
    genres: list[str]
    isrc: str
    cover_url: str
    preview_url: str
    external_url: str
    provenance: str
    licence: str


class Match(ResponseModel):
    """A track found; `recommendable` if it is in the catalogue, so that it can be a seed."""

    track: Track
    score: float
    recommendable: bool
    source: Literal["catalogue", "spotify"]


class SearchResponse(ResponseModel):
    """One page of matches, best first."""

    tracks: list[Match]
    next_page_token: str
    total: int
    catalogue: str
    source: Literal["catalogue", "spotify", "both"]
    degraded: list[Part]


class Artist(ResponseModel):
    """An artist of the catalogue."""

    id: str
    name: str
    genres: list[str]
    popularity: int | None
    track_count: int


class ArtistsResponse(ResponseModel):
    """One page of artists, best first."""

    artists: list[Artist]
    next_page_token: str
    total: int


class Genre(ResponseModel):
    """A genre of the catalogue."""

    name: str
    track_count: int


class GenresResponse(ResponseModel):
    """One page of genres by name."""

    genres: list[Genre]
    next_page_token: str


class Versions(ResponseModel):
    """The versions that together determine a list."""

    model: str
    index: str
    catalogue: str


class ModelResponse(ResponseModel):
    """The model that the ranker serves, and the last version that it rejected."""

    versions: Versions
    kind: str
    feature_names: list[str]
    feature_hash: str
    track_count: int
    create_time: str
    load_time: str
    channels: list[str]
    metrics: dict[str, float]
    refused_version: str
    refused_reason: str


class LegacyTrack(ResponseModel):
    """A track in the shape of the original system."""

    track_id: str
    track_name: str
    artists: list[str]
    album_name: str
    popularity: int | None
    recommendable: bool


def track_json(track: search_pb2.Track) -> dict[str, Any]:
    """Write a track as JSON; fields without a value are empty."""
    spotify = fits(SPOTIFY_TRACK_PATTERN, track.id)
    return {
        "id": track.id,
        "title": track.title,
        "artists": [{"id": artist.id, "name": artist.name} for artist in track.artists],
        "album": track.album,
        "album_id": track.album_id,
        "release_date": track.release_date,
        "duration_ms": track.duration_ms,
        "popularity": track.popularity if track.HasField("popularity") else None,
        "explicit": track.explicit,
        "genres": list(track.genres),
        "isrc": track.isrc,
        "cover_url": track.cover_url,
        "preview_url": track.preview_url,
        # Only Spotify ids have a page there; local ids would lead to an error.
        "external_url": f"https://open.spotify.com/track/{track.id}" if spotify else "",
        "provenance": track.provenance,
        "licence": track.licence,
    }


def track_of(written: bytes) -> search_pb2.Track:
    """Read a track that `track_json` wrote."""
    values = orjson.loads(written)
    # Made from the id.
    del values["external_url"]
    return search_pb2.Track(**values)


def bare_track(track_id: str) -> bytes:
    """Write a track of which only the id is known."""
    return orjson.dumps(track_json(search_pb2.Track(id=track_id)))


def search_json(answer: search_pb2.SearchTracksResponse) -> dict[str, Any]:
    """Write a page of matches as JSON."""
    return {
        "tracks": [
            {
                "track": track_json(match.track),
                "score": match.score,
                "recommendable": match.recommendable,
                "source": _SOURCE_NAMES.get(match.source, "catalogue"),
            }
            for match in answer.matches
        ],
        "next_page_token": answer.next_page_token,
        "total": answer.total_size,
        "catalogue": answer.catalogue_version,
        "source": _SOURCE_NAMES.get(answer.source, "catalogue"),
        "degraded": list(answer.degraded),
    }


def artists_json(answer: search_pb2.SearchArtistsResponse) -> dict[str, Any]:
    """Write a page of artists as JSON."""
    return {
        "artists": [
            {
                "id": artist.id,
                "name": artist.name,
                "genres": list(artist.genres),
                "popularity": artist.popularity if artist.HasField("popularity") else None,
                "track_count": artist.track_count,
            }
            for artist in answer.artists
        ],
        "next_page_token": answer.next_page_token,
        "total": answer.total_size,
    }


def genres_json(answer: search_pb2.ListGenresResponse) -> dict[str, Any]:
    """Write a page of genres as JSON."""
    return {
        "genres": [{"name": g.name, "track_count": g.track_count} for g in answer.genres],
        "next_page_token": answer.next_page_token,
    }


def versions_json(versions: ranker_pb2.Versions) -> dict[str, str]:
    """Write versions as JSON."""
    return {
        "model": versions.model_version,
        "index": versions.index_version,
        "catalogue": versions.catalogue_version,
    }


def model_json(answer: ranker_pb2.GetModelResponse) -> dict[str, Any]:
    """Write the served model as JSON; times in UTC, RFC 3339."""
    return {
        "versions": versions_json(answer.versions),
        "kind": answer.kind,
        "feature_names": list(answer.feature_names),
        "feature_hash": answer.feature_hash,
        "track_count": answer.track_count,
        "create_time": answer.create_time.ToDatetime(UTC).isoformat(),
        "load_time": answer.load_time.ToDatetime(UTC).isoformat(),
        "channels": list(answer.channels),
        "metrics": dict(answer.metrics),
        "refused_version": answer.refused_version,
        "refused_reason": answer.refused_reason,
    }


def legacy_json(track: search_pb2.Track, recommendable: bool) -> dict[str, Any]:
    """Write a track in the shape of the original system."""
    return {
        "track_id": track.id,
        "track_name": track.title,
        "artists": [artist.name for artist in track.artists],
        "album_name": track.album,
        "popularity": track.popularity if track.HasField("popularity") else None,
        "recommendable": recommendable,
    }
