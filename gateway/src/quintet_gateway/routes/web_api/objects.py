"""Write messages of the services as objects of Spotify's Web API.

Fields that the catalogue has no value for:

- `popularity` null where unknown;
- `release_date` "0000" with precision "year" where unknown, as Spotify itself writes it;
- `track_number`, `disc_number` and `total_tracks` 0, as Spotify writes them for local files;
- a track without an album stands as its own single;
- artists and albums may have local ids, which open.spotify.com does not have, so their
  external address is Spotify's search for the name.
"""

from typing import Final, Literal
from urllib.parse import quote

from fastapi import Request
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.attributes import MEASURED
from quintet_contract.seeds import SeedKind
from quintet_servicekit.messages import seed_of

from quintet_gateway.routes.web_api.parameters import market, single
from quintet_gateway.schemas import web_api as shape

_SITE: Final = "https://open.spotify.com"
_SEED_TYPES: Final[dict[SeedKind, Literal["ARTIST", "TRACK", "GENRE"]]] = {
    SeedKind.ARTIST: "ARTIST",
    SeedKind.GENRE: "GENRE",
    SeedKind.TRACK: "TRACK",
}
# By the length of the date: YYYY, YYYY-MM, YYYY-MM-DD.
_PRECISIONS: Final[dict[int, Literal["year", "month", "day"]]] = {4: "year", 7: "month", 10: "day"}


class ObjectWriter:
    """Write objects with their `href` under one base address.

    Args:
        base: The address the caller used, such as `http://127.0.0.1:8000/v1`.
        market: Whether the caller named a market: then `is_playable` takes the place of
            `available_markets`.
    """

    def __init__(self, base: str, market: bool = False) -> None:
        self._base = base
        self._market = market

    def track(self, track: search_pb2.Track) -> shape.SpotifyTrack:
        """Write a track in full."""
        answer: shape.SpotifyTrack = {
            "album": self._album(track),
            "artists": [self._artist_name(artist) for artist in track.artists],
            "disc_number": 0,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            "external_ids": {"isrc": track.isrc} if track.isrc else {},
            "external_urls": {"spotify": f"{_SITE}/track/{track.id}"},
            "href": self._href("tracks", track.id),
            "id": track.id,
            "is_local": False,
            "name": track.title,
            "popularity": _popularity(track),
            "preview_url": track.preview_url or None,
            "track_number": 0,
            "type": "track",
            "uri": f"spotify:track:{track.id}",
        }
        if self._market:
            answer["is_playable"] = True
        else:
            answer["available_markets"] = []
        return answer

    def artist(self, artist: search_pb2.Artist) -> shape.SpotifyArtist:
        """Write an artist in full."""
        name = search_pb2.ArtistReference(id=artist.id, name=artist.name)
        return {
            **self._artist_name(name),
            "followers": {"href": None, "total": 0},
            "genres": list(artist.genres),
            "images": [],
            "popularity": _popularity(artist),
        }

    def audio_features(
        self, track_id: str, raw: profile_pb2.AudioFeatures
    ) -> shape.AudioFeatures | None:
        """Write the audio features of a track; None if it was not analysed.

        A feature that is missing among others is null.
        """
        present = {field.name for field, _ in raw.ListFields()}
        known = {name: getattr(raw, name) if name in present else None for name in MEASURED}
        if present.isdisjoint(MEASURED):
            return None
        return {
            "analysis_url": self._href("audio-analysis", track_id),
            "duration_ms": round(raw.duration_ms),
            "id": track_id,
            "track_href": self._href("tracks", track_id),
            "type": "audio_features",
            "uri": f"spotify:track:{track_id}",
            "acousticness": known["acousticness"],
            "danceability": known["danceability"],
            "energy": known["energy"],
            "instrumentalness": known["instrumentalness"],
            "key": known["key"],
            "liveness": known["liveness"],
            "loudness": known["loudness"],
            "mode": known["mode"],
            "speechiness": known["speechiness"],
            "tempo": known["tempo"],
            "time_signature": known["time_signature"],
            "valence": known["valence"],
        }

    def seed(self, pool: ranker_pb2.SeedPool) -> shape.RecommendationSeed:
        """Write a seed with the sizes of its pools; a genre has no address."""
        seed = seed_of(pool.seed)
        kind, name = _SEED_TYPES[seed.kind], seed.name
        return {
            "afterFilteringSize": pool.after_filtering,
            "afterRelinkingSize": pool.after_relinking,
            "href": None if kind == "GENRE" else self._href(f"{kind.lower()}s", name),
            "id": name,
            "initialPoolSize": pool.initial,
            "type": kind,
        }

    def _album(self, track: search_pb2.Track) -> shape.SimplifiedAlbum:
        known = bool(track.album_id)
        # Without an album, the track lends a single its id and title.
        album_id, name = (track.album_id, track.album) if known else (track.id, track.title)
        artists = [self._artist_name(artist) for artist in track.artists[:1]]
        precision = _PRECISIONS.get(len(track.release_date))
        words = f"{artists[0]['name']} {name}" if artists else name
        answer: shape.SimplifiedAlbum = {
            "album_type": "album" if known else "single",
            "artists": artists,
            "external_urls": {"spotify": f"{_SITE}/search/{quote(words, safe='')}/albums"},
            "href": self._href("albums", album_id),
            "id": album_id,
            "images": [{"url": track.cover_url, "height": None, "width": None}]
            if track.cover_url
            else [],
            "name": name,
            "release_date": track.release_date if precision else "0000",
            "release_date_precision": precision or "year",
            "total_tracks": 0,
            "type": "album",
            "uri": f"spotify:album:{album_id}",
        }
        if not self._market:
            answer["available_markets"] = []
        return answer

    def _artist_name(self, artist: search_pb2.ArtistReference) -> shape.SimplifiedArtist:
        return {
            "external_urls": {"spotify": f"{_SITE}/search/{quote(artist.name, safe='')}/artists"},
            "href": self._href("artists", artist.id),
            "id": artist.id,
            "name": artist.name,
            "type": "artist",
            "uri": f"spotify:artist:{artist.id}",
        }

    def _href(self, kind: str, object_id: str) -> str:
        return f"{self._base}/{kind}/{quote(object_id, safe='')}"


def _popularity(found: search_pb2.Track | search_pb2.Artist) -> int | None:
    """Read a popularity; None, and never 0, where it is not known."""
    return found.popularity if found.HasField("popularity") else None


def base_of(request: Request) -> str:
    """Build the address at which the caller reaches `/v1`, for links that it can follow."""
    return f"{request.scope['quintet.base']}/v1"


def writer_of(request: Request) -> ObjectWriter:
    """Make the writer for a request, by its address and its market.

    Raises:
        InvalidInput: A parameter is given twice, or the market is not a country code.
    """
    return ObjectWriter(base_of(request), market(single(request.query_params)))
