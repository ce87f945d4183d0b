"""Prevent a process without authentication from listening beyond this machine."""

import ipaddress
from enum import StrEnum
from typing import Final


class Auth(StrEnum):
    """Choose whether callers need a token."""

    OFF = "off"
    ON = "on"


class ExposedWithoutAuth(Exception):
    """Report a process that would listen beyond loopback without authentication."""


_REMEDY: Final = (
    "set QUINTET_AUTH=on and make a client with `quintet clients create NAME`, or bind to 127.0.0.1"
)


def require_auth_when_exposed(auth: Auth, host: str) -> None:
    """Reject settings with which anyone on the network could call without a token.

    Raises:
        ExposedWithoutAuth: Authentication is off and the host is not a loopback address; the
            message is one line that says what to do.
    """
    if auth is Auth.OFF and not is_loopback(host):
        raise ExposedWithoutAuth(f"QUINTET_AUTH is off but {host} is not loopback: {_REMEDY}")


def is_loopback(host: str) -> bool:
    """Decide whether only this machine reaches a host; of names, only localhost counts."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
