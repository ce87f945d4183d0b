"""Settings that every process has, read from the environment."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict
from quintet_contract.addresses import bare_host
from quintet_settings import FIXED, EnvironmentSettings

from quintet_servicekit.server import Endpoint
from quintet_servicekit.tls import Tls, tls_of


class ProcessSettings(EnvironmentSettings):
    """State folder, address, authentication, TLS and logging of a process.

    A subclass sets `env_prefix`, such as `QUINTET_RANKER_`; fields with an alias have the same name
    in every process.
    """

    model_config = SettingsConfigDict(populate_by_name=True, hide_input_in_errors=True)

    home: Path = Field(
        default=Path(".quintet"),
        validation_alias="QUINTET_HOME",
        description="Folder of all state. In containers /var/lib/quintet, on the volume home.",
    )
    host: str = Field(
        default="127.0.0.1",
        validation_alias="QUINTET_HOST",
        description=(
            "Address to listen on. In containers 0.0.0.0, reached only through ports that "
            "Compose publishes."
        ),
    )
    auth: Literal["off", "on"] = Field(
        default="off",
        validation_alias="QUINTET_AUTH",
        description=(
            "on: every call needs an access token (`quintet clients create NAME`). Always on in "
            "containers."
        ),
    )
    tls: Literal["off", "on", "mutual"] = Field(
        default="off",
        validation_alias="QUINTET_TLS",
        description="TLS between the services; mutual: callers show a certificate too.",
    )
    tls_folder: str = Field(
        default="",
        validation_alias="QUINTET_TLS_FOLDER",
        description=(
            "Folder that `quintet certificates create FOLDER` wrote, or one with tls.crt, "
            "tls.key and ca.crt."
        ),
    )
    log_level: str = Field(
        default="INFO",
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

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return bare_host(host)

    def transport(self, name: str) -> Tls | None:
        """Read the TLS settings for a process of that name; None if TLS is off.

        Raises:
            IdentityInvalid: There is no usable certificate.
        """
        return tls_of(self.tls, self.tls_folder, name)


class ServiceSettings(ProcessSettings):
    """Settings of a gRPC service; a subclass sets the default of `port`."""

    port: int = Field(default=0, ge=0, le=65535, description="gRPC port.")
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of Prometheus metrics; 0 is off. 9100 in containers.",
    )
    # Seconds between checks for a newly published version: one read of a small file each.
    follow_seconds: Annotated[float, FIXED] = Field(default=2.0, gt=0, le=3600)
    # Calls at once; more are rejected. The queue of each service fills long before.
    max_concurrent_rpcs: Annotated[int, FIXED] = Field(default=256, ge=1, le=10_000)
    # Seconds allowed for a call without a deadline; every client of ours sets one.
    default_timeout: Annotated[float, FIXED] = Field(default=10.0, gt=0, le=600)
    # Seconds allowed for open calls when stopping: half of what Docker and Compose wait.
    grace: Annotated[float, FIXED] = Field(default=5.0, ge=0, le=600)

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
