"""Calls to the gateway with the token of the caller of a tool, and failures in words."""

from contextvars import ContextVar
from typing import Final, TypeVar

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver.exceptions import ToolError
from quintet_client import ApiError, AsyncQuintet, QuintetError, Retries
from quintet_client.protocol import Call

from quintet_command.mcp_server.settings import McpSettings

T = TypeVar("T")
MOST_CALLS: Final = 16
"""Calls of the gateway at once; further ones wait, within their time."""
CHECKED: Final[ContextVar[str]] = ContextVar("checked", default="")
"""The token that is being checked, before its caller is known."""


def open_gateway(settings: McpSettings, *, of_callers: bool) -> AsyncQuintet:
    """Open a client of the gateway.

    Args:
        settings: Address, credentials and time.
        of_callers: Whether each call carries the token of the tool's caller, as over HTTP with
            QUINTET_AUTH=on; otherwise all carry that of the settings.
    """
    common = {
        "timeout": settings.mcp_seconds,
        "ca_file": settings.gateway_ca,
        "max_connections": MOST_CALLS,
        "retries": Retries(attempts=2),
    }
    if of_callers:
        return AsyncQuintet(settings.gateway_url, token=_bearer, **common)  # type: ignore[arg-type]
    if settings.mcp_client_id:
        common["client_id"] = settings.mcp_client_id
        common["client_secret"] = settings.mcp_client_secret.get_secret_value()
    else:
        common["token"] = settings.token.get_secret_value()
    return AsyncQuintet(settings.gateway_url, **common)  # type: ignore[arg-type]


def _bearer() -> str:
    """Choose the token of a call: that of the request which is being answered."""
    if checked := CHECKED.get():
        return checked
    access = get_access_token()
    return access.token if access else ""


async def ask(gateway: AsyncQuintet, call: Call[T]) -> T:
    """Make a call.

    Raises:
        ToolError: It failed; the message says what to do about it.
    """
    try:
        return await gateway.call(call)
    except ApiError as fault:
        raise ToolError(in_words(fault)) from fault
    except QuintetError as fault:
        raise ToolError(f"The gateway does not answer: {fault.message}") from fault


def in_words(fault: ApiError) -> str:
    """Say what a failure means for the caller of a tool."""
    if fault.reason == "SCOPE_MISSING":
        scope = fault.metadata.get("scope", "")
        return (
            f"This token does not allow it: it lacks the scope '{scope}'. Ask the operator for a "
            f"client with it: quintet clients create NAME --scope read --scope {scope}"
        )
    if fault.reason == "TOKEN_INVALID":
        return "The gateway needs a valid access token; the one that was sent is invalid or expired"
    # The gateway's message names the field, the range and the way out.
    return fault.message
