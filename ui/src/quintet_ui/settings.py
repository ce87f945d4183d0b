"""The page's settings, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict
from quintet_contract.addresses import bare_host, host_port, reachable_host
from quintet_settings import HTTP_ADDRESS, EnvironmentSettings, first_fault


class SettingsInvalid(ValueError):
    """A setting holds a value that cannot be used; the message is one line."""


class Settings(EnvironmentSettings):
    """Settings with prefix `QUINTET_UI_`; host, token and the gateway's address are shared."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_UI_", extra="ignore")

    host: str = Field(default="127.0.0.1", validation_alias="QUINTET_HOST")
    auth: Literal["off", "on"] = Field(default="off", validation_alias="QUINTET_AUTH")
    hosts: str = Field(
        default="",
        pattern=r"^(\*|[\w.-]+( *, *[\w.-]+)*)?$",
        description=(
            "Names under which browsers reach the page, separated by commas, besides localhost and "
            "addresses such as 192.0.2.1; * for any name."
        ),
    )
    max_sessions: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Browser tabs served at once; more get 503, unless one is idle for 15 minutes.",
    )
    port: int = Field(
        default=8501,
        ge=1,
        le=65535,
        description="HTTP port; with Compose, the port on 127.0.0.1 of this machine.",
    )
    log_level: str = Field(
        default="WARNING",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least severe level that is logged.",
    )
    log_form: str = Field(
        default="auto",
        pattern="^(auto|json|console)$",
        description=(
            "Form of log lines; auto is console if standard error is a terminal, else json."
        ),
    )
    gateway_port: int = Field(default=8000, ge=1, le=65535, validation_alias="QUINTET_GATEWAY_PORT")
    gateway_url: str = Field(
        default="",
        pattern=HTTP_ADDRESS,
        validation_alias="QUINTET_GATEWAY_URL",
        description=(
            "Address of the gateway for the page and the `quintet` command; QUINTET_HOST and "
            "QUINTET_GATEWAY_PORT if empty."
        ),
    )
    gateway_https_folder: str = Field(default="", validation_alias="QUINTET_GATEWAY_HTTPS_FOLDER")
    """Where the gateway has its certificate; then its address is https."""
    gateway_ca: str = Field(
        default="",
        validation_alias="QUINTET_GATEWAY_CA",
        description=(
            "File with the certificate authorities trusted for the gateway, for the page and the "
            "`quintet` command; the system's if empty."
        ),
    )
    gateway_seconds: float = Field(
        default=2.5,
        gt=0.1,
        le=60,
        description="Seconds after which the page gives up waiting for the gateway.",
    )
    token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="QUINTET_TOKEN",
        description="Access token for the gateway, for the page and the `quintet` command.",
    )
    client_id: str = Field(
        default="",
        description=(
            "Client that requests tokens from the gateway (`quintet clients create NAME`). In "
            "containers setup makes one."
        ),
    )
    client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of that client.")
    airflow_url: str = Field(
        default="",
        pattern=HTTP_ADDRESS,
        description="Address of Airflow for links; no link if empty.",
    )
    mlflow_url: str = Field(
        default="",
        pattern=HTTP_ADDRESS,
        description="Address of MLflow for links; no link if empty.",
    )
    spotify_client_id: str = Field(default="", validation_alias="SPOTIPY_CLIENT_ID")
    spotify_client_secret: SecretStr = Field(
        default=SecretStr(""), validation_alias="SPOTIPY_CLIENT_SECRET"
    )
    spotify_redirect_uri: str = Field(
        default="",
        validation_alias=AliasChoices("QUINTET_UI_SPOTIFY_REDIRECT_URI", "SPOTIPY_REDIRECT_URI"),
        description=(
            "Address of this page as registered with Spotify; no export to Spotify if empty. "
            "SPOTIPY_REDIRECT_URI does the same."
        ),
    )

    spotify_accounts_url: str = Field(
        default="https://accounts.spotify.com",
        pattern="^https?://.+[^/]$",
        description="Address of Spotify's accounts; another one for tests and proxies.",
    )
    spotify_api_url: str = Field(
        default="https://api.spotify.com/v1/",
        pattern="^https?://.+/$",
        description="Address of Spotify's Web API; another one for tests and proxies.",
    )

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return bare_host(host)

    @field_validator("gateway_ca")
    @classmethod
    def _is_file(cls, path: str) -> str:
        if path and not Path(path).is_file():
            raise ValueError("must name a file, or be empty")
        return path

    @model_validator(mode="after")
    def _fill(self) -> "Settings":
        if not self.gateway_url:
            # A wildcard address is where a server listens, not where a client connects.
            address = host_port(reachable_host(self.host), self.gateway_port)
            scheme = "https" if self.gateway_https_folder else "http"
            self.gateway_url = f"{scheme}://{address}"
        return self

    @property
    def exports_to_spotify(self) -> bool:
        """Whether a listener may send a list to Spotify from here."""
        secret = self.spotify_client_secret.get_secret_value()
        return bool(self.spotify_client_id and secret and self.spotify_redirect_uri)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsInvalid: A value is out of range; the message names the variable.
    """
    try:
        return Settings()
    except ValidationError as fault:
        raise SettingsInvalid(first_fault(fault, "QUINTET_UI_")) from fault
