"""Facts of the product that need no transport."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueMap:
    """Every track as a point of a plane.

    Attributes:
        version: The version of the catalogue and model that it was projected from.
        content: An Arrow IPC file.
    """

    version: str
    content: bytes


@dataclass(frozen=True)
class ShownTracks:
    """Tracks as answers show them, all of one version of the catalogue.

    Attributes:
        version: That version; empty if search has never answered.
        json: Id → the track as a JSON object; ids that the catalogue lacks are left out.
        complete: False if search could not be asked for some of the tracks.
    """

    version: str
    json: Mapping[str, bytes]
    complete: bool = True


@dataclass(frozen=True)
class AudioPart:
    """An answer with audio, whole or a part.

    Attributes:
        status: 200, or 206 for a part.
        headers: Its headers, among them Content-Type and, if known, Content-Length.
        chunks: Its bytes.
        close: Frees the file or the connection; called once, also if nothing is read.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Picture:
    """A cover.

    Attributes:
        data: The file.
        kind: Its media type.
        etag: A strong tag: another picture has another one.
    """

    data: bytes
    kind: str
    etag: str
