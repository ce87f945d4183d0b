"""Failures of calls to the gateway, by what a listener can do about them."""

from enum import StrEnum
from typing import Final

from quintet_client import ApiError, QuintetError, TimedOut
from quintet_client.errors import CredentialsRefused


class Fault(StrEnum):
    """Kinds of failure; every language has a text for each."""

    OFFLINE = "offline"
    SLOW = "slow"
    UNREADY = "unready"
    LIMITED = "limited"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    REFUSED = "refused"


_BY_STATUS: Final = {
    401: Fault.DENIED,
    403: Fault.DENIED,
    404: Fault.ABSENT,
    429: Fault.LIMITED,
    502: Fault.UNREADY,
    503: Fault.UNREADY,
    504: Fault.SLOW,
}
# A reason is more precise than its status: 404 is an unknown song or an unknown route.
_BY_REASON: Final = {
    "SEED_UNKNOWN": Fault.UNKNOWN,
    "ID_UNKNOWN": Fault.UNKNOWN,
    "ROUTE_UNKNOWN": Fault.ABSENT,
}
PASSING: Final = frozenset({Fault.OFFLINE, Fault.SLOW, Fault.UNREADY, Fault.LIMITED})
"""Faults that end without a change of the request, so that another try makes sense."""


class GatewayFault(Exception):
    """The gateway did not answer, or answered with an error.

    Attributes:
        fault: What went wrong.
        reason: The gateway's own reason (docs/errors.md); empty without an answer.
    """

    def __init__(self, fault: Fault, reason: str = "", message: str = "") -> None:
        super().__init__(message or fault.value)
        self.fault = fault
        self.reason = reason


def gateway_fault(error: QuintetError) -> GatewayFault:
    """Classify an error of the client by what a listener can do about it."""
    if isinstance(error, CredentialsRefused):
        # The token route answers 400 for a wrong secret (RFC 6749, section 5.2).
        return GatewayFault(Fault.DENIED, error.reason, error.message)
    if isinstance(error, ApiError):
        by_status = _BY_STATUS.get(error.code, Fault.REFUSED)
        return GatewayFault(_BY_REASON.get(error.reason, by_status), error.reason, error.message)
    # Without an answer of the API, the address may just as well be another program's.
    kind = Fault.SLOW if isinstance(error, TimedOut) else Fault.OFFLINE
    return GatewayFault(kind, message=error.message)
