"""Databases with tracks and sources in them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from quintet_contract.attributes import NULLABLE
from quintet_store import open_engine
from quintet_store.catalogue import begin_import, upsert_tracks
from quintet_store.items import Item
from quintet_store.sources import SourceSpec, add_source
from sqlalchemy import Connection, Engine


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def add_tracks(
    connection: Connection, rows: Mapping[str, Mapping[str, Any]], source: str = "file"
) -> int:
    """Import tracks by id; what a row does not say is empty or unknown. Gives the import's id."""
    facts = dict.fromkeys(("file_name", "sha256", "licence"), "x")
    facts |= {"kind": "catalogue", "source": source, "imported_at": "2026-01-01T00:00:00.000"}
    import_id = begin_import(connection, {**facts, "fingerprint": f"{source}/{sorted(rows)}"})
    empty = dict.fromkeys(("album", "release_date", "isrc", "cover_url", "preview_url"), "")
    upsert_tracks(
        connection,
        [
            {
                **{
                    "title": track_id,
                    "artists": ["A"],
                    "explicit": False,
                    "duration_ms": 200_000.0,
                },
                **empty,
                **dict.fromkeys(NULLABLE),
                **{"provenance": source, "licence": "x", "imported_at": facts["imported_at"]},
                **row,
                **{"track_id": track_id, "import_id": import_id},
            }
            for track_id, row in rows.items()
        ],
    )
    return import_id


def folder(connection: Connection, name: str = "music") -> str:
    add_source(connection, SourceSpec(name, "folder", f"/srv/{name}"))
    return name


def item(name: str, **more: Any) -> Item:
    """A file of a folder, with audio of its own unless said otherwise."""
    facts: dict[str, Any] = {
        "title": name,
        "artists": ["Björk"],
        "duration_ms": 180_000.0,
        "path": f"/srv/music/{name}.flac",
        "size": 1,
        "mtime_ns": 1,
        "audio_hash": name.encode().hex().rjust(32, "0"),
    }
    return Item(name, **{**facts, **more})
