"""Search in Spotify with spotipy, on separate threads and within the deadline of the call.

spotipy blocks the thread and sleeps for the seconds of Retry-After within a call. So it gets a
session that never retries, and pauses happen here, on the event loop, within the time left. Secrets
stay in memory.
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import requests
import spotipy
from quintet_servicekit.retry import RetryPolicy
from quintet_servicekit.tracing import stage
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.exceptions import SpotifyException, SpotifyOauthError
from spotipy.oauth2 import SpotifyClientCredentials

from quintet_search.domain.ports import RemoteUnavailable
from quintet_search.domain.records import ArtistReference, Matches, TrackRecord

RETRY: Final = RetryPolicy(0.1, 60.0, attempts=4, jitter=(0.8, 1.2))
"""Before the deadline of the call; a longer Retry-After of Spotify has priority."""
# Spotify returns no matches beyond this offset.
LAST_OFFSET: Final = 1000
# HTTP status codes.
_TOO_MANY, _UNAUTHORISED = 429, 401


class _Refused(Exception):
    """One attempt failed.

    Attributes:
        wait: Seconds until the next attempt may succeed; None if none will.
    """

    def __init__(self, why: str, wait: float | None) -> None:
        super().__init__(why)
        self.wait = wait


class _Credentials(SpotifyClientCredentials):  # type: ignore[misc]  # spotipy has no types
    """Client credentials for one token address; one thread at a time requests a token."""

    def __init__(self, client_id: str, client_secret: str, url: str, timeout: float) -> None:
        super().__init__(
            client_id=client_id,
            client_secret=client_secret,
            requests_timeout=timeout,
            cache_handler=MemoryCacheHandler(),
        )
        self.OAUTH_TOKEN_URL = url
        # Without it, every thread would request a token when one expires.
        self._lock = threading.Lock()

    def get_access_token(self, as_dict: bool = False, check_cache: bool = True) -> Any:
        """Get the cached token, or a new one."""
        with self._lock:
            return super().get_access_token(as_dict=as_dict, check_cache=check_cache)

    def forget(self) -> None:
        """Drop the cached token, so that the next call requests a new one."""
        self.cache_handler.save_token_to_cache(None)


class Spotify:
    """Search in Spotify; every call ends within its deadline.

    Args:
        client_id: The app's id.
        client_secret: Its secret.
        api_url: Spotify's Web API, such as https://api.spotify.com/v1/.
        token_url: The address that issues tokens.
        timeout: Seconds that one attempt may take.
        threads: Attempts at once; further ones fail at once instead of waiting.
        page_size: Matches per request, 1 to 50.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        api_url: str,
        token_url: str,
        timeout: float,
        threads: int,
        page_size: int,
    ) -> None:
        # At level DEBUG, spotipy logs its headers, which contain the secret.
        for name in ("spotipy.client", "spotipy.oauth2"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=threads))
        self._credentials = _Credentials(client_id, client_secret, token_url, timeout)
        self._client = spotipy.Spotify(
            auth_manager=self._credentials,
            requests_session=self._session,
            requests_timeout=timeout,
        )
        self._client.prefix = api_url.rstrip("/") + "/"
        self._page_size = page_size
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="spotify")
        self._free = threads

    async def search(
        self, text: str, offset: int, size: int, seconds: float
    ) -> Matches[TrackRecord]:
        """Find matches from an offset on, within `seconds`.

        Raises:
            RemoteUnavailable: There was no answer in time.
        """
        end = asyncio.get_running_loop().time() + seconds
        try:
            with stage("spotify"):
                async with asyncio.timeout_at(end):
                    return await self._search(text, offset, min(size, LAST_OFFSET - offset), end)
        except TimeoutError as fault:
            raise RemoteUnavailable(f"no answer within {seconds:.2f} s") from fault

    async def close(self) -> None:
        """Drop queued attempts and close connections; a hanging attempt ends by its timeout."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._session.close()

    async def _search(self, text: str, offset: int, size: int, end: float) -> Matches[TrackRecord]:
        tracks: list[TrackRecord] = []
        total = 0
        while len(tracks) < size:
            asked = min(self._page_size, size - len(tracks))
            answer = await self._patiently(text, offset + len(tracks), asked, end)
            part, total = _read(answer)
            tracks += part
            # A short page is the last.
            if len(part) < asked:
                break
        # Spotify returns an order without scores, so the reciprocal position is the score.
        scored = [(track, 1.0 / (offset + place + 1)) for place, track in enumerate(tracks[:size])]
        return Matches(scored, total)

    async def _patiently(self, text: str, offset: int, size: int, end: float) -> Any:
        """Repeat an attempt until it succeeds, cannot succeed, or the deadline is too near."""
        attempt = 1
        while True:
            try:
                return await self._try(text, offset, size, attempt)
            except _Refused as refused:
                if refused.wait is None or RETRY.is_last(attempt):
                    raise RemoteUnavailable(str(refused)) from None
                if asyncio.get_running_loop().time() + refused.wait >= end:
                    why = f"{refused}; the deadline is before the next attempt"
                    raise RemoteUnavailable(why) from None
                await asyncio.sleep(refused.wait)
            attempt += 1

    async def _try(self, text: str, offset: int, size: int, attempt: int) -> Any:
        if not self._free:
            # Waiting would use up the deadline, and the catalogue can answer now.
            raise RemoteUnavailable("all threads for Spotify are busy")
        self._free -= 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._call, text, offset, size, attempt)
        # After a timeout the thread still runs. So the slot is free when the thread ends, and not
        # already when the waiting future is cancelled.
        inner = asyncio.ensure_future(_outcome(future))
        inner.add_done_callback(self._release)
        answer = await asyncio.shield(inner)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _release(self, _done: object) -> None:
        self._free += 1

    def _call(self, text: str, offset: int, size: int, attempt: int) -> Any:
        """Send one request; runs on a thread. `attempt` is counted from 1."""
        backoff = RETRY.pause(attempt)
        try:
            return self._client.search(text, limit=size, offset=offset, type="track")
        except SpotifyException as fault:
            raise self._refusal(fault, backoff) from None
        except SpotifyOauthError:
            raise _Refused("Spotify rejected the credentials", None) from None
        except requests.HTTPError:
            raise _Refused("no token could be obtained", backoff) from None
        except requests.Timeout:
            raise _Refused("no answer in time", backoff) from None
        except requests.RequestException as fault:
            raise _Refused(f"not reachable ({type(fault).__name__})", backoff) from None

    def _refusal(self, fault: SpotifyException, backoff: float) -> _Refused:
        status = int(fault.http_status)
        why = f"HTTP {status}"
        # Both may pass; other codes mean that the request itself is wrong.
        if status == _TOO_MANY or status >= 500:
            return _Refused(why, max(backoff, _retry_after(fault.headers)))
        if status == _UNAUTHORISED:
            # The token was revoked before it expired: the next attempt gets a new one at once.
            self._credentials.forget()
            return _Refused(why, 0.0)
        return _Refused(why, None)


async def _outcome(future: "asyncio.Future[Any]") -> Any:
    """Wait for a future and turn its exception into a result, so that none stays unread."""
    try:
        return await future
    except Exception as fault:
        return fault


def _retry_after(headers: Any) -> float:
    """Read Retry-After in seconds; 0 if it is missing or not a number."""
    try:
        return max(0.0, float((headers or {}).get("Retry-After", 0)))
    except ValueError:
        return 0.0


def _read(answer: Any) -> tuple[list[TrackRecord], int]:
    """Read one answer of Spotify's /v1/search.

    Raises:
        RemoteUnavailable: A field is missing or has the wrong type.
    """
    try:
        page = answer["tracks"]
        return [_track(item) for item in page["items"] if item], int(page["total"])
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise RemoteUnavailable("the answer has an unknown shape") from fault


def _track(item: dict[str, Any]) -> TrackRecord:
    album = item.get("album") or {}
    pictures = album.get("images") or []
    return TrackRecord(
        id=str(item["id"]),
        title=str(item["name"]),
        artists=tuple(
            ArtistReference(str(artist.get("id") or ""), str(artist["name"]))
            for artist in item["artists"]
        ),
        album=str(album.get("name") or ""),
        album_id=str(album.get("id") or ""),
        release_date=str(album.get("release_date") or ""),
        duration_ms=int(item.get("duration_ms") or 0),
        popularity=None if item.get("popularity") is None else int(item["popularity"]),
        explicit=bool(item.get("explicit")),
        genres=(),
        isrc=str((item.get("external_ids") or {}).get("isrc") or ""),
        provenance="spotify",
        licence="",
        cover_url=str(pictures[0].get("url") or "") if pictures else "",
        preview_url=str(item.get("preview_url") or ""),
    )
