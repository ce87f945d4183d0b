"""Serves the page: Streamlit behind the guard and the security headers, with bounded messages."""

import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import h11
import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from streamlit.web import bootstrap
from uvicorn.protocols.http.h11_impl import H11Protocol

from quintet_ui.assets import Assets
from quintet_ui.guard import Guard
from quintet_ui.headers import SecureHeaders, content_policy, index_of_streamlit, static_folder
from quintet_ui.histories import Histories
from quintet_ui.logs import configure_logs
from quintet_ui.map import MapRoutes
from quintet_ui.own_files import OwnFiles
from quintet_ui.session import open_gateway
from quintet_ui.settings import Settings
from quintet_ui.shell import PATH, page_of
from quintet_ui.shell.early_search import EarlySearch

_PAGE: Final = Path(__file__).parent / "page.py"
MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Of one message of a browser: a click sends some kilobytes, and a long link some ten."""
MAX_HEAD_BYTES: Final = 65_536  # as at the gateway
_PING_SECONDS: Final = 30.0  # proxies often close a connection that is silent for a minute
_GRACE_SECONDS: Final = 5  # sessions never end by themselves


def serve(settings: Settings, options: dict[str, Any]) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: The page's settings.
        options: Streamlit's options, by names such as `server_port`.

    Returns:
        0, or 2 with one line on standard error if the address cannot be bound.
    """
    bootstrap.load_config_options(options)
    configure_logs(settings.log_level, settings.log_form)
    secured = Middleware(SecureHeaders, policy=content_policy(page_of(index_of_streamlit(), PATH)))
    guarded = Middleware(Guard, hosts=hosts_of(settings), max_sessions=settings.max_sessions)
    assets = Middleware(Assets, folder=static_folder())
    # Its own client: the page's is made in a session, of which there is none yet.
    client = open_gateway(settings)
    routes = [
        *OwnFiles(client).routes(),
        *Histories(client).routes(),
        *MapRoutes(client).routes(),
        *EarlySearch(client).routes(),
    ]
    app = st.App(_PAGE, routes=routes, middleware=[secured, guarded, assets])
    try:
        listener = _bind(settings.host, settings.port)
    except OSError as fault:
        sys.stderr.write(
            f"error: {settings.host}:{settings.port} cannot be bound ({fault.strerror}); "
            "choose another port with QUINTET_UI_PORT.\n"
        )
        return 2
    # uvicorn drains on these and then raises them again for the previous handler, whose default
    # would report a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=_BoundedProtocol,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=_PING_SECONDS,
            ws_ping_timeout=_PING_SECONDS,
            # A small compressed message could unpack into a big one.
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Only the settings decide whom the page believes: it needs no client's address.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            # Both by `configure_logs`: without handlers, lines reach the root logger.
            log_config=None,
            log_level=None,
        )
    )
    server.run(sockets=[listener])
    return 0 if server.started else 2


class _BoundedProtocol(H11Protocol):
    """HTTP in pure Python: it bounds the head and the trailers of a request."""

    def send_400_response(self, msg: str) -> None:
        # An error after the answer has begun, as in trailers: a second answer cannot be sent.
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()


def hosts_of(settings: Settings) -> frozenset[str]:
    """Collect the names under which the page is served, besides localhost and addresses."""
    back_from_spotify = urlsplit(settings.spotify_redirect_uri).hostname or ""
    named = (name.strip() for name in settings.hosts.split(","))
    return frozenset(filter(None, (*named, settings.host.lower(), back_from_spotify)))


def _bind(host: str, port: int) -> socket.socket:
    """Open a listening socket at the first address that the host name resolves to.

    Raises:
        OSError: The address does not exist here, or the port is in use.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=2048)
