"""The address of a caller: that of its connection, or the one that trusted proxies forward."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from quintet_contract.addresses import split_host_port

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks_of(text: str) -> tuple[Network, ...]:
    """Read addresses and networks in CIDR form, separated by commas.

    Raises:
        ValueError: A part is neither.
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(ipaddress.ip_network(part, strict=False) for part in parts if part)


class TrustedProxies:
    """Decide which X-Forwarded-* headers are believed.

    Args:
        networks: The addresses of trusted proxies; empty to believe no header.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def trusts(self, host: str) -> bool:
        """Check whether a connection from this host comes from a trusted proxy."""
        if not self._networks:
            return False
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def caller(self, peer: str, forwarded: Sequence[str]) -> str:
        """Choose the address of the caller: the last one that is not a trusted proxy.

        Each proxy appends the address of the client that called it, so the list is read from its
        end. The entries before the first untrusted address came from the caller and may be false.

        Args:
            peer: The other end of the connection.
            forwarded: The X-Forwarded-For headers, in order.
        """
        hops = [hop.strip() for header in forwarded for hop in header.split(",")]
        caller = peer
        while self.trusts(caller) and hops:
            host, _ = split_host_port(hops.pop())
            if _address(host) is None:
                break
            caller = host
        return caller


# Remembered, since most requests come from a few addresses; bounded, since a caller chooses some.
@lru_cache(maxsize=4096)
def address_key(host: str) -> str:
    """Choose the name under which calls of an address are counted.

    One subscriber has a whole /64 of IPv6 addresses (RFC 6177), so those count together.
    """
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host if address is None else str(address)


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
