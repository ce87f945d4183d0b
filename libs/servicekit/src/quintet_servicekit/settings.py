"""Settings that every process has, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from quintet_settings import EnvironmentSettings

from quintet_servicekit.server import Endpoint
from quintet_servicekit.tls import Tls, tls_of


class ProcessSettings(EnvironmentSettings):
    """State folder, address, authentication, TLS and logging of a process.

    A subclass sets `env_prefix`, such as `QUINTET_RANKER_`; fields with an alias have the same name
    in every process.
    """

    model_config = SettingsConfigDict(populate_by_name=True, hide_input_in_errors=True)

    home: Path = Field(default=Path(".quintet"), validation_alias="QUINTET_HOME")
    host: str = Field(default="127.0.0.1", validation_alias="QUINTET_HOST")
    auth: Literal["off", "on"] = Field(default="off", validation_alias="QUINTET_AUTH")
    tls: Literal["off", "on", "mutual"] = Field(default="off", validation_alias="QUINTET_TLS")
    """Whether services speak TLS to each other; mutual where callers prove themselves too."""
    tls_folder: str = Field(default="", validation_alias="QUINTET_TLS_FOLDER")
    """What `quintet certificates create` made, or a folder with tls.crt, tls.key and ca.crt."""
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_form: str = Field(default="auto", pattern="^(auto|json|console)$")
    """How lines are written; auto is console where standard error is a terminal, else json."""

    def transport(self, name: str) -> Tls | None:
        """Read the TLS settings for a process of that name; None if TLS is off.

        Raises:
            IdentityInvalid: There is no usable certificate.
        """
        return tls_of(self.tls, self.tls_folder, name)


class ServiceSettings(ProcessSettings):
    """Settings of a gRPC service; a subclass sets the default of `port`."""

    port: int = Field(default=0, ge=0, le=65535)
    metrics_port: int = Field(default=0, ge=0, le=65535)
    follow_seconds: float = Field(default=2.0, gt=0, le=3600)
    """Polling interval for a new published version, in seconds."""
    max_concurrent_rpcs: int = Field(default=256, ge=1, le=10_000)
    default_timeout: float = Field(default=10.0, gt=0, le=600)
    """Seconds allowed for a call that came without a deadline."""
    grace: float = Field(default=5.0, ge=0, le=600)
    """Seconds allowed for open calls when stopping."""

    def endpoint(self) -> Endpoint:
        """Build the address and the limits of the server from the settings.

        Raises:
            IdentityInvalid: TLS is on and there is no usable certificate.
        """
        prefix = str(self.model_config.get("env_prefix", ""))
        return Endpoint(
            host=self.host,
            port=self.port,
            port_setting=f"{prefix}PORT",
            default_timeout=self.default_timeout,
            grace=self.grace,
            max_concurrent_rpcs=self.max_concurrent_rpcs,
            tls=self.transport(prefix.removeprefix("QUINTET_").rstrip("_").lower()),
        )
