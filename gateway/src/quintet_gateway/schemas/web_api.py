"""The objects of Spotify's Web API, with the fields of its public OpenAPI description."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class ExternalUrls(TypedDict):
    """Addresses of an object outside the API."""

    spotify: str


class Image(TypedDict):
    """A picture; sizes are null where unknown."""

    url: str
    height: int | None
    width: int | None


class SimplifiedArtist(TypedDict):
    """An artist as named by a track or an album."""

    external_urls: ExternalUrls
    href: str
    id: str
    name: str
    type: Literal["artist"]
    uri: str


class Followers(TypedDict):
    """Followers; `href` is always null in Spotify's API too."""

    href: None
    total: int


class SpotifyArtist(SimplifiedArtist):
    """An artist in full."""

    followers: Followers
    genres: list[str]
    images: list[Image]
    popularity: int | None


class SimplifiedAlbum(TypedDict):
    """An album as named by a track."""

    album_type: Literal["album", "single", "compilation"]
    artists: list[SimplifiedArtist]
    available_markets: NotRequired[list[str]]
    external_urls: ExternalUrls
    href: str
    id: str
    images: list[Image]
    name: str
    release_date: str
    release_date_precision: Literal["year", "month", "day"]
    total_tracks: int
    type: Literal["album"]
    uri: str


class ExternalIds(TypedDict, total=False):
    """Ids of a recording outside Spotify; a key is absent where unknown."""

    isrc: str
    ean: str
    upc: str


class SpotifyTrack(TypedDict):
    """A track in full. `available_markets` gives way to `is_playable` where a market is asked."""

    album: SimplifiedAlbum
    artists: list[SimplifiedArtist]
    available_markets: NotRequired[list[str]]
    disc_number: int
    duration_ms: int
    explicit: bool
    external_ids: ExternalIds
    external_urls: ExternalUrls
    href: str
    id: str
    is_local: bool
    is_playable: NotRequired[bool]
    name: str
    popularity: int | None
    preview_url: str | None
    track_number: int
    type: Literal["track"]
    uri: str


class Tracks(TypedDict):
    """Tracks in the order asked; null where an id is unknown or not analysed."""

    tracks: list[SpotifyTrack | None]


class Artists(TypedDict):
    """Artists in the order asked; null where an id is unknown or not analysed."""

    artists: list[SpotifyArtist | None]


class AudioFeatures(TypedDict):
    """The audio features of a track; one that was not measured is null."""

    acousticness: float | None
    analysis_url: str
    danceability: float | None
    duration_ms: int
    energy: float | None
    id: str
    instrumentalness: float | None
    key: int | None
    liveness: float | None
    loudness: float | None
    mode: int | None
    speechiness: float | None
    tempo: float | None
    time_signature: int | None
    track_href: str
    type: Literal["audio_features"]
    uri: str
    valence: float | None


class ManyAudioFeatures(TypedDict):
    """Audio features in the order asked; null where an id is unknown or not analysed."""

    audio_features: list[AudioFeatures | None]


class TrackPage(TypedDict):
    """One page of tracks."""

    href: str
    items: list[SpotifyTrack]
    limit: int
    next: str | None
    offset: int
    previous: str | None
    total: int


class ArtistPage(TypedDict):
    """One page of artists."""

    href: str
    items: list[SpotifyArtist]
    limit: int
    next: str | None
    offset: int
    previous: str | None
    total: int


class SpotifySearchResponse(TypedDict, total=False):
    """A page for each type asked."""

    tracks: TrackPage
    artists: ArtistPage


class RecommendationSeed(TypedDict):
    """A seed and how many tracks it could draw from at each stage."""

    afterFilteringSize: int
    afterRelinkingSize: int
    href: str | None
    id: str
    initialPoolSize: int
    type: Literal["ARTIST", "TRACK", "GENRE"]


class Recommendations(TypedDict):
    """Recommended tracks, best first, and the pools they came from."""

    seeds: list[RecommendationSeed]
    tracks: list[SpotifyTrack]


class GenreSeeds(TypedDict):
    """The genres that may be seeds."""

    genres: list[str]


class ErrorFacts(TypedDict):
    """The HTTP status and a sentence for people."""

    status: int
    message: str


class Error(TypedDict):
    """Every error under /v1."""

    error: ErrorFacts


class Token(TypedDict):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class TokenError(TypedDict):
    """Every error of the token endpoint (RFC 6749, section 5.2)."""

    error: str
    error_description: str
