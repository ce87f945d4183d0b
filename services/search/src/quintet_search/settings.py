"""The search service's settings, read from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from quintet_servicekit.settings import ServiceSettings
from quintet_settings import FIXED


class SearchSettings(ServiceSettings):
    """Settings with prefix `QUINTET_SEARCH_`; shared ones and Spotify's have their own names."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_SEARCH_")

    port: int = Field(default=50051, ge=0, le=65535, description="gRPC port.")
    threads: int = Field(
        default=2, ge=1, le=64, description="Searches at once; more wait in a queue."
    )
    room: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="Length of the queue; more requests are rejected with RESOURCE_EXHAUSTED.",
    )
    client_id: str = Field(
        default="",
        validation_alias="SPOTIPY_CLIENT_ID",
        description=(
            "Client id of your Spotify app: search asks Spotify too, and the page can export lists."
        ),
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="SPOTIPY_CLIENT_SECRET",
        description="Client secret of your Spotify app.",
    )
    spotify_api_url: str = Field(
        default="https://api.spotify.com/v1/",
        pattern="^https?://.+",
        description="Address of Spotify's Web API; another one for tests and proxies.",
    )
    spotify_token_url: str = Field(
        default="https://accounts.spotify.com/api/token",
        pattern="^https?://.+",
        description="Address of Spotify's tokens; another one for tests and proxies.",
    )
    spotify_seconds: float = Field(
        default=3.0,
        gt=0,
        le=60,
        description="Seconds allowed for one call to Spotify, all attempts included.",
    )
    # Seconds allowed for one attempt: two fit into spotify_seconds.
    spotify_timeout: Annotated[float, FIXED] = Field(default=2.0, gt=0, le=60)
    # Calls to Spotify at once; beyond that the catalogue answers. Spotify limits the rate long
    # before.
    spotify_threads: Annotated[int, FIXED] = Field(default=8, ge=1, le=64)
    spotify_page_size: int = Field(
        default=50,
        ge=1,
        le=50,
        description=(
            "Matches requested from Spotify at once; apps in development mode get 10 at most."
        ),
    )
