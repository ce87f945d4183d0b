"""Settings of the players service, read from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict
from quintet_contract.addresses import host_port, reachable_host
from quintet_servicekit.settings import ProcessSettings
from quintet_settings import FIXED, HTTP_ADDRESS


class PlayersSettings(ProcessSettings):
    """Settings with prefix `QUINTET_PLAYERS_`; host, home, auth and the gateway's are shared."""

    model_config = SettingsConfigDict(env_prefix="QUINTET_PLAYERS_")

    port: int = Field(
        default=8600,
        ge=0,
        le=65535,
        description="HTTP port for music players; with Compose, the port on 127.0.0.1.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of Prometheus metrics; 0 is off. 9100 in containers.",
    )
    base_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path before /api and /rest, such as /quintet; none if empty.",
    )
    source: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9._-]{0,63})?$",
        description=(
            "Source of music whose ids players send, unless a player has another; the only media "
            "server if empty."
        ),
    )
    gateway_port: int = Field(default=8000, ge=1, le=65535, validation_alias="QUINTET_GATEWAY_PORT")
    gateway_url: str = Field(
        default="", pattern=HTTP_ADDRESS, validation_alias="QUINTET_GATEWAY_URL"
    )
    gateway_https_folder: str = Field(default="", validation_alias="QUINTET_GATEWAY_HTTPS_FOLDER")
    gateway_ca: str = Field(default="", validation_alias="QUINTET_GATEWAY_CA")
    seconds: float = Field(
        default=8.0,
        ge=0.5,
        le=60,
        description="Seconds within which a player gets an answer; it may take several calls.",
    )
    client_id: str = Field(
        default="",
        description=(
            "Client that requests tokens from the gateway, with the scopes read and library "
            "(`quintet clients create players --scope read --scope library`). In containers setup "
            "makes one."
        ),
    )
    client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of that client.")
    max_in_flight: int = Field(
        default=32,
        ge=1,
        le=1_000,
        description="Requests of players that are answered at once; more get 429.",
    )
    max_connections: int = Field(
        default=256, ge=8, le=10_000, description="Open connections of players; more get 503."
    )
    # Bytes of a request's body: a form of Subsonic, or a few ids as JSON.
    max_body_bytes: Annotated[int, FIXED] = Field(default=65_536, ge=1_024, le=1_048_576)
    # Seconds that an idle connection stays open.
    idle_seconds: Annotated[int, FIXED] = Field(default=15, ge=1, le=600)
    # Seconds allowed for open requests when stopping: less than the supervisor waits.
    grace: Annotated[int, FIXED] = Field(default=5, ge=0, le=60)

    @field_validator("gateway_ca")
    @classmethod
    def _is_file(cls, path: str) -> str:
        if path and not Path(path).is_file():
            raise ValueError("must name a file, or be empty")
        return path

    @model_validator(mode="after")
    def _fill(self) -> "PlayersSettings":
        if bool(self.client_id) != bool(self.client_secret.get_secret_value()):
            raise ValueError(
                "QUINTET_PLAYERS_CLIENT_ID and QUINTET_PLAYERS_CLIENT_SECRET: set both or none"
            )
        if not self.gateway_url:
            # A wildcard address is where a server listens, not where a client connects.
            address = host_port(reachable_host(self.host), self.gateway_port)
            scheme = "https" if self.gateway_https_folder else "http"
            self.gateway_url = f"{scheme}://{address}"
        return self
