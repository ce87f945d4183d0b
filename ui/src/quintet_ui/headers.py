"""Security headers of the page's server: what may load, and who may frame it."""

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
    # Spotify returns a code in the address; without this, it would leak as the referrer.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

# The second one denies a WebSocket.
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})


def content_policy(index: str) -> str:
    """Build the content security policy of the page.

    Only covers and previews load from other servers, and nothing is sent to them. Scripts run only
    if they are files of this server or are in the index that Streamlit serves. Streamlit loads
    components as blobs and writes its styles inline. Plotly compiles functions from text to draw
    the operator's charts.

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
            # Previews play from their own servers, as covers load.
            "media-src 'self' https:",
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


def static_folder() -> Path:
    """Find the files that Streamlit serves."""
    from streamlit import file_util

    return Path(file_util.get_static_dir())


def index_of_streamlit() -> str:
    """Read the HTML that Streamlit serves."""
    return (static_folder() / "index.html").read_text(encoding="utf-8")


class SecureHeaders:
    """Adds the headers to every answer by HTTP, also to a WebSocket's denial.

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
        async def send_with_headers(message: Any) -> None:
            if message["type"] in _STARTS:
                told = [pair for pair in message["headers"] if pair[0].lower() not in self._names]
                message = {**message, "headers": [*told, *self._added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
