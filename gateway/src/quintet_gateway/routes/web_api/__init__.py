"""Spotify's Web API, as far as Quintet answers it: one call plugs it into an application."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from quintet_servicekit.errors import AppError

from quintet_gateway.access import Gatekeeper
from quintet_gateway.routes import token
from quintet_gateway.routes.web_api.edge import Edge
from quintet_gateway.routes.web_api.endpoints import Upstream, WebApi, router

__all__ = ["Upstream", "install"]


def install(
    app: FastAPI,
    upstream: Upstream,
    gatekeeper: Gatekeeper,
    render: Callable[[AppError], Response],
    *,
    trust_proxy: bool = False,
) -> None:
    """Adds `/v1`, `/api/token`, the gatekeeper before all that is guarded, and CORS.

    Args:
        app: The application.
        upstream: The services behind.
        gatekeeper: Decides who may call.
        render: Renders a refusal outside /v1 in the application's own shape.
        trust_proxy: Whether X-Forwarded-* headers come from a proxy of ours.
    """
    app.state.web_api = WebApi(upstream)
    app.state.gatekeeper = gatekeeper
    app.include_router(router)
    app.include_router(token.router)
    app.add_middleware(Edge, gatekeeper=gatekeeper, render=render, trust_proxy=trust_proxy)
    # Outermost: a preflight carries no token, and a refusal must be readable by a page too.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "X-Request-Id", "Quintet-Degraded", "Quintet-Model-Version"],
        max_age=86_400,
    )
