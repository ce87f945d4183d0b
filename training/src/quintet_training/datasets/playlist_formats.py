"""Recognising the format of a playlist file by its structure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from quintet_text.decoding import HEAD, NotText, encoding_of

from quintet_training.datasets.chunks import Chunk, ChunkReader, chunks_of
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import HOW, Meter, Reader, Reading
from quintet_training.datasets.json_files import shape_of
from quintet_training.datasets.playlist_documents import read_m3u, read_pls
from quintet_training.datasets.playlist_events import read_feedback, read_listenbrainz
from quintet_training.datasets.playlist_json import (
    JSPF_PREFIXES,
    mpd_chunks,
    read_jspf,
    read_mpd,
    read_spotify,
    spotify_chunks,
)
from quintet_training.datasets.playlist_tables import (
    columns_of,
    exportify_chunks,
    names_tracks,
    read_exportify,
    read_table,
    table_chunks,
)
from quintet_training.datasets.playlist_xml import read_xspf
from quintet_training.datasets.reading import open_table

_ARCHIVES: Final = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd", b"7z\xbc\xaf")


class Format(StrEnum):
    """Formats of playlist files."""

    AUTO = "auto"
    TABLE = "table"
    MPD = "mpd"
    SPOTIFY = "spotify"
    EXPORTIFY = "exportify"
    JSPF = "jspf"
    XSPF = "xspf"
    M3U = "m3u"
    PLS = "pls"
    LISTENBRAINZ = "listenbrainz"
    FEEDBACK = "feedback"


READERS: Final[Mapping[Format, Reader]] = {
    Format.TABLE: read_table,
    Format.MPD: read_mpd,
    Format.SPOTIFY: read_spotify,
    Format.EXPORTIFY: read_exportify,
    Format.JSPF: read_jspf,
    Format.XSPF: read_xspf,
    Format.M3U: read_m3u,
    Format.PLS: read_pls,
    Format.LISTENBRAINZ: read_listenbrainz,
    Format.FEEDBACK: read_feedback,
}
_CHUNKS: Final[Mapping[Format, ChunkReader]] = {
    Format.TABLE: table_chunks,
    Format.MPD: mpd_chunks,
    Format.SPOTIFY: spotify_chunks,
    Format.EXPORTIFY: exportify_chunks,
}
# Only where the content of a file does not show its format: a list of paths may be any text.
_SUFFIXES: Final = {
    ".xspf": Format.XSPF,
    ".wpl": Format.XSPF,
    ".asx": Format.XSPF,
    ".m3u": Format.M3U,
    ".m3u8": Format.M3U,
    ".pls": Format.PLS,
    ".jspf": Format.JSPF,
}
_TABLES: Final = (Format.TABLE, Format.EXPORTIFY)


def read_chunks(path: Path, known: Format, meter: Meter, how: Reading) -> Iterator[Chunk]:
    """Read a file in chunks: tables as columns, all other formats item by item.

    Raises:
        DatasetInvalid: The file cannot be read.
    """
    reader = _CHUNKS.get(known)
    if reader is not None:
        return reader(path, meter, how)
    return chunks_of(READERS[known](path, meter, how))


def check_file(path: Path) -> bytes:
    """Return the first bytes of a file that can be read.

    Raises:
        DatasetInvalid: It is missing, empty or an archive.
    """
    if not path.is_file():
        raise DatasetInvalid(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise DatasetInvalid(f"{path}: the file is empty")
    if head.startswith(_ARCHIVES):
        raise DatasetInvalid(f"{path}: archives are not read; unpack it and name the files in it")
    return head


def detect(path: Path, how: Reading = HOW) -> Format:
    """Return the format of a file.

    Raises:
        DatasetInvalid: It is missing, empty, an archive, or of no format known; or `--map` was
            given for a file that has no columns.
    """
    found = _by_content(path, check_file(path), how) or _by_columns(path, how)
    if how.columns and found not in _TABLES:
        raise DatasetInvalid(
            f"--map: {path.name} was read as {found.value}, which has no columns; import it apart"
        )
    return found


def _by_content(path: Path, head: bytes, how: Reading) -> Format | None:
    suffix = _SUFFIXES.get(path.suffix.lower())
    if head.startswith(b"PAR1") or path.suffix.lower() in (".parquet", ".pq"):
        return Format.TABLE if not how.columns else None
    start = _start(head, how)
    if start.startswith("#EXTM3U"):
        return Format.M3U
    if start.lower().startswith("[playlist]"):
        return Format.PLS
    if start.startswith("<"):
        return Format.XSPF
    if start.startswith(("{", "[")) and suffix is not Format.M3U:
        return _by_structure(path, how, suffix)
    return suffix


def _start(head: bytes, how: Reading) -> str:
    """Decode the beginning of a file as far as that goes."""
    try:
        name = encoding_of(head, how.encoding)
        return head.decode(name, "ignore").lstrip("\ufeff \t\r\n")
    except NotText:
        return ""  # the reader gives the reason


def _by_structure(path: Path, how: Reading, suffix: Format | None) -> Format | None:
    shape = shape_of(path, how.encoding)
    if shape.records("listened_at", "track_metadata") is not None:
        return Format.LISTENBRAINZ
    if shape.records("recommendation_id", "kind") is not None:
        return Format.FEEDBACK
    if shape.has("playlists.item.items"):
        return Format.SPOTIFY
    if shape.has("playlists.item.tracks"):
        return Format.MPD
    if any(shape.has(f"{prefix}.track") for prefix in JSPF_PREFIXES if prefix):
        return Format.JSPF
    # A record that has a key "track" is no playlist of tracks: only an array of objects is.
    if any(path.startswith("track.item.") for path in shape.paths):
        return Format.JSPF
    return suffix


def _by_columns(path: Path, how: Reading) -> Format:
    table = open_table(path, how.encoding)
    columns = columns_of(table, how)
    if not names_tracks(columns):
        raise DatasetInvalid(
            f"{path}: no format known: of the columns {', '.join(table.columns) or 'none'} no one "
            "is track_id, isrc or musicbrainz_recording, and no two are artist and title; name "
            "columns with --map COLUMN=FIELD, or a format with --format "
            f"({', '.join(sorted(READERS))})"
        )
    grouped = {"playlist_id", "playlist", "listened_at"} & columns.keys()
    return Format.TABLE if grouped else Format.EXPORTIFY
