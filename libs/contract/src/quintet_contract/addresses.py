"""Hosts and ports as text: IPv6 literals need brackets beside a port, and none to bind."""

import ipaddress
from typing import Final

# Addresses to recognise; nothing binds to them.
_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104


def bare_host(host: str) -> str:
    """Remove the brackets of an IPv6 literal, as sockets take it: `[::1]` becomes `::1`."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def host_port(host: str, port: int | str) -> str:
    """Write `host:port`, with brackets around an IPv6 literal, as URLs and gRPC take it."""
    host = bare_host(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable_host(host: str) -> str:
    """Choose the address by which this machine reaches a server that is bound to a host.

    A server may listen on a wildcard address; a client cannot connect to one.
    """
    host = bare_host(host)
    return _WILDCARDS.get(host, host)


def split_host_port(text: str) -> tuple[str, str]:
    """Split a Host header or an address into its host, without brackets, and its port, or "".

    A bare IPv6 literal without brackets has no port.
    """
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def is_loopback_name(host: str) -> bool:
    """Decide whether a host always means this machine: localhost, *.localhost, 127.0.0.0/8, ::1.

    No other name counts, since its owner decides which address it resolves to (RFC 6761, 6.3).
    """
    name = bare_host(host).lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
