"""Telling the format of a playlist file by its name and its first bytes."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import Reader
from quintet_training.datasets.playlist_documents import read_jspf, read_m3u, read_mpd, read_xspf
from quintet_training.datasets.playlist_events import read_feedback, read_listenbrainz
from quintet_training.datasets.playlist_tables import columns_of, read_exportify, read_table
from quintet_training.datasets.reading import open_table

_HEAD: Final = 65_536


class Format(StrEnum):
    """Formats of playlist files."""

    AUTO = "auto"
    TABLE = "table"
    MPD = "mpd"
    EXPORTIFY = "exportify"
    JSPF = "jspf"
    XSPF = "xspf"
    M3U = "m3u"
    LISTENBRAINZ = "listenbrainz"
    FEEDBACK = "feedback"


READERS: Final[Mapping[Format, Reader]] = {
    Format.TABLE: read_table,
    Format.MPD: read_mpd,
    Format.EXPORTIFY: read_exportify,
    Format.JSPF: read_jspf,
    Format.XSPF: read_xspf,
    Format.M3U: read_m3u,
    Format.LISTENBRAINZ: read_listenbrainz,
    Format.FEEDBACK: read_feedback,
}
_SUFFIXES: Final = {
    ".jspf": Format.JSPF,
    ".xspf": Format.XSPF,
    ".m3u": Format.M3U,
    ".m3u8": Format.M3U,
    ".parquet": Format.TABLE,
    ".pq": Format.TABLE,
}


def check_file(path: Path) -> bytes:
    """Return the first bytes of a file that can be read.

    Raises:
        DatasetInvalid: It is missing, empty or an archive.
    """
    if not path.is_file():
        raise DatasetInvalid(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault
    if not head.strip():
        raise DatasetInvalid(f"{path}: the file is empty")
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd")):
        raise DatasetInvalid(f"{path}: archives are not read; unpack it first")
    return head


def detect(path: Path) -> Format:
    """Return the format of a file.

    Raises:
        DatasetInvalid: It is missing, empty, an archive, or of no format known.
    """
    head = check_file(path)
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    return _by_content(head) or _by_columns(path)


def _by_content(head: bytes) -> Format | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return Format.TABLE
    if start.startswith(b"#EXTM3U"):
        return Format.M3U
    if start.startswith(b"<"):
        return Format.XSPF
    if not start.startswith(b"{"):
        return None
    first = _first_line(start)
    if "listened_at" in first:
        return Format.LISTENBRAINZ
    if "recommendation_id" in first:
        return Format.FEEDBACK
    return Format.MPD if b'"playlists"' in head else Format.JSPF


def _first_line(start: bytes) -> dict[str, Any]:
    try:
        value = json.loads(start.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _by_columns(path: Path) -> Format:
    columns = columns_of(open_table(path))
    if "playlist_id" in columns:
        return Format.TABLE
    if "track_id" in columns or {"artist", "title"} <= columns.keys():
        return Format.EXPORTIFY
    raise DatasetInvalid(
        f"{path}: no format known; name one with --format ({', '.join(sorted(READERS))})"
    )
