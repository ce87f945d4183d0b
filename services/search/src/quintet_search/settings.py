"""The search service's settings, read from the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings


class SearchSettings(ServiceSettings):
    """Settings with prefix `QUINTET_SEARCH_`; shared ones and Spotify's have their own names."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_SEARCH_")

    port: int = Field(default=50051, ge=0, le=65535)
    threads: int = Field(default=2, ge=1, le=64)
    """Searches at once; more wait for their turn."""
    room: int = Field(default=64, ge=0, le=10_000)
    """Requests that may wait for their turn; more are refused with RESOURCE_EXHAUSTED."""
    client_id: str = Field(default="", validation_alias="SPOTIPY_CLIENT_ID")
    client_secret: SecretStr = Field(
        default=SecretStr(""), validation_alias="SPOTIPY_CLIENT_SECRET"
    )
    spotify_api_url: str = Field(default="https://api.spotify.com/v1/", pattern="^https?://.+")
    spotify_token_url: str = Field(
        default="https://accounts.spotify.com/api/token", pattern="^https?://.+"
    )
    spotify_seconds: float = Field(default=3.0, gt=0, le=60)
    """Seconds that Spotify may take for one call, tries and waits included."""
    spotify_timeout: float = Field(default=2.0, gt=0, le=60)
    """Seconds that one try may wait for Spotify."""
    spotify_threads: int = Field(default=8, ge=1, le=64)
    """Calls to Spotify at once; when all are taken the catalogue answers."""
    spotify_page_size: int = Field(default=50, ge=1, le=50)
    """Matches asked of Spotify at once; it allows apps in development mode only 10."""
