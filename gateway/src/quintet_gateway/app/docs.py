"""The first page and the OpenAPI page, which need no other server: they work offline."""

import base64
import copy
import hashlib
import html
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

_ASSETS: Final = Path(str(fastapi_offline.__file__)).parent / "static"
# What `/` names: the path below the gateway, and what a caller finds there.
_PLACES: Final = {
    "docs": ("/docs", "every route, to read and to try"),
    "openapi": ("/openapi.json", "the same as an OpenAPI document"),
    "health": ("/healthz", "whether this process answers"),
    "readiness": ("/readyz", "whether the services that it calls are ready"),
    "token": ("/api/token", "access tokens for clients (POST)"),
}
_SUMMARY: Final = "Quintet is a music recommender. This is its HTTP API."
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI) -> None:
    """Add `/`, `/docs` and `/openapi.json` to an application, also where a proxy adds a prefix.

    Their addresses begin with the prefix of the address that the caller used, which `Edge` reads
    from `X-Forwarded-Prefix` if the proxy is trusted.
    """
    app.mount("/docs/assets", StaticFiles(directory=_ASSETS), name="assets")

    @app.get("/", include_in_schema=False)
    async def get_overview(request: Request) -> Response:
        prefix = _prefix_of(request)
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_overview(prefix), headers={"Vary": "Accept"})
        links = {name: prefix + path for name, (path, _) in _PLACES.items()}
        facts = {"name": app.title, "version": app.version, "summary": _SUMMARY, "links": links}
        return JSONResponse(facts, headers={"Vary": "Accept"})

    @app.get("/docs", include_in_schema=False)
    async def get_docs(request: Request) -> Response:
        page = bytes(_page(_prefix_of(request)).body)
        headers = {"Content-Security-Policy": content_policy(page)}
        return HTMLResponse(page, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    async def get_openapi(request: Request) -> Response:
        return JSONResponse(_with_prefix(app.openapi(), _prefix_of(request)))


def _overview(prefix: str) -> str:
    """Write `/` for a person with a browser: no script and no style, as the policy demands."""
    rows = "".join(
        f'<li><a href="{html.escape(prefix + path)}">{path}</a>: {said}</li>'
        for path, said in _PLACES.values()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quintet API</title>'
        f"<h1>Quintet</h1><p>{_SUMMARY}</p><ul>{rows}</ul></html>"
    )


def _prefix_of(request: Request) -> str:
    """Read the part of the path that a proxy removed, such as "/music"; "" without one."""
    return urlsplit(request.scope["quintet.base"]).path


def _page(prefix: str) -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=f"{prefix}/openapi.json",
        title="Quintet API",
        swagger_js_url=f"{prefix}/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{prefix}/docs/assets/swagger-ui.css",
        swagger_favicon_url=f"{prefix}/docs/assets/favicon.png",
    )


def _with_prefix(document: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Name the prefix in an OpenAPI document: in its servers, and where tokens are issued."""
    if not prefix:
        return document
    found = copy.deepcopy(document)
    for scheme in found.get("components", {}).get("securitySchemes", {}).values():
        for flow in scheme.get("flows", {}).values():
            flow["tokenUrl"] = prefix + flow["tokenUrl"]
    return {**found, "servers": [{"url": prefix}]}


def content_policy(page: bytes) -> str:
    """Build a page's Content-Security-Policy: its inline scripts by hash, and this origin."""
    scripts = [hashlib.sha256(script).digest() for script in _INLINE.findall(page)]
    hashes = " ".join(f"'sha256-{base64.b64encode(script).decode()}'" for script in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {hashes}",
            # Swagger UI writes style attributes.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
