"""Failures as players receive them: a sentence, the status of HTTP and the code of Subsonic."""

from typing import Final

from quintet_client import QuintetError
from quintet_client.errors import (
    ApiError,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    TimedOut,
    Unauthenticated,
)

GENERIC: Final = 0
MISSING_PARAMETER: Final = 10
WRONG_PASSWORD: Final = 40
UNSUPPORTED_WAY: Final = 42
SEVERAL_WAYS: Final = 43
WRONG_KEY: Final = 44
NOT_FOUND: Final = 70
"""Error codes of OpenSubsonic (opensubsonic.netlify.app/docs/responses/error)."""


class PlayerFault(Exception):
    """A request of a player cannot be answered.

    Attributes:
        message: One sentence for the person: what is wrong and what to do. No secret.
        status: The HTTP status, for protocols that have one.
        code: The error code of Subsonic.
    """

    def __init__(self, message: str, status: int = 400, code: int = GENERIC) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


def fault_of(error: QuintetError) -> PlayerFault:
    """Convert a failure of the gateway to what a player receives."""
    message = error.message.rstrip(".") + "."
    match error:
        case NotFound():
            return PlayerFault(message, 404, NOT_FOUND)
        case InvalidArgument():
            return PlayerFault(message, 400)
        case ResourceExhausted():
            return PlayerFault(message, 429)
        case Unauthenticated() | PermissionDenied():
            return PlayerFault(
                "The gateway denies the players service. Create a client with `quintet clients "
                "create players --scope read --scope library`, and set QUINTET_PLAYERS_CLIENT_ID "
                "and QUINTET_PLAYERS_CLIENT_SECRET.",
                503,
            )
        case TimedOut() | DeadlineExceeded():
            return PlayerFault("Quintet did not answer in time; try again.", 504)
        case ConnectionFailed():
            return PlayerFault(
                "Quintet's gateway cannot be reached; start it, or check its "
                "address in QUINTET_GATEWAY_URL.",
                503,
            )
        case ApiError() if error.code == 503:
            return PlayerFault(message, 503)
    return PlayerFault("Quintet's gateway failed; its log has the reason.", 502)
