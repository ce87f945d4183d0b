"""What every answer of the page's server tells the browser: what may load, and who may frame it."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Spotify's answer comes back by a link that holds a code; nobody else is told of it.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def content_policy(index: str) -> str:
    """Returns the content policy of the page.

    Nothing loads from elsewhere but pictures of covers, nothing is sent elsewhere, and no script
    runs that is not a file of this server or stands in its index as Streamlit delivers it.
    Streamlit loads components as blobs and writes its styles inline. Plotly makes functions from
    text to draw the map by WebGL, and without them says that the browser has none.

    Args:
        index: The HTML that Streamlit answers every address with.
    """
    inline = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE.findall(index))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'unsafe-eval' {inline}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob: https:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def index_of_streamlit() -> str:
    """Returns the HTML that Streamlit answers with."""
    from streamlit import file_util

    return (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")


class SecureHeaders:
    """Adds the headers to every answer by HTTP.

    Args:
        app: What answers.
        policy: The content policy.
    """

    def __init__(self, app: Any, policy: str) -> None:
        self._app = app
        self._added: Sequence[tuple[bytes, bytes]] = (
            (b"content-security-policy", policy.encode()),
            *_HEADERS,
        )
        self._names = {name for name, _ in self._added}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                told = [pair for pair in message["headers"] if pair[0].lower() not in self._names]
                message = {**message, "headers": [*told, *self._added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
