"""A folder of audio files: what is in it, and what its files say."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from quintet_store.sources import path_key
from quintet_text.track_ids import ARTIST, ISRC, RECORDING, RELEASE, SPOTIFY
from quintet_training.datasets.file_names import named_by_file

from quintet_library.records import (
    Page,
    Rejected,
    Song,
    SourceFailed,
    SourcePlaylist,
    Unchanged,
)
from quintet_library.tag_readers import TagReaders
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

_NAMES: Final = "mp3 flac ogg oga opus spx m4a m4b mp4 aac wav aif aiff aifc wma asf"
SUFFIXES: Final = frozenset(f".{name}" for name in re.findall(r"\w+", _NAMES))
"""Names of files that are read; what is in them decides the format."""
PAGE: Final = 200
"""Files of one transaction: some seconds of reading, which a killed sync loses at most."""
# Folders that network storage makes for itself.
_PASSED: Final = frozenset(("@eaDir", "#recycle", "#snapshot", "lost+found", "$RECYCLE.BIN"))
# Loudness in LUFS for which a gain of 0 dB is stored: ReplayGain 2.0; R128 of Opus (RFC 7845, 5.2).
_REPLAYGAIN_LUFS: Final = -18.0
_R128_LUFS: Final = -23.0

Known = Callable[[Sequence[str]], Mapping[str, tuple[int | None, int | None]]]
"""Item ids to (size, mtime_ns) as the last sync stored them, of items that are known."""


@dataclass(frozen=True)
class File:
    """An audio file: its path, its size in bytes, and when it changed."""

    path: str
    size: int
    mtime_ns: int

    @property
    def item_id(self) -> str:
        """The id of the file in its source: a hash of its path."""
        return path_key(self.path)


def audio_files(root: str, unreadable: list[str]) -> Iterator[File]:
    """Walk a folder and its folders, by name, and list the audio files.

    Symbolic links are followed, each folder is visited once whatever links lead to it, and names
    need not be UTF-8. Hidden files and the folders of network storage are passed over.

    Args:
        root: The folder.
        unreadable: Receives each path that could not be listed, with the reason.

    Raises:
        SourceFailed: The folder itself cannot be listed.
    """
    try:
        os.scandir(root).close()
    except OSError as fault:
        raise SourceFailed(
            f"{root}: cannot be read: {fault.strerror}; check the path, its permissions, and that "
            "the disk is mounted"
        ) from fault
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in visited:
                continue  # a link to a folder above or beside
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as fault:
            unreadable.append(f"{folder}: {fault.strerror}")
            continue
        folders = []
        for entry in found:
            if entry.name.startswith(".") or entry.name in _PASSED:
                continue
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():
                    status = entry.stat()
                    yield File(entry.path, status.st_size, status.st_mtime_ns)
            except OSError as fault:
                unreadable.append(f"{entry.path}: {fault.strerror}")
        waiting.extend(reversed(folders))


@dataclass
class FolderReader:
    """Reads the files of a folder that are new or changed since the last sync.

    Attributes:
        root: The folder, absolute.
        readers: Programs that read tags.
        known: What the last sync stored.
        expected: How many files there were then, for the progress; 0 if not known.
        unreadable: Paths that could not be listed, with the reasons, as they are met.
    """

    root: str
    readers: TagReaders
    known: Known
    expected: int = 0
    unreadable: list[str] = field(default_factory=list)

    def pages(self, start: str = "") -> Iterator[Page]:
        """List all files from the beginning, and read those that are new or changed.

        Raises:
            SourceFailed: The folder cannot be listed.
        """
        done, page = 0, list[File]()
        for file in audio_files(self.root, self.unreadable):
            page.append(file)
            if len(page) == PAGE:
                done += len(page)
                yield self._page(page, done)
                page = []
        if page:
            yield self._page(page, done + len(page))

    def playlists(self) -> Iterator[SourcePlaylist]:
        """Give none: `quintet playlists import` reads playlist files."""
        return iter(())

    def _page(self, files: Sequence[File], done: int) -> Page:
        known = self.known([file.item_id for file in files])
        changed = [f for f in files if known.get(f.item_id) != (f.size, f.mtime_ns)]
        read = dict(self.readers.read(file.path for file in changed))
        items: list[Song | Rejected | Unchanged] = [
            song_of_file(file, self.root, read[file.path])
            if file.path in read
            else Unchanged(file.item_id)
            for file in files
        ]
        return Page(items, min(1.0, done / self.expected) if self.expected else None)


def song_of_file(file: File, root: str, answer: Mapping[str, Any]) -> Song | Rejected:
    """Make a song of what `quintet_tags` answered for a file.

    Args:
        file: The file.
        root: The folder of the source; folders below it name artist and album without tags.
        answer: Of `quintet_tags.__main__.read_file`.
    """
    if "error" in answer:
        return Rejected(file.item_id, answer["error"], file.path, file.size, file.mtime_ns)
    fields = answer["fields"]
    named = _named(file.path, root)
    values = {
        "title": text_of(fields.get("title")) or named.get("title", ""),
        "artists": _artists(fields) or texts_of([named.get("artist", "")]),
        "duration_ms": answer["duration_ms"],
        "album": text_of(fields.get("album")),
        "release_date": date_of(fields.get("date")),
        "genres": genres_of(fields.get("genres")),
        "ids": ids_of(
            (
                (ISRC, fields.get("isrc")),
                (RECORDING, fields.get("recording_mbid")),
                (RELEASE, fields.get("release_mbid")),
                (ARTIST, fields.get("artist_mbids")),
                (SPOTIFY, fields.get("spotify_id")),
            )
        ),
        "features": {**tempo_and_key(fields.get("bpm"), fields.get("key")), **_loudness(fields)},
        "path": file.path,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "audio_hash": answer["identity"],
    }
    song = make_song(file.item_id, values)
    return replace(song, cover=answer["cover"]) if isinstance(song, Song) else song


def _artists(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """List the artists; of a single text, those that a semicolon separates."""
    artists = texts_of(fields.get("artists")) or texts_of(fields.get("album_artists"))
    if len(artists) == 1:
        return texts_of(artists[0].split(";"))
    return artists


def _loudness(fields: Mapping[str, Any]) -> dict[str, float | None]:
    """Compute the loudness from the gain that a player would apply; ReplayGain before R128."""
    gain = number_of(fields.get("track_gain_db"))
    loudness = None if gain is None else _REPLAYGAIN_LUFS - gain
    if loudness is None and (steps := number_of(fields.get("r128_track_gain"))) is not None:
        loudness = _R128_LUFS - steps / 256  # Q7.8 fixed point
    value = None if loudness is None else in_range("loudness", f"{loudness:.6f}")
    return {} if value is None else {"loudness": value}


def _named(path: str, root: str) -> dict[str, str]:
    """Find title and artist in the name of a file and of the folders above it."""
    parts = os.path.relpath(path, root).split(os.sep)
    # With a folder before it, "Artist/Album/01 Title.mp3" is what players make.
    named = named_by_file("/".join(["library", *parts]))
    title = named.get("title") or os.path.splitext(parts[-1])[0]
    artist = named.get("artist") or (parts[0] if len(parts) > 1 else "")
    return {"title": text_of(title), "artist": text_of(artist)}
