"""Ask media servers for audio, which is passed on part by part, and for covers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog
from quintet_access.media_servers import (
    Network,
    is_allowed,
    jellyfin_authorization,
    subsonic_credentials,
)
from quintet_settings import SecretUnreadable, secret_at
from quintet_store.sources import SourceSpec

from quintet_gateway.adapters.music.ranges import MOST_BYTES, bounded_range
from quintet_gateway.domain import AudioPart

if TYPE_CHECKING:
    import httpx

_log = structlog.get_logger(__name__)
_CONNECT_SECONDS: Final = 2.0
# A server may have to wake a disk, or to read a file over a network.
_READ_SECONDS: Final = 10.0
_PASSED_ON: Final = ("content-length", "content-range", "etag", "last-modified")
_KINDS: Final = ("audio/", "application/ogg")
_MOST_LOGIN_BYTES: Final = 1024 * 1024
# Pixels: a card shows a cover with a third of these, on screens of up to three dots a pixel.
_COVER_SIZE: Final = 600
_DENIED: Final = object()


class ServerFailed(Exception):
    """A media server did not give the audio; the message is one line and names no secret."""


class _AddressDenied(Exception):
    """The server is at an address that none may have."""


class MediaServers:
    """Asks media servers for audio; connections are kept for the next part.

    Args:
        allowed: Networks that are allowed although they are link-local or metadata.
        environment: Where the secrets of sources are; that of this process if None.
    """

    def __init__(
        self, allowed: Sequence[Network] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._allowed = allowed
        self._environment = environment
        self._http: httpx.AsyncClient | None = None
        # Jellyfin's tokens by source: a login for each part would cost more than the part.
        self._tokens: dict[str, str] = {}

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def part(
        self, spec: SourceSpec, item_id: str, asked: str | None, if_range: str | None
    ) -> AudioPart:
        """Ask for the audio of an item, whole or the part that the caller asks for.

        Raises:
            ServerFailed: It cannot be reached, denies it, or answers something else than audio.
        """
        async with self._failures(spec):
            response = await self._ask(spec, item_id, asked, if_range)
            if response.status_code == 401 and self._tokens.pop(spec.name, ""):
                # The token has expired or was revoked; a new login gives another.
                await response.aclose()
                response = await self._ask(spec, item_id, asked, if_range)
        try:
            return _answer(response)
        except ServerFailed:
            await response.aclose()
            raise

    async def cover(self, spec: SourceSpec, item_id: str, most: int) -> bytes | None:
        """Ask for the picture of an item, or of its album; None if it has none.

        Args:
            spec: The source.
            item_id: Of the song.
            most: Bytes of the picture at most.

        Raises:
            ServerFailed: It cannot be reached, denies it, or the picture is too large.
        """
        async with self._failures(spec):
            if spec.kind == "subsonic":
                return await self._subsonic_cover(spec, item_id, most)
            found = await self._jellyfin_cover(spec, item_id, most)
            if found is _DENIED and self._tokens.pop(spec.name, ""):
                found = await self._jellyfin_cover(spec, item_id, most)
            if isinstance(found, bytes | None):
                return found
            raise ServerFailed("it denied the user, the password or the key")

    async def _subsonic_cover(self, spec: SourceSpec, item_id: str, most: int) -> bytes | None:
        base, credentials = spec.address.rstrip("/"), await self._subsonic(spec)
        _, data = await self._fetched(
            f"{base}/rest/getSong.view", {**credentials, "id": item_id}, {}, _MOST_LOGIN_BYTES
        )
        try:
            song = json.loads(data)["subsonic-response"]["song"]
            cover = song.get("coverArt")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServerFailed("it does not answer as Subsonic does") from None
        if not isinstance(cover, str) or not cover:
            return None
        parameters = {**credentials, "id": cover, "size": _COVER_SIZE}
        status, data = await self._fetched(f"{base}/rest/getCoverArt.view", parameters, {}, most)
        return data if status == 200 else None

    async def _jellyfin_cover(
        self, spec: SourceSpec, item_id: str, most: int
    ) -> bytes | object | None:
        base, headers = spec.address.rstrip("/"), await self._jellyfin(spec)
        status, data = await self._fetched(
            f"{base}/Items", {"ids": item_id, "limit": 1}, headers, _MOST_LOGIN_BYTES
        )
        if status in (401, 403):
            return _DENIED
        try:
            songs = json.loads(data)["Items"]
            song = songs[0] if songs else {}
            own = song["Id"] if "Primary" in (song.get("ImageTags") or {}) else None
            named = own or (song.get("AlbumId") if song.get("AlbumPrimaryImageTag") else None)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServerFailed("it does not answer as Jellyfin does") from None
        if not isinstance(named, str):
            return None
        url = f"{base}/Items/{quote(named, safe='')}/Images/Primary"
        status, data = await self._fetched(url, {"maxWidth": _COVER_SIZE}, headers, most)
        return data if status == 200 else None

    async def _fetched(
        self, url: str, params: Mapping[str, Any], headers: Mapping[str, str], most: int
    ) -> tuple[int, bytes]:
        """Ask for a whole answer of bounded size; redirects are not followed."""
        request = self._client().build_request(
            "GET",
            url,
            params=dict(params),
            headers=dict(headers),
            extensions={"trace": self._check_peer},
        )
        response = await self._client().send(request, stream=True)
        try:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > most:
                    raise ServerFailed(f"it answered more than {most:,} bytes")
            return response.status_code, bytes(data)
        finally:
            await response.aclose()

    @asynccontextmanager
    async def _failures(self, spec: SourceSpec) -> AsyncIterator[None]:
        """Turn what fails on the way to a server into `ServerFailed`, without its address."""
        # Loaded by the first request: most processes never ask a server.
        import httpx

        try:
            yield
        except _AddressDenied as fault:
            raise ServerFailed(
                f"it has the address {fault}, which is denied; QUINTET_LIBRARY_ALLOWED_NETWORKS "
                "allows it"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            _log.warning("media server failed", source=spec.name, error=type(fault).__name__)
            raise ServerFailed("it cannot be reached") from fault
        except SecretUnreadable as fault:
            raise ServerFailed(str(fault)) from fault

    async def _ask(
        self, spec: SourceSpec, item_id: str, asked: str | None, if_range: str | None
    ) -> "httpx.Response":
        url, params, headers = await self._target(spec, item_id)
        if (bounded := bounded_range(asked)) is not None:
            headers["Range"] = bounded
            if if_range is not None:
                headers["If-Range"] = if_range
        # Compressed, the length of a part would be another than that of its bytes.
        headers["Accept-Encoding"] = "identity"
        request = self._client().build_request(
            "GET", url, params=params, headers=headers, extensions={"trace": self._check_peer}
        )
        # Redirects are not followed: another host would get the credentials.
        return await self._client().send(request, stream=True)

    def _client(self) -> "httpx.AsyncClient":
        if self._http is None:
            import httpx

            timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
            # Proxies of the environment would connect where this client may not.
            self._http = httpx.AsyncClient(timeout=timeout, trust_env=False)
        return self._http

    async def _target(
        self, spec: SourceSpec, item_id: str
    ) -> tuple[str, dict[str, str], dict[str, str]]:
        base = spec.address.rstrip("/")
        if spec.kind == "subsonic":
            # The file as it is: ranges of audio that a server converts would not fit together.
            params = {"id": item_id, "format": "raw"}
            return f"{base}/rest/stream.view", {**await self._subsonic(spec), **params}, {}
        url = f"{base}/Audio/{quote(item_id, safe='')}/stream"
        return url, {"static": "true"}, await self._jellyfin(spec)

    async def _secret(self, spec: SourceSpec) -> str:
        environment = os.environ if self._environment is None else self._environment
        return await asyncio.to_thread(secret_at, spec.credential, environment)

    async def _subsonic(self, spec: SourceSpec) -> dict[str, str]:
        """Make the parameters of a request to a Subsonic server."""
        user, plain = str(spec.options.get("user", "")), bool(spec.options.get("send_password"))
        return subsonic_credentials(user, await self._secret(spec), plain=plain)

    async def _jellyfin(self, spec: SourceSpec) -> dict[str, str]:
        """Make the headers of a request to a Jellyfin server, after a login if a user is named."""
        base, user = spec.address.rstrip("/"), str(spec.options.get("user", ""))
        secret = await self._secret(spec)
        token = secret if not user else await self._signed_in(spec, base, user, secret)
        return {"Authorization": _authorization(token)}

    async def _signed_in(self, spec: SourceSpec, base: str, user: str, password: str) -> str:
        if (known := self._tokens.get(spec.name)) is not None:
            return known
        request = self._client().build_request(
            "POST",
            f"{base}/Users/AuthenticateByName",
            json={"Username": user, "Pw": password},
            headers={"Authorization": jellyfin_authorization()},
            extensions={"trace": self._check_peer},
        )
        response = await self._client().send(request, stream=True)
        try:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > _MOST_LOGIN_BYTES:
                    raise ServerFailed("it does not answer as Jellyfin does")
        finally:
            await response.aclose()
        if response.status_code != 200:
            raise ServerFailed(f"it denied the user or the password (HTTP {response.status_code})")
        try:
            token = str(json.loads(data)["AccessToken"])
        except (ValueError, KeyError, TypeError) as fault:
            raise ServerFailed("it does not answer as Jellyfin does") from fault
        self._tokens[spec.name] = token
        return token

    async def _check_peer(self, event: str, info: Mapping[str, Any]) -> None:
        """Look at the address of a new connection before anything is sent over it."""
        if event != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        peer = str(stream.get_extra_info("server_addr")[0])
        if not is_allowed(peer, self._allowed):
            await stream.aclose()
            raise _AddressDenied(peer)


def _authorization(token: str) -> str:
    try:
        return jellyfin_authorization(token)
    except ValueError as fault:
        raise ServerFailed(str(fault)) from fault


def _answer(response: "httpx.Response") -> AudioPart:
    status, kind = response.status_code, response.headers.get("content-type", "")
    if status == 416:
        # Passed on as an answer, since only the server knows how long the file is.
        return AudioPart(416, _passed_on(response), _nothing(), response.aclose)
    if status not in (200, 206):
        raise ServerFailed(f"it answered HTTP {status}")
    # Subsonic reports errors as XML or JSON with status 200; a proxy may answer a login page.
    if not kind.lower().startswith(_KINDS):
        raise ServerFailed("it answered something else than audio")
    length = response.headers.get("content-length", "")
    if status == 206 and not (length.isdigit() and int(length) <= MOST_BYTES):
        raise ServerFailed("it answered another part than asked for")
    headers = {"Content-Type": kind, "Accept-Ranges": "bytes", **_passed_on(response)}
    return AudioPart(status, headers, response.aiter_raw(), response.aclose)


def _passed_on(response: "httpx.Response") -> dict[str, str]:
    found = ((name, response.headers.get(name)) for name in _PASSED_ON)
    return {name.title(): value for name, value in found if value is not None}


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""  # makes this a generator
