"""The OpenAPI page, whose scripts are served by the gateway, so that it works offline."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_ASSETS: Final = Path(str(fastapi_offline.__file__)).parent / "static"
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI) -> None:
    """Add `/docs` to an application."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Quintet API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
    )
    headers = {"Content-Security-Policy": content_policy(bytes(page.body))}
    app.mount("/docs/assets", StaticFiles(directory=_ASSETS), name="assets")

    @app.get("/docs", include_in_schema=False)
    async def get_docs(_request: Request) -> Response:
        return HTMLResponse(page.body, headers=headers)


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
