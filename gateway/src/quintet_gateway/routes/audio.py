"""The audio of a track, and its cover, from a listener's own music."""

from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from quintet_contract.limits import MAX_NAME
from quintet_servicekit.errors import NotFound, Reason, overloaded
from quintet_text.track_ids import track_id_of
from starlette.types import Receive, Scope, Send

from quintet_gateway.domain import AudioPart, Picture
from quintet_gateway.schemas.errors import errors

router = APIRouter(prefix="/api/v1", tags=["Own music"])
_MOST_OPEN: Final = 32
"""Answers with audio that are sent at once; further requests get 429."""
_COVER_SECONDS: Final = 3600
"""A browser asks again after it, and gets 304 unless the picture is another."""
_RANGES: Final[dict[str, Any]] = {
    name: {"schema": {"type": "string"}, "description": text}
    for name, text in (
        ("Content-Range", "The bytes of this part, and the length of the whole file"),
        ("Accept-Ranges", "bytes"),
        ("ETag", "For If-Range: another one if the file is another"),
    )
}
_BINARY: Final = {"audio/*": {"schema": {"type": "string", "format": "binary"}}}
_PICTURE: Final = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
_TAGGED: Final = {"ETag": {"schema": {"type": "string"}, "description": "The picture's version"}}


class AudioSource(Protocol):
    """Audio and covers of tracks."""

    async def part(self, track_id: str, asked: str | None, if_range: str | None) -> AudioPart:
        """Open a track's audio, whole or the part of a Range header."""

    async def cover(self, track_id: str) -> Picture | None:
        """Read the cover of a track; None if there is none."""


async def _audio(request: Request) -> AudioSource:
    audio: AudioSource = request.app.state.audio
    return audio


AudioDep = Annotated[AudioSource, Depends(_audio)]
TrackId = Annotated[str, Path(max_length=MAX_NAME, examples=["6rqhFgbbKwnb9MLmUQDhG6"])]


class _AudioResponse(Response):
    """Sends a part, and frees its file or connection whatever happens."""

    def __init__(self, part: AudioPart) -> None:
        super().__init__(status_code=part.status, headers=dict(part.headers))
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["app"].state
        try:
            state.audio_open = getattr(state, "audio_open", 0) + 1
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": _headers(self._part),
                }
            )
            # A HEAD request needs no byte of a file of hundreds of megabytes.
            if not scope["quintet.head"]:
                async for chunk in self._part.chunks:
                    more = {"type": "http.response.body", "body": chunk, "more_body": True}
                    await send(more)
            await send({"type": "http.response.body", "body": b""})
        finally:
            state.audio_open -= 1
            await self._part.close()


def _headers(part: AudioPart) -> list[tuple[bytes, bytes]]:
    # In the caller's own cache alone; kept, so that a song that is played again is not read again.
    headers = {**part.headers, "Cache-Control": "private, max-age=3600"}
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


@router.get(
    "/tracks/{id}/audio",
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": _BINARY, "headers": _RANGES},
        206: {
            "description": "A part, at most 1 MiB: ask for the next one after it",
            "content": _BINARY,
            "headers": _RANGES,
        },
        **errors(400, 401, 403, 404, 416, 429, 503, 504),
    },
)
async def get_audio(
    id: TrackId,
    audio: AudioDep,
    request: Request,
    range: Annotated[str | None, Header(description="One range of bytes, such as bytes=0-")] = None,
    if_range: Annotated[
        str | None, Header(description="ETag or Last-Modified of the first part")
    ] = None,
) -> Response:
    """Play a track from a source that allows it: its file, or what its server gives."""
    if getattr(request.app.state, "audio_open", 0) >= _MOST_OPEN:
        raise overloaded("Too many songs are sent at once")
    return _AudioResponse(await audio.part(track_id_of(id), range, if_range))


@router.get(
    "/tracks/{id}/cover",
    response_class=Response,
    responses={
        200: {"description": "The picture", "content": _PICTURE, "headers": _TAGGED},
        304: {"description": "The picture in If-None-Match is still the one", "headers": _TAGGED},
        **errors(400, 401, 404, 429, 503, 504),
    },
)
async def get_cover(
    id: TrackId,
    audio: AudioDep,
    if_none_match: Annotated[str, Header(description="ETag of the picture that one has")] = "",
) -> Response:
    """Show the cover of a track as its file has it: JPEG, PNG, GIF or WebP, at most 8 MiB."""
    found = await audio.cover(track_id_of(id))
    if found is None:
        raise NotFound(Reason.ID_UNKNOWN, f"There is no cover of {id!r}.", field="id")
    headers = {"ETag": found.etag, "Cache-Control": f"private, max-age={_COVER_SECONDS}"}
    # If-None-Match compares weakly (RFC 9110, section 13.1.2).
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(found.data, 200, headers, found.kind)
