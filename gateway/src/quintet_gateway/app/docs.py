"""The OpenAPI page, whose scripts are served by the gateway, so that it works offline."""

import base64
import copy
import hashlib
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
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI) -> None:
    """Add `/docs` and `/openapi.json` to an application, also where a proxy adds a prefix.

    Their addresses begin with the prefix of the address that the caller used, which `Edge` reads
    from `X-Forwarded-Prefix` if the proxy is trusted.
    """
    app.mount("/docs/assets", StaticFiles(directory=_ASSETS), name="assets")

    @app.get("/docs", include_in_schema=False)
    async def get_docs(request: Request) -> Response:
        page = bytes(_page(_prefix_of(request)).body)
        headers = {"Content-Security-Policy": content_policy(page)}
        return HTMLResponse(page, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    async def get_openapi(request: Request) -> Response:
        return JSONResponse(_with_prefix(app.openapi(), _prefix_of(request)))


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
