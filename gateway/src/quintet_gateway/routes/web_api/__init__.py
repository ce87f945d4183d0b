"""Spotify's Web API, as far as Quintet answers it: one call plugs it into an application."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from quintet_servicekit.errors import AppError

from quintet_gateway.access import Gatekeeper
from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder
from quintet_gateway.routes import token
from quintet_gateway.routes.web_api.endpoints import Upstream, WebApi, router
from quintet_gateway.routes.web_api.middleware import Edge, is_guarded

__all__ = ["Upstream", "install"]


def install(
    app: FastAPI,
    upstream: Upstream,
    gatekeeper: Gatekeeper,
    render: Callable[[AppError], Response],
    *,
    trust_proxy: bool = False,
    recorder: Recorder | None = None,
    experiments: Experiments | None = None,
) -> None:
    """Adds `/v1`, `/api/token`, the gatekeeper before all that is guarded, and CORS.

    Args:
        app: The application.
        upstream: The services behind.
        gatekeeper: Decides who may call.
        render: Renders a refusal outside /v1 in the application's own shape.
        trust_proxy: Whether X-Forwarded-* headers come from a proxy of ours.
        recorder: Keeps the lists that are given out.
        experiments: Takes requests into the experiment that runs.
    """
    app.state.web_api = WebApi(upstream, recorder, experiments)
    app.state.gatekeeper = gatekeeper
    app.include_router(router)
    app.include_router(token.router)
    _describe_security(app, needed=not gatekeeper.is_open)
    app.add_middleware(Edge, gatekeeper=gatekeeper, render=render, trust_proxy=trust_proxy)
    # Outermost: a preflight carries no token, and a refusal must be readable by a page too.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[
            "Retry-After",
            "X-Request-Id",
            "Quintet-Degraded",
            "Quintet-Model-Version",
            "Quintet-Recommendation-Id",
        ],
        max_age=86_400,
    )


def _describe_security(app: FastAPI, *, needed: bool) -> None:
    """Adds to the OpenAPI document where tokens come from, and which paths need one."""
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
