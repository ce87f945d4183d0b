"""Calls about the catalogue: search, artists, genres, tracks, features and the map."""

from collections.abc import Mapping, Sequence

from quintet_client import models
from quintet_client.calls.building import get, params_of, quoted, reads
from quintet_client.protocol import Call, Reply
from quintet_client.request_models import Source


def search(
    text: str = "",
    *,
    limit: int | None = None,
    source: Source | None = None,
    page_token: str = "",
) -> Call[models.SearchPage]:
    """Find tracks as a listener types, best first; the most popular ones for an empty text.

    Args:
        text: May hold artist:, album:, track:, genre: and year:.
        limit: Tracks of one page, 1 to 50.
        source: Where to search; the catalogue where None.
        page_token: `next_page_token` of the page before.
    """
    params = params_of(q=text, limit=limit, source=source, page_token=page_token)
    return get("/api/v1/search", models.SearchPage, params)


def artists(
    text: str = "", *, limit: int | None = None, page_token: str = ""
) -> Call[models.ArtistsPage]:
    """Find artists by name, best first."""
    params = params_of(q=text, limit=limit, page_token=page_token)
    return get("/api/v1/artists", models.ArtistsPage, params)


def genres(*, limit: int | None = None, page_token: str = "") -> Call[models.GenresPage]:
    """List the catalogue's genres by name, up to 1000 a page."""
    return get("/api/v1/genres", models.GenresPage, params_of(limit=limit, page_token=page_token))


def track(track_id: str) -> Call[models.Track]:
    """Look up a track of the catalogue by id."""
    return get(f"/api/v1/tracks/{quoted(track_id)}", models.Track)


def audio_features(track_ids: Sequence[str]) -> Call[Mapping[str, models.AudioFeatures]]:
    """Look up the audio features of up to 100 tracks, by id; unknown ids are left out.

    Args:
        track_ids: 1 to 100 ids.
    """
    read = reads(models.ManyAudioFeatures)
    return Call(
        "GET",
        "/v1/audio-features",
        lambda reply: {each.id: each for each in read(reply).audio_features if each is not None},
        params={"ids": ",".join(track_ids)},
    )


def catalogue_map(etag: str = "") -> Call[models.CatalogueMap | None]:
    """Download every track as a point of a plane; None if `etag` is still the newest."""
    headers = {"If-None-Match": etag} if etag else {}
    accepts = frozenset({200, 304})
    return Call("GET", "/api/v1/map", _map_or_none, headers=headers, accepts=accepts)


def _map_or_none(reply: Reply) -> models.CatalogueMap | None:
    if reply.status == 304:
        return None
    return models.CatalogueMap(etag=reply.headers.get("etag", ""), content=reply.content)
