"""Open the reader that a source's kind needs, with its credentials and limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from quintet_store import reading
from quintet_store.source_items import known_items
from quintet_store.source_sync import rejected_items
from quintet_store.sources import Source, SourceSpec
from quintet_training.settings import TrainingSettings
from sqlalchemy import Engine

from quintet_library.beets import BeetsReader
from quintet_library.credentials import read_credential
from quintet_library.folder import FolderReader, Known
from quintet_library.http import Limits, ServerClient
from quintet_library.jellyfin import JellyfinReader
from quintet_library.reccobeats import ADDRESS, LEAST_GAP, ReccoBeats
from quintet_library.records import Reader, SourceFailed
from quintet_library.subsonic import SubsonicReader
from quintet_library.tag_readers import TagReaders

_NAMES: Final = {
    "subsonic": "the Subsonic server",
    "jellyfin": "the Jellyfin server",
    "reccobeats": "ReccoBeats",
}


@contextmanager
def open_reader(
    settings: TrainingSettings, engine: Engine, source: Source, *, all_again: bool = False
) -> Iterator[Reader]:
    """Open the reader of a folder, a media server or a beets library.

    Args:
        settings: Limits of reading, and the folder of covers.
        engine: Where the last sync is stored.
        source: The source.
        all_again: Read every file, also those that did not change.

    Raises:
        SourceFailed: A credential or a package is missing.
    """
    spec = source.spec
    if spec.kind == "folder":
        known: Known = (lambda ids: {}) if all_again else _known(engine, spec.name)
        covers = _covers(settings)
        with TagReaders(settings.library_readers, settings.library_file_seconds, covers) as readers:
            yield FolderReader(spec.address, readers, known, source.present + source.quarantined)
    elif spec.kind == "beets":
        yield BeetsReader(Path(spec.address), str(spec.options.get("music", "")))
    else:
        with open_client(settings, spec) as client:
            yield reader_of(spec, client)


@contextmanager
def open_reccobeats(settings: TrainingSettings, source: Source) -> Iterator[ReccoBeats]:
    """Open the service of audio features, which allows some requests per second."""
    with open_client(settings, source.spec, LEAST_GAP) as client:
        yield ReccoBeats(client)


def check_source(settings: TrainingSettings, spec: SourceSpec) -> None:
    """Check that a source can be read, before it is added.

    Raises:
        SourceFailed: With the reason and the way out.
    """
    if spec.kind == "folder":
        if not Path(spec.address).is_dir():
            raise SourceFailed(f"{spec.address}: no such folder; give the folder of the music")
        TagReaders(1, settings.library_file_seconds).__exit__(None, None, None)
    elif spec.kind == "beets":
        next(BeetsReader(Path(spec.address)).pages(), None)
    elif spec.kind != "reccobeats":
        with open_client(settings, spec) as client:
            reader_of(spec, client).check()


def server_address(kind: str, text: str) -> str:
    """Check and complete the address of a server; empty for ReccoBeats' own.

    Raises:
        SourceFailed: It is no http or https address.
    """
    text = text.strip().rstrip("/")
    if kind == "reccobeats" and not text:
        return ADDRESS
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        whole = False
    if not whole or any(char.isspace() for char in text):
        raise SourceFailed(
            "address: not an address of a server; write http://HOST:PORT or https://HOST"
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise SourceFailed(
            "address: has a user, password, query or fragment; give scheme, host, port and path "
            "alone, and the password by a variable or a file"
        )
    if kind == "subsonic":
        text = text.removesuffix("/rest")
    return text


def reader_of(spec: SourceSpec, client: ServerClient) -> SubsonicReader | JellyfinReader:
    """Make the reader of a media server, with its credential."""
    user = str(spec.options.get("user", ""))
    secret = read_credential(spec.credential, spec.name)
    if spec.kind == "jellyfin":
        return JellyfinReader(client, user, secret)
    return SubsonicReader(client, user, secret, bool(spec.options.get("send_password")))


@contextmanager
def open_client(
    settings: TrainingSettings, spec: SourceSpec, least_gap: float = 0.0
) -> Iterator[ServerClient]:
    """Open a client of a server, by the limits of the settings, and close it at the end."""
    limits = Limits(allowed=settings.allowed_networks, least_gap=least_gap)
    client = ServerClient(spec.address, _NAMES[spec.kind], limits)
    try:
        yield client
    finally:
        client.close()


def _known(engine: Engine, source: str) -> Known:
    """Look files up among those that were stored and those that were rejected."""

    def known(item_ids: object) -> dict[str, tuple[int | None, int | None]]:
        ids = list(item_ids)  # type: ignore[call-overload]
        with reading(engine) as connection:
            stored = known_items(connection, source, ids)
            rejected = rejected_items(connection, source, ids)
        return {
            item_id: (item.size, item.mtime_ns)
            for found in (rejected, stored)
            for item_id, item in found.items()
        }

    return known


def _covers(settings: TrainingSettings) -> Path | None:
    """Prepare the folder of covers; None where it holds as many bytes as it may."""
    if not settings.library_covers_max_bytes:
        return None
    settings.covers.mkdir(mode=0o700, parents=True, exist_ok=True)
    used = sum(path.stat().st_size for path in settings.covers.iterdir() if path.is_file())
    return settings.covers.resolve() if used < settings.library_covers_max_bytes else None
