"""The search service's settings, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings with prefix `QUINTET_SEARCH_`; shared ones and Spotify's have their own names."""

    model_config = SettingsConfigDict(
        env_prefix="QUINTET_SEARCH_", populate_by_name=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path(".quintet"), validation_alias="QUINTET_HOME")
    host: str = Field(default="127.0.0.1", validation_alias="QUINTET_HOST")
    auth: Literal["off", "on"] = Field(default="off", validation_alias="QUINTET_AUTH")
    port: int = Field(default=50051, ge=0, le=65535)
    metrics_port: int = Field(default=0, ge=0, le=65535)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_form: str = Field(default="json", pattern="^(json|console)$")
    follow_seconds: float = Field(default=2.0, gt=0, le=3600)
    """Seconds between looks for another catalogue."""
    threads: int = Field(default=2, ge=1, le=64)
    """Searches at once; more wait for their turn."""
    max_concurrent_rpcs: int = Field(default=256, ge=1, le=10_000)
    default_timeout: float = Field(default=10.0, gt=0, le=600)
    """Seconds allowed for a call that came without a deadline."""
    grace: float = Field(default=5.0, ge=0, le=600)
    """Seconds allowed for open calls when stopping."""
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
