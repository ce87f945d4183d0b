"""Import the histories that listeners uploaded, one after the other."""

import csv
import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from quintet_store import StoreUnavailable
from quintet_store.uploads import MOST_ATTEMPTS, Upload, Uploads
from quintet_text.printable import printable

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.history import HistoryOptions, HistoryReport, import_for
from quintet_training.datasets.matching import Names
from quintet_training.datasets.playlist_importing import UNMATCHED
from quintet_training.settings import TrainingSettings

MOST_SHOWN: Final = 50
"""Songs without a match that a result names."""
_MOST_TEXT: Final = 300
_STEP: Final = 0.02
"""Progress is written when it has grown by this share: not for each row."""


class _Deleted(Exception):
    """The listener deleted the upload."""


def import_uploads(settings: TrainingSettings, say: Callable[[str], None]) -> int:
    """Import what was uploaded completely, the oldest first.

    Args:
        settings: Where the database, the uploads and the quarantine are.
        say: Shows one line to the operator.

    Returns:
        How many uploads ended.

    Raises:
        StoreUnavailable: The database cannot be used; the upload stays queued.
    """
    uploads, names, ended = Uploads(settings.home), Names(), 0
    uploads.sweep()
    while (upload := uploads.queued()) is not None:
        try:
            result = _result(settings, uploads, upload, names)
            uploads.end(upload, result)
        except (_Deleted, FileNotFoundError):
            say(f"upload {upload.id[:8]}: deleted by the listener")
            continue
        ended += 1
        rows = result["report"].get("rows_stored", 0)
        say(f"upload {upload.id[:8]}: {result['failure'] or f'{rows:,} rows remembered'}")
    return ended


def _result(
    settings: TrainingSettings, uploads: Uploads, upload: Upload, names: Names
) -> dict[str, Any]:
    """Import one upload, and describe how it ended; without a path, which means nothing outside.

    Raises:
        _Deleted: The listener deleted the upload.
        StoreUnavailable: The database cannot be used.
    """
    if upload.attempts >= MOST_ATTEMPTS:
        failure = f"the import was interrupted {MOST_ATTEMPTS} times"
        return {"failure": failure, "reason": "interrupted", "report": {}}
    uploads.note(upload, upload.attempts + 1, 0.0)
    try:
        report = import_for(
            settings,
            upload.path,
            upload.listener,
            HistoryOptions(train=upload.train),
            _progress(uploads, upload),
            names,
            lambda: _check(uploads, upload),
        )
    except DatasetInvalid as fault:
        failure = _without_path(str(fault), upload.path)
        return {"failure": failure, "reason": "unreadable", "report": {}}
    except StoreUnavailable:
        # Not the file's fault: the attempt does not count.
        uploads.note(upload, upload.attempts, 0.0)
        raise
    # The path of the rejected rows stands in brackets at the end.
    failure = _without_path(report.failure.partition(" (/")[0], upload.path)
    reason = "unmatched" if report.counts.rows_quarantined else "empty"
    return {"failure": failure, "reason": reason if failure else "", "report": _facts(report)}


def _check(uploads: Uploads, upload: Upload) -> None:
    try:
        uploads.get(upload.id)
    except KeyError:
        raise _Deleted from None


def _progress(uploads: Uploads, upload: Upload) -> Callable[[float, str], None]:
    written = 0.0

    def on_progress(share: float, _text: str) -> None:
        nonlocal written
        if share - written >= _STEP:
            written = share
            uploads.note(upload, upload.attempts + 1, share)

    return on_progress


def _facts(report: HistoryReport) -> Mapping[str, Any]:
    return {
        **asdict(report.counts),
        "sources": dict(report.sources),
        "kinds": dict(report.kinds),
        "matched": {way.value: count for way, count in report.matched.items()},
        "sessions": report.sessions,
        "banned_artists": report.banned,
        "passed_over": report.passed_over,
        "files_ignored": report.ignored,
        "unchanged": report.unchanged,
        "unmatched": _unmatched(report.quarantine),
    }


def _unmatched(quarantine: Path | None) -> list[str]:
    """List songs of the history that the catalogue does not have, each once."""
    if quarantine is None:
        return []
    with quarantine.open(encoding="utf-8", newline="") as stream:
        # Bounded: a file may have millions of rows, and each song many.
        rows = itertools.islice(csv.DictReader(stream), 100_000)
        songs = (row["row"] for row in rows if row["reason"] == UNMATCHED)
        first = itertools.islice(dict.fromkeys(songs), MOST_SHOWN)
        # `Entry.describe` ends with artist and title.
        named = (" - ".join(song.split(" | ")[-2:]) for song in first)
        return [printable(song, _MOST_TEXT) for song in named]


def _without_path(message: str, path: Path) -> str:
    """Leave out a path of this machine, which means nothing to who uploaded the file."""
    return printable(message.replace(f"{path}: ", "").replace(str(path), "the file"), 400)
