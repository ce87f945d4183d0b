"""Find a track's audio in the sources that allow it, and answer with it."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog
from quintet_servicekit.errors import InvalidInput, NotFound, PermissionDenied, Reason
from quintet_store.sources import SERVER_KINDS

from quintet_gateway.adapters.music.files import FileUnavailable, file_part, read_cover
from quintet_gateway.adapters.music.server_covers import ServerCovers
from quintet_gateway.adapters.music.servers import MediaServers, ServerFailed
from quintet_gateway.adapters.music.sources import OwnMusic, Place
from quintet_gateway.domain import AudioPart, Picture

_log = structlog.get_logger(__name__)


class Audio:
    """Answers requests for the audio and the covers of tracks.

    Args:
        music: Where tracks are.
        servers: Client of media servers.
        covers: The folder of covers that syncs keep.
        server_covers: The covers of media servers.
    """

    def __init__(
        self, music: OwnMusic, servers: MediaServers, covers: Path, server_covers: ServerCovers
    ) -> None:
        self._music = music
        self._servers = servers
        self._covers = covers
        self._server_covers = server_covers

    async def close(self) -> None:
        """Close the connections to media servers."""
        await self._servers.close()

    async def part(self, track_id: str, asked: str | None, if_range: str | None) -> AudioPart:
        """Open a track's audio, whole or a part, from the first source that gives it.

        Raises:
            NotFound: No source has the audio now.
            PermissionDenied: No source of it allows it to be played.
            InvalidInput: The range begins after the end.
        """
        places = (await self._music.places([track_id])).get(track_id, [])
        failures: list[str] = []
        for place in _playable(track_id, places):
            spec = place.source.spec
            try:
                if spec.kind in SERVER_KINDS:
                    return _checked(
                        await self._servers.part(spec, place.item.item_id, asked, if_range)
                    )
                folder = _folder_of(place)
                if not folder:
                    failures.append(f"{spec.name}: its music folder is not known")
                    continue
                return await file_part(place.item.path, folder, asked, if_range)
            except (FileUnavailable, ServerFailed) as fault:
                _log.warning("audio unavailable", source=spec.name, reason=str(fault))
                failures.append(f"{spec.name}: {fault}")
        raise NotFound(
            Reason.AUDIO_UNAVAILABLE,
            f"The audio of {track_id!r} cannot be read ({'; '.join(failures)}); a sync of the "
            "source finds files that were moved: quintet library sync NAME.",
            field="id",
        )

    async def cover(self, track_id: str) -> Picture | None:
        """Find the cover of a track: of its files first, then of a media server; None without."""
        places = (await self._music.places([track_id])).get(track_id, [])
        for name in dict.fromkeys(place.item.cover for place in places if place.item.cover):
            found = await asyncio.to_thread(read_cover, self._covers, name)
            if found is not None:
                # The name is a hash of the picture.
                return Picture(*found, f'"{name.partition(".")[0]}"')
        for place in places:
            spec = place.source.spec
            if place.item.present and spec.kind in SERVER_KINDS:
                picture = await self._server_covers.get(spec, place.item.item_id)
                if picture is not None:
                    return picture
        return None


def _playable(track_id: str, places: Sequence[Place]) -> list[Place]:
    """Choose the places that may be played: files first, which cost no other server anything."""
    if not any(place.item.present for place in places):
        raise NotFound(
            Reason.AUDIO_UNAVAILABLE,
            f"No source has the audio of {track_id!r}; /api/v1/library lists the sources.",
            field="id",
        )
    found = [place for place in places if place.playable]
    if not found:
        names = ", ".join(dict.fromkeys(p.source.spec.name for p in places if p.item.present))
        raise PermissionDenied(
            Reason.PLAY_DENIED,
            f"The source does not allow playing ({names}); remove it and add it again with "
            "--allow-play, or with the switch on the page.",
        )
    return sorted(found, key=lambda place: place.source.spec.kind in SERVER_KINDS)


def _folder_of(place: Place) -> str:
    """Find the folder that a source's files are in; beets names it apart from its library."""
    spec = place.source.spec
    folder = spec.address if spec.kind == "folder" else str(spec.options.get("music", ""))
    return os.fsdecode(folder)


def _checked(part: AudioPart) -> AudioPart:
    if part.status == 416:
        size = part.headers.get("Content-Range", "bytes */*")
        raise InvalidInput(
            Reason.RANGE_UNSATISFIABLE,
            "The range begins after the last byte.",
            field="Range",
            metadata={"content_range": size},
        )
    return part
