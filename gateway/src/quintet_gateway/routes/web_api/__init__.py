"""The part of Spotify's Web API that Quintet serves, added to an application by one call."""

from collections.abc import Callable, Collection
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from quintet_servicekit.errors import AppError

from quintet_gateway.access import Gatekeeper
from quintet_gateway.proxies import TrustedProxies
from quintet_gateway.recommender import Recommender
from quintet_gateway.routes import token
from quintet_gateway.routes.dependencies import RECOMMENDATION_ID, Upstream
from quintet_gateway.routes.web_api import catalogue, recommendations, search
from quintet_gateway.routes.web_api.middleware import Edge, is_guarded
from quintet_gateway.routes.web_api.responses import WebApiRoute, failure
from quintet_gateway.routes.web_api.same_origin import (
    KnownOrigins,
    KnownOriginsCors,
    SameOrigin,
)

__all__ = ["install"]
_RESOURCES: Final = (catalogue, search, recommendations)
_CORS: Final[dict[str, Any]] = {
    "allow_methods": ["*"],
    "allow_headers": ["*"],
    "expose_headers": [
        "Retry-After",
        "X-Request-Id",
        "Quintet-Degraded",
        "Quintet-Model-Version",
        RECOMMENDATION_ID,
    ],
    "max_age": 86_400,
}
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def install(
    app: FastAPI,
    upstream: Upstream,
    recommender: Recommender,
    gatekeeper: Gatekeeper,
    render: Callable[[AppError], Response],
    *,
    proxies: TrustedProxies | None = None,
    hosts: Collection[str] = (),
    origins: Collection[str] = (),
) -> None:
    """Add `/v1`, `/api/token`, authentication of all guarded paths, and CORS.

    Args:
        app: The application.
        upstream: Search, profile service and ranker.
        recommender: Composes them into lists.
        gatekeeper: Decides who may call.
        render: Renders an error outside /v1 in the application's own shape.
        proxies: Decides whether X-Forwarded-* headers are believed; none are if None.
        hosts: Names of the gateway besides those of loopback, while authentication is off.
        origins: Websites whose pages may call; if empty, those of the hosts while authentication
            is off, and all while it is on.
    """
    app.state.upstream = upstream
    app.state.recommender = recommender
    app.state.gatekeeper = gatekeeper
    for resource in _RESOURCES:
        app.include_router(resource.router)
    app.include_router(_unknown())
    app.include_router(token.router)
    _describe_security(app, needed=not gatekeeper.is_open)
    app.add_middleware(Edge, gatekeeper=gatekeeper, render=render, proxies=proxies)
    # Around it: a preflight carries no token, and a page must be able to read an error too.
    known = KnownOrigins(hosts, origins)
    if not gatekeeper.is_open and not origins:
        # A page needs a token, which no browser adds by itself: any page may call.
        app.add_middleware(CORSMiddleware, allow_origins=["*"], **_CORS)
    else:
        app.add_middleware(KnownOriginsCors, known=known, **_CORS)  # type: ignore[arg-type]
    if gatekeeper.is_open:
        app.add_middleware(SameOrigin, known=known, render=render)


def _unknown() -> APIRouter:
    """Answer every other path and method under `/v1` in Spotify's shape."""
    router = APIRouter(prefix="/v1")
    endpoints = [route for resource in _RESOURCES for route in resource.router.routes]
    known = [route for route in endpoints if isinstance(route, WebApiRoute)]

    @router.api_route("", methods=list(_METHODS), include_in_schema=False)
    @router.api_route("/{rest:path}", methods=list(_METHODS), include_in_schema=False)
    async def no_such_route(rest: str = "") -> Response:
        if any(route.path_regex.match(f"/v1/{rest}") for route in known):
            # The path exists, so 404 would mislead.
            return failure(405, "Method not allowed", {"Allow": "GET, HEAD, OPTIONS"})
        return failure(404, "Service not found")

    return router


def _describe_security(app: FastAPI, *, needed: bool) -> None:
    """Document in OpenAPI where tokens are issued, and which paths need one."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        flow = {"tokenUrl": "/api/token", "scopes": {}}
        schemes["client"] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
        for path, operations in document["paths"].items() if needed else ():
            if is_guarded(path):
                for operation in operations.values():
                    operation["security"] = [{"client": []}]
        return document

    app.openapi = described  # type: ignore[method-assign]
