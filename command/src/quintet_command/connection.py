"""Settings of the commands that ask a running gateway: its address, a token, its authorities."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict
from quintet_contract.addresses import bare_host, host_port, reachable_host
from quintet_settings import HTTP_ADDRESS, EnvironmentSettings


class ConnectionSettings(EnvironmentSettings):
    """How to reach the gateway; every field has a default.

    Attributes:
        host: Address the services bind.
        gateway_port: Port of the gateway.
        gateway_url: Address of the gateway as clients see it; from host and port by default.
        gateway_https_folder: Folder of the gateway's certificate; its address is https if set.
        gateway_ca: File with the authorities trusted for the gateway; the system's if empty.
        token: Access token for the gateway, needed if it authenticates callers.
    """

    model_config = SettingsConfigDict(env_prefix="QUINTET_", extra="ignore")

    host: str = "127.0.0.1"
    gateway_port: int = Field(default=8000, ge=1, le=65535)
    gateway_url: str = Field(default="", pattern=HTTP_ADDRESS)
    gateway_https_folder: str = ""
    gateway_ca: str = ""
    token: SecretStr = SecretStr("")

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return bare_host(host)

    @model_validator(mode="after")
    def _default_address(self) -> "ConnectionSettings":
        if not self.gateway_url:
            scheme = "https" if self.gateway_https_folder else "http"
            self.gateway_url = (
                f"{scheme}://{host_port(reachable_host(self.host), self.gateway_port)}"
            )
        if self.gateway_ca and not Path(self.gateway_ca).is_file():
            raise PydanticCustomError("gateway_ca", "QUINTET_GATEWAY_CA must name a file")
        return self
