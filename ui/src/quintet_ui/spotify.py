"""The list as a Spotify playlist of the listener's own (OAuth 2.0, authorization code).

Shown only if it is configured. The listener is sent to Spotify with a state that only this
process knows; Spotify sends them back with a code, which brings a token, which makes one private
playlist and is then forgotten: it is never kept, shown or logged.
"""

import hmac
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st
from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits

from quintet_ui.settings import Settings

if TYPE_CHECKING:
    from spotipy import SpotifyOAuth

# spotipy imports Redis and OpenTelemetry, 20 MB: it is imported where a listener exports, so a page
# without that does not pay for it.
SCOPE: Final = "playlist-modify-private"
STATE_SECONDS: Final = 900.0  # time to sign in at Spotify
_MOST_STATES: Final = 1000
_SECONDS: Final = 5.0  # for each request to Spotify
_BATCH: Final = 100  # the most tracks that Spotify adds at once
_MASKED: Final = re.compile(r"2\|([0-9a-f]{8})\|((?:[0-9a-f]{2})+)\|\d+\Z")

# At level DEBUG, spotipy logs whole requests with their tokens.
logging.getLogger("spotipy").setLevel(logging.WARNING)


class ExportFailed(Exception):
    """Spotify did not make the playlist."""


@dataclass(frozen=True)
class PendingExport:
    """An export that waits for the listener to return from Spotify.

    Attributes:
        query: The link that restores their session.
        tracks: The list, as Spotify track ids.
        recommendation_id: The recommendation the list came from.
        browser: The secret of the browser; a return from another browser is rejected.
        moment: When the listener left, on the clock of `time.monotonic`.
    """

    query: Mapping[str, Sequence[str]]
    tracks: tuple[str, ...]
    recommendation_id: str
    browser: str
    moment: float


class PendingExports:
    """Exports that wait for Spotify, by state; bounded in number and time."""

    def __init__(self) -> None:
        self._by_state: OrderedDict[str, PendingExport] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, state: str, pending: PendingExport) -> None:
        """Keep a pending export; it replaces an earlier one of the same state."""
        with self._lock:
            self._by_state.pop(state, None)
            self._by_state[state] = pending
            while len(self._by_state) > _MOST_STATES:
                self._by_state.popitem(last=False)

    def take(self, state: str, browser: str) -> PendingExport | None:
        """Take a pending export, once; None if it expired or the browser differs."""
        with self._lock:
            pending = self._by_state.pop(state, None)
        if pending is None or time.monotonic() - pending.moment > STATE_SECONDS:
            return None
        # In constant time, so that the secret cannot be guessed byte by byte.
        return pending if hmac.compare_digest(pending.browser, browser) else None


@st.cache_resource(show_spinner=False)
def pending_exports() -> PendingExports:
    """Share the pending exports of this process."""
    return PendingExports()


def new_state() -> str:
    """Generate a state that cannot be guessed (RFC 6749, section 10.12)."""
    return secrets.token_urlsafe(32)


def browser_secret() -> str:
    """Read the secret in Streamlit's cookie, which identifies this browser."""
    return unmasked(st.context.cookies.get("_streamlit_xsrf") or "")


def unmasked(cookie: str) -> str:
    """Read the secret of an XSRF cookie, which each response masks differently.

    Source of the form, `2|mask|masked secret|time`: `tornado.web.RequestHandler.xsrf_token`.
    A cookie of any other form is its own secret.
    """
    match = _MASKED.match(cookie)
    if match is None:
        return cookie
    mask, secret = (bytes.fromhex(part) for part in match.groups())
    return bytes(byte ^ mask[place % len(mask)] for place, byte in enumerate(secret)).hex()


def can_export(track_id: str) -> bool:
    """Whether an id has the form of Spotify's track ids."""
    return fits(SPOTIFY_TRACK_PATTERN, track_id)


def sign_in_address(settings: Settings, state: str) -> str:
    """Build the address where a listener permits one playlist."""
    return str(_oauth(settings).get_authorize_url(state=state))


def export(settings: Settings, code: str, title: str, tracks: Sequence[str]) -> str:
    """Create a private playlist and return its address.

    Raises:
        ExportFailed: Spotify denied it, or did not answer in time.
    """
    import requests
    import spotipy

    try:
        token = _oauth(settings).get_access_token(code, as_dict=False, check_cache=False)
        client = spotipy.Spotify(auth=token, requests_timeout=_SECONDS, retries=0)
        client.prefix = settings.spotify_api_url
        playlist = client.current_user_playlist_create(title, public=False)
        for start in range(0, len(tracks), _BATCH):
            client.playlist_add_items(playlist["id"], list(tracks[start : start + _BATCH]))
        return str(playlist["external_urls"]["spotify"])
    except (
        spotipy.SpotifyException,
        spotipy.SpotifyOauthError,
        requests.RequestException,
        KeyError,
        TypeError,
    ) as fault:
        # Its text may hold the request, and so the token.
        raise ExportFailed(type(fault).__name__) from None


def _oauth(settings: Settings) -> "SpotifyOAuth":
    from spotipy import MemoryCacheHandler, SpotifyOAuth

    oauth = SpotifyOAuth(
        client_id=settings.spotify_client_id,
        client_secret=settings.spotify_client_secret.get_secret_value(),
        redirect_uri=settings.spotify_redirect_uri,
        scope=SCOPE,
        cache_handler=MemoryCacheHandler(),
        open_browser=False,
        requests_timeout=_SECONDS,
    )
    oauth.OAUTH_AUTHORIZE_URL = f"{settings.spotify_accounts_url}/authorize"
    oauth.OAUTH_TOKEN_URL = f"{settings.spotify_accounts_url}/api/token"
    return oauth
