"""Spotify's search through spotipy: its own threads, its own clock, secrets in memory only.

spotipy blocks, and left to itself it sleeps as long as Retry-After says, in the middle of a call.
So it is given a session that never retries, and the waiting is done here, on the event loop,
within the time that the call has left.
"""

import asyncio
import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import requests
import spotipy
from quintet_servicekit.tracing import stage
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.exceptions import SpotifyException, SpotifyOauthError
from spotipy.oauth2 import SpotifyClientCredentials

from quintet_search.domain.records import ArtistReference, Matches, RemoteUnavailable, TrackRecord

TRIES: Final = 4
BACKOFF_SECONDS: Final = 0.1
LAST_OFFSET: Final = 1000
_TOO_MANY, _UNAUTHORISED = 429, 401


class _Refused(Exception):
    """One try failed.

    Attributes:
        wait: Seconds until the next may succeed; None where none will.
    """

    def __init__(self, why: str, wait: float | None) -> None:
        super().__init__(why)
        self.wait = wait


class _Credentials(SpotifyClientCredentials):  # type: ignore[misc]  # spotipy has no types
    """Client credentials for one token address; one thread at a time asks for a token."""

    def __init__(self, client_id: str, client_secret: str, url: str, timeout: float) -> None:
        super().__init__(
            client_id=client_id,
            client_secret=client_secret,
            requests_timeout=timeout,
            cache_handler=MemoryCacheHandler(),
        )
        self.OAUTH_TOKEN_URL = url
        self._lock = threading.Lock()

    def get_access_token(self, as_dict: bool = False, check_cache: bool = True) -> Any:
        """Returns the token kept, or a new one."""
        with self._lock:
            return super().get_access_token(as_dict=as_dict, check_cache=check_cache)

    def forget(self) -> None:
        """Makes the next call ask for a new token."""
        self.cache_handler.save_token_to_cache(None)


class Spotify:
    """Searches Spotify; every call ends within the time it is given.

    Args:
        client_id: The app's id.
        client_secret: Its secret.
        api_url: Spotify's Web API, such as https://api.spotify.com/v1/.
        token_url: Where tokens come from.
        timeout: Seconds that one try may wait.
        threads: Tries at once; more are refused at once rather than queued.
        page_size: Matches asked for at once, 1 to 50.
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
        # At level DEBUG spotipy logs its headers, the secret among them.
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
        """Returns matches from offset on, within `seconds`.

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
        """Drops what waits and frees connections; a hanging try ends by its own timeout."""
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
            if len(part) < asked:
                break
        # Spotify gives no scores, only an order.
        scored = [(track, 1.0 / (offset + place + 1)) for place, track in enumerate(tracks[:size])]
        return Matches(scored, total)

    async def _patiently(self, text: str, offset: int, size: int, end: float) -> Any:
        """Tries until there is an answer, there is no hope or the caller's time is up."""
        for attempt in range(TRIES):
            try:
                return await self._try(text, offset, size, attempt)
            except _Refused as refused:
                if refused.wait is None or attempt == TRIES - 1:
                    raise RemoteUnavailable(str(refused)) from None
                if asyncio.get_running_loop().time() + refused.wait >= end:
                    why = f"{refused}; the call's time ends before the next try"
                    raise RemoteUnavailable(why) from None
                await asyncio.sleep(refused.wait)
        raise RemoteUnavailable("no try was left")

    async def _try(self, text: str, offset: int, size: int, attempt: int) -> Any:
        if not self._free:
            raise RemoteUnavailable("all threads for Spotify are taken")
        self._free -= 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._call, text, offset, size, attempt)
        # A call whose time is up leaves its thread behind, so the thread itself gives the place
        # back; a cancelled future would do so too early.
        inner = asyncio.ensure_future(_outcome(future))
        inner.add_done_callback(self._release)
        answer = await asyncio.shield(inner)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _release(self, _done: object) -> None:
        self._free += 1

    def _call(self, text: str, offset: int, size: int, attempt: int) -> Any:
        """Makes one call; runs in a thread."""
        backoff = BACKOFF_SECONDS * 2**attempt * random.uniform(0.8, 1.2)
        try:
            return self._client.search(text, limit=size, offset=offset, type="track")
        except SpotifyException as fault:
            raise self._refusal(fault, backoff) from None
        except SpotifyOauthError:
            raise _Refused("the credentials were refused", None) from None
        except requests.HTTPError:
            raise _Refused("no token could be had", backoff) from None
        except requests.Timeout:
            raise _Refused("no answer in time", backoff) from None
        except requests.RequestException as fault:
            raise _Refused(f"not reachable ({type(fault).__name__})", backoff) from None

    def _refusal(self, fault: SpotifyException, backoff: float) -> _Refused:
        status = int(fault.http_status)
        why = f"HTTP {status}"
        if status == _TOO_MANY or status >= 500:
            return _Refused(why, max(backoff, _retry_after(fault.headers)))
        if status == _UNAUTHORISED:
            self._credentials.forget()
            return _Refused(why, 0.0)
        return _Refused(why, None)


async def _outcome(future: "asyncio.Future[Any]") -> Any:
    """Returns a future's result or its exception, so that none is left unread."""
    try:
        return await future
    except Exception as fault:
        return fault


def _retry_after(headers: Any) -> float:
    """Returns Retry-After in seconds; 0 where it is missing or no number."""
    try:
        return max(0.0, float((headers or {}).get("Retry-After", 0)))
    except ValueError:
        return 0.0


def _read(answer: Any) -> tuple[list[TrackRecord], int]:
    """Reads one answer of /v1/search.

    Raises:
        RemoteUnavailable: It has another shape than Spotify promises.
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
        popularity=int(item.get("popularity") or 0),
        explicit=bool(item.get("explicit")),
        genres=(),
        isrc=str((item.get("external_ids") or {}).get("isrc") or ""),
        provenance="spotify",
        licence="",
        cover_url=str(pictures[0].get("url") or "") if pictures else "",
        preview_url=str(item.get("preview_url") or ""),
    )
