"""Access to media servers: which addresses they may have, and how callers show who they are."""

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from quintet_access.players import subsonic_token

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Metadata services outside of the link-local range: AWS over IPv6, Alibaba, Oracle, Azure.
_METADATA: Final = tuple(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_SUBSONIC_VERSION: Final = "1.16.1"
JELLYFIN_CLIENT: Final = (
    'MediaBrowser Client="Quintet", Device="Quintet", DeviceId="quintet", Version="1"'
)


def is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    """Decide whether a media server may have an address.

    Private and loopback addresses are where media servers live. Link-local addresses (169.254/16,
    fe80::/10), metadata services, multicast and unspecified addresses are not.

    Args:
        address: IPv4 or IPv6, with or without a zone.
        allowed: Networks that are allowed all the same.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    found = mapped or parsed
    if any(found.version == each.version and found in each for each in allowed):
        return True
    denied = found.is_link_local or found.is_multicast or found.is_unspecified
    return not denied and found not in _METADATA


def subsonic_credentials(
    user: str,
    password: str,
    *,
    plain: bool = False,
    salt: Callable[[], str] = lambda: secrets.token_hex(8),
) -> dict[str, str]:
    """Make the parameters that each Subsonic request carries (subsonic.org/pages/api.jsp).

    Args:
        user: Name of the user.
        password: Of the user.
        plain: Send the password itself, to servers that keep only its hash.
        salt: Makes the salt of the token.
    """
    common = {"u": user, "v": _SUBSONIC_VERSION, "c": "quintet", "f": "json"}
    if plain:
        # Hexadecimal, as the protocol wants it; this hides nothing.
        return {**common, "p": f"enc:{password.encode().hex()}"}
    made = salt()
    return {**common, "t": subsonic_token(password, made), "s": made}


def jellyfin_authorization(token: str = "") -> str:
    """Make the Authorization header of Jellyfin, with an API key or token; empty before a login.

    Raises:
        ValueError: The token holds characters that no token has.
    """
    # A quote would end the value in the header, and a line feed the header itself.
    if not token.isascii() or (token and not token.isprintable()) or '"' in token:
        raise ValueError("the key or token holds characters that none has")
    return f'{JELLYFIN_CLIENT}, Token="{token}"' if token else JELLYFIN_CLIENT
