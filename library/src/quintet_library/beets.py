"""A library of beets: its SQLite file, read and never written."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from quintet_contract.attributes import AUDIO_FEATURES
from quintet_text.track_ids import ARTIST, ISRC, RECORDING, RELEASE, SPOTIFY

from quintet_library.records import (
    Listening,
    Page,
    Rejected,
    Song,
    SourceFailed,
    SourcePlaylist,
)
from quintet_library.values import (
    date_of,
    genres_of,
    ids_of,
    in_range,
    make_song,
    number_of,
    tempo_and_key,
    text_of,
    texts_of,
)

PAGE: Final = 500
# beets joins several values by a backslash and the sign for NUL.
_SEPARATOR: Final = "\\\u2400"
_REPLAYGAIN_LUFS: Final = -18.0
_BUSY_SECONDS: Final = 30.0


@dataclass(frozen=True)
class BeetsReader:
    """Reads the songs of a library file, with flexible attributes.

    Attributes:
        file: The library, usually `~/.config/beets/library.db`.
        music: The music folder of beets (`directory` in its configuration): newer versions store
            paths relative to it. Empty if all paths are absolute.
    """

    file: Path
    music: str = ""

    def pages(self, start: str = "") -> Iterator[Page]:
        """Read all songs by their number in the library, or those after one.

        Raises:
            SourceFailed: It is no library of beets, or it cannot be read.
        """
        last = int(start or 0)
        with self._opened() as library:
            total = library.execute("SELECT count(*) FROM items").fetchone()[0]
            done = library.execute("SELECT count(*) FROM items WHERE id <= ?", (last,)).fetchone()[
                0
            ]
            while rows := library.execute(
                "SELECT * FROM items WHERE id > ? ORDER BY id LIMIT ?", (last, PAGE)
            ).fetchall():
                first, last = rows[0]["id"], rows[-1]["id"]
                flexible = _flexible(library, first, last)
                done += len(rows)
                items = [self._song(dict(row), flexible.get(row["id"], {})) for row in rows]
                yield Page(items, min(1.0, done / total), str(last))

    def playlists(self) -> Iterator[SourcePlaylist]:
        """Give none: beets keeps playlists in files, which `quintet playlists import` reads."""
        return iter(())

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self.file.is_file():
                raise SourceFailed(
                    f"{self.file}: no such file; `beet config -p` names the folder of library.db"
                )
            address = f"file:{quote(str(self.file.resolve()))}?mode=ro"
            library = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)
        except (OSError, sqlite3.Error) as fault:
            raise SourceFailed(f"{self.file}: cannot be read: {fault}") from fault
        library.row_factory = sqlite3.Row
        # A damaged or hostile file may hold bytes that are no text.
        library.text_factory = lambda data: data.decode("utf-8", "replace")
        try:
            yield library
        except sqlite3.Error as fault:
            raise SourceFailed(
                f"{self.file}: is no library of beets, or is damaged: {fault}"
            ) from fault
        finally:
            library.close()

    def _song(self, row: Mapping[str, Any], flexible: Mapping[str, Any]) -> Song | Rejected:
        path = self._path(row.get("path"))
        values = {
            "title": text_of(row.get("title")),
            "artists": _several(row, "artists") or texts_of([row.get("artist")]),
            "duration_ms": (number_of(row.get("length")) or 0.0) * 1000,
            "album": text_of(row.get("album")),
            "release_date": _date(row),
            # "genres" since version 2.4, "genre" before.
            "genres": _several(row, "genres") or genres_of(row.get("genre")),
            "ids": ids_of(
                (
                    (ISRC, row.get("isrc")),
                    (RECORDING, row.get("mb_trackid")),
                    (RELEASE, row.get("mb_albumid")),
                    (ARTIST, _several(row, "mb_artistids") or [row.get("mb_artistid")]),
                    (SPOTIFY, flexible.get("spotify_track_id")),
                )
            ),
            "features": _features(row, flexible),
            "features_from": "beets",
            "path": path,
            "mtime_ns": int((number_of(row.get("mtime")) or 0.0) * 1e9) or None,
        }
        return make_song(str(row["id"]), values, _listening(flexible))

    def _path(self, stored: object) -> str:
        """Give the absolute path of a file; "" if it is relative and the folder is not known."""
        if not isinstance(stored, bytes | str) or not stored:
            return ""
        path = os.fsdecode(stored)
        if os.path.isabs(path):
            return path
        return os.path.join(self.music, path) if self.music else ""


def _flexible(library: sqlite3.Connection, first: int, last: int) -> dict[int, dict[str, Any]]:
    """Read the flexible attributes of the songs of one page: song → name → value."""
    found: dict[int, dict[str, Any]] = {}
    query = "SELECT entity_id, key, value FROM item_attributes WHERE entity_id BETWEEN ? AND ?"
    for row in library.execute(query, (first, last)):
        found.setdefault(row["entity_id"], {})[str(row["key"]).lower()] = row["value"]
    return found


def _several(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return texts_of(text_of(row.get(name)).split(_SEPARATOR))


def _date(row: Mapping[str, Any]) -> str:
    """Write the original release date, or that of this release, as far as it is known."""
    for prefix in ("original_", ""):
        numbers: Sequence[float] = [
            number_of(row.get(prefix + part)) or 0 for part in ("year", "month", "day")
        ]
        if numbers[0]:
            return date_of("{:04.0f}-{:02.0f}-{:02.0f}".format(*numbers))
    return ""


def _features(row: Mapping[str, Any], flexible: Mapping[str, Any]) -> dict[str, float | None]:
    """Read tempo, key and loudness, and each flexible attribute that has the name of a feature."""
    features = tempo_and_key(row.get("bpm") or flexible.get("bpm"), row.get("initial_key"))
    gain = number_of(row.get("rg_track_gain"))
    # beets writes 0 for "not computed"; a gain of exactly 0 does not occur in practice.
    if gain:
        features["loudness"] = in_range("loudness", f"{_REPLAYGAIN_LUFS - gain:.6f}")
    for name in AUDIO_FEATURES:
        if name != "duration_ms" and name in flexible:
            value = in_range(name, flexible[name])
            if value is not None:
                features[name] = value
    return {name: value for name, value in features.items() if value is not None}


def _listening(flexible: Mapping[str, Any]) -> Listening | None:
    """Read what the plugin mpdstats counts: plays, a rating from 0 to 1."""
    plays = int(number_of(flexible.get("play_count")) or 0)
    rating = number_of(flexible.get("rating")) or 0.0
    if plays <= 0 and rating <= 0:
        return None
    stars = round(rating * 5) if 0 < rating <= 1 else round(rating) if 1 < rating <= 5 else 0
    return Listening(rating=stars, plays=max(0, plays))
