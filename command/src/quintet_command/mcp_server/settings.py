"""Settings of `quintet mcp`, read from the environment."""

from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from quintet_contract.addresses import is_loopback_name

from quintet_command.connection import ConnectionSettings


class McpSettings(ConnectionSettings):
    """How the MCP server reaches the gateway, and how it listens over HTTP."""

    auth: Literal["off", "on"] = "off"
    mcp_client_id: str = Field(
        default="",
        description=(
            "Client that requests tokens from the gateway for `quintet mcp` over stdio "
            "(`quintet clients create assistant --scope read --scope playlists`)."
        ),
    )
    mcp_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Secret of that client."
    )
    mcp_host: str = Field(
        default="127.0.0.1", description="Address that `quintet mcp --http` binds."
    )
    mcp_port: int = Field(
        default=8700, ge=0, le=65535, description="HTTP port of `quintet mcp --http`."
    )
    mcp_allowed_hosts: str = Field(
        default="",
        description=(
            "Host names besides those of this machine by which callers may name `quintet mcp "
            "--http`, separated by commas. If empty and QUINTET_AUTH is on: all."
        ),
    )
    mcp_seconds: float = Field(
        default=10.0, ge=0.5, le=60, description="Seconds for each call of the gateway."
    )

    @model_validator(mode="after")
    def _checked(self) -> "McpSettings":
        if bool(self.mcp_client_id) != bool(self.mcp_client_secret.get_secret_value()):
            raise PydanticCustomError(
                "mcp_client_id",
                "QUINTET_MCP_CLIENT_ID and QUINTET_MCP_CLIENT_SECRET must both be set, or neither",
            )
        return self

    def check_exposure(self) -> None:
        """Check that no caller without a token is served beyond this machine.

        Raises:
            ValueError: The message is one line that says what to do.
        """
        if self.auth == "off" and not is_loopback_name(self.mcp_host):
            raise ValueError(
                f"QUINTET_AUTH is off but QUINTET_MCP_HOST={self.mcp_host} is not loopback: set "
                "QUINTET_AUTH=on for gateway and MCP server, or bind to 127.0.0.1"
            )

    def host_names(self) -> list[str]:
        """Collect the allowed host names besides those of loopback."""
        return [name.strip() for name in self.mcp_allowed_hosts.split(",") if name.strip()]
