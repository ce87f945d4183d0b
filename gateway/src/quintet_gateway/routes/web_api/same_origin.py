"""Without authentication, keep websites of others from reading and changing what the gateway has.

The gateway then listens on loopback only, but every page in a browser on the machine reaches it.
A page of another origin is denied by its Origin header. A page that lets its own name resolve to
127.0.0.1 (DNS rebinding) is of the same origin for the browser; it is denied by its Host header.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from fastapi import Response
from fastapi.middleware.cors import CORSMiddleware
from quintet_contract.addresses import bare_host, is_loopback_name, split_host_port
from quintet_servicekit.errors import AppError, PermissionDenied, Reason
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from quintet_gateway.routes.web_api.middleware import shaped

# Probes of load balancers name the gateway as they like, and learn only that it runs.
_OPEN: Final = ("/healthz", "/readyz")
_LONGEST_SHOWN: Final = 100
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")


class KnownOrigins:
    """The hosts and origins whose requests are answered while authentication is off.

    Args:
        hosts: Names of the gateway besides those of loopback.
        origins: Origins of other hosts whose pages may call, such as `https://app.example`.
    """

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self._hosts = frozenset(bare_host(host).lower() for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        # Remembered, since almost every request names the same host.
        self.has_host = lru_cache(maxsize=64)(self._has_host)

    def _has_host(self, header: str) -> bool:
        """Check a Host header; any port is right."""
        host, _ = split_host_port(header)
        return is_loopback_name(host) or host.lower() in self._hosts

    def has_origin(self, header: str) -> bool:
        """Check an Origin header; `null`, as of a file or a sandboxed frame, is unknown."""
        if header.lower() in self._origins:
            return True
        try:
            parts = urlsplit(header)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self.has_host(parts.netloc)


class SameOrigin:
    """Deny requests for unknown hosts, and from pages of unknown origins.

    Args:
        app: The wrapped application.
        known: The hosts and origins that are answered.
        render: Renders an error outside /v1.
    """

    def __init__(
        self, app: ASGIApp, known: KnownOrigins, render: Callable[[AppError], Response]
    ) -> None:
        self._app = app
        self._known = known
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host"), headers.get("origin")
        if host and not self._known.has_host(host):
            error = _denied("host", host, "QUINTET_GATEWAY_ALLOWED_HOSTS")
        elif origin is not None and not self._known.has_origin(origin):
            error = _denied("origin", origin, "QUINTET_GATEWAY_ALLOWED_ORIGINS")
        else:
            await self._app(scope, receive, send)
            return
        await shaped(scope["path"], error, self._render)(scope, receive, send)


class KnownOriginsCors(CORSMiddleware):
    """Let pages of known origins read answers.

    Args:
        app: The wrapped application.
        known: The origins.
        options: As of `CORSMiddleware`.
    """

    def __init__(self, app: ASGIApp, known: KnownOrigins, **options: object) -> None:
        super().__init__(app, **options)  # type: ignore[arg-type]
        self._known = known

    def is_allowed_origin(self, origin: str) -> bool:
        """Check an Origin header."""
        return self._known.has_origin(origin)


def _denied(what: str, value: str, setting: str) -> PermissionDenied:
    shown = _UNSAFE.sub("?", value)[:_LONGEST_SHOWN]
    return PermissionDenied(
        Reason.ORIGIN_DENIED,
        f"The {what} {shown!r} is not known, and QUINTET_AUTH is off; add it to {setting}.",
        metadata={"header": what},
    )
