"""Recognising what a history is by its structure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quintet_text.decoding import NotText, encoding_of

from quintet_training.datasets.entries import Meter, Reading
from quintet_training.datasets.history_documents import (
    listens_of_itunes,
    listens_of_listenbrainz_feedback,
    listens_of_spotify_library,
    listens_of_youtube,
)
from quintet_training.datasets.history_tables import listens_of_table, open_history, source_of
from quintet_training.datasets.json_files import shape_of
from quintet_training.datasets.listens import Ban, Listen
from quintet_training.datasets.playlist_events import listens_of_listenbrainz
from quintet_training.datasets.playlist_formats import check_file
from quintet_training.datasets.tables import Refused

HistoryItem = Listen | Ban | Refused
Listens = Callable[[Path, Meter, Reading], Iterator[HistoryItem]]


@dataclass(frozen=True)
class History:
    """A kind of history.

    Attributes:
        source: Names its rows in the memory.
        read: Reads its listens, item by item.
        whole: Whether it states all that its source knows now, as a library does: what it no
            longer has is deleted from the memory.
    """

    source: str
    read: Listens
    whole: bool = False


_LISTENBRAINZ: Final = History("listenbrainz", listens_of_listenbrainz)
_LOVED: Final = History("listenbrainz-feedback", listens_of_listenbrainz_feedback)
_LIBRARY: Final = History("spotify-library", listens_of_spotify_library, whole=True)
_YOUTUBE: Final = History("youtube", listens_of_youtube)
_ITUNES: Final = History("itunes", listens_of_itunes, whole=True)


def recognise(path: Path, how: Reading) -> History:
    """Recognise a history by its content.

    Raises:
        DatasetInvalid: It is missing, empty or an archive, or no history.
    """
    start = _start(check_file(path), how)
    if start.startswith("<"):
        return _ITUNES
    if start.startswith(("{", "[")):
        shape = shape_of(path, how.encoding)
        if shape.records("listened_at", "track_metadata") is not None:
            return _LISTENBRAINZ
        if shape.records("score", "created") is not None:
            return _LOVED
        if shape.records("titleUrl", "time") is not None or shape.records("header", "time"):
            return _YOUTUBE
        if shape.has("tracks") and (shape.has("bannedTracks") or shape.has("albums")):
            return _LIBRARY
    table, _ = open_history(path, how)
    return History(source_of(table), listens_of_table)


def _start(head: bytes, how: Reading) -> str:
    try:
        return head.decode(encoding_of(head, how.encoding), "ignore").lstrip("\ufeff \t\r\n")
    except NotText:
        return ""  # the reader gives the reason
