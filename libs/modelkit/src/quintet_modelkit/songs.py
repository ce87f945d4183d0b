"""Columns of a catalogue that say which song a track is, in which version, and of which season.

They are computed once, when a snapshot is written, so that a request reads arrays. A snapshot that
was written before they existed gets them when it is loaded.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_text.normal_form import normalise
from quintet_text.seasons import season_of
from quintet_text.versions import Version, read_title

SCHEMA: Final = pa.schema([("song", pa.int32()), ("version", pa.int16()), ("season", pa.int8())])
_BATCH: Final = 65_536
_SAME_LENGTH: Final = 2500.0
"""Milliseconds by which the lengths of two releases of one recording may differ."""
# Artists whose tracks are copies of others' songs. "Cover" alone is in names of bands.
_COPYISTS: Final = (
    (Version.KARAOKE, re.compile(r"\bkaraoke\b|\bsing[- ]?along\b|カラオケ|노래방", re.IGNORECASE)),
    (
        Version.COVER,
        re.compile(
            r"\btribute (?:to|band|players?|artists?|crew|all ?stars|team|singers)\b"
            r"|\b(?:cover (?:band|nation|version)|top hits? covers?|music box|8[- ]bit|lullaby)\b",
            re.IGNORECASE,
        ),
    ),
    (Version.SPEED, re.compile(r"\bnightcore\b|\bsped[- ]up\b|\bslowed\b", re.IGNORECASE)),
)
_COPYISTS_ALBUM: Final = re.compile(r"\bkaraoke\b|\bin the style of\b|カラオケ", re.IGNORECASE)
# Written so on live albums; "Live" alone may be a word of a name.
_LIVE_ALBUM: Final = re.compile(
    r"\bLive (?:at|from|@)\s|\bLive in (?!the Moment|Peace|Love|Color|Me)[A-Z]|[(\[]Live[)\]]|"
    r" - Live$|\bMTV Unplugged\b|\bUnplugged$|\b[Ee]n (?:Vivo|Directo)\b|\bAo Vivo\b|\bDal Vivo\b|"
    r"\bIn Concert\b|ライブ|라이브|演唱[会會]"
)
# Names that one artist gives to several tracks: only their albums distinguish them.
_GENERIC: Final = frozenset(
    """
    intro outro interlude skit prelude untitled introduction overture opening ending finale
    commentary epilogue prologue reprise interludio introduccion introducao intermission
    """.split()  # noqa: SIM905
)


class Songs(NamedTuple):
    """Columns of a catalogue of n tracks.

    Attributes:
        song: int32 (n,), the same number for all tracks of one name, by any artist; -1 for a name
            that no other track has.
        version: int16 (n,), `Version` flags; 0 for a song's own recording.
        season: int8 (n,), `Season`; 0 for none.
    """

    song: NDArray[np.int32]
    version: NDArray[np.int16]
    season: NDArray[np.int8]


def song_form(title: str) -> str:
    """Reduce a title to the normal form of the song's name, without notes on versions."""
    return normalise(read_title(title).song) or normalise(title) or title.strip()


def version_of(title: str, artists: Sequence[str], album: str) -> Version:
    """Find in which ways a track differs from the song's own recording."""
    version = read_title(title).versions
    if _LIVE_ALBUM.search(album) and not version & Version.REMIX:
        version |= Version.LIVE
    if _COPYISTS_ALBUM.search(album):
        version |= Version.KARAOKE
    for kind, names in _COPYISTS:
        if any(names.search(artist) for artist in artists):
            version |= kind
    return version


def recording_form(title: str, album: str = "") -> str:
    """Reduce a title to the normal form that all releases of one recording share.

    A plain title on a live album is a live recording; "Intro" is another one on every album.
    """
    parts = read_title(title)
    form = normalise(parts.recording) or normalise(title) or title.strip()
    if album and form in _GENERIC:
        return f"{form} {normalise(album)}"
    if not parts.versions and _LIVE_ALBUM.search(album):
        return f"{form} live"
    return form


def songs_of(tracks: pa.Table) -> Songs:
    """Read the columns of a snapshot's table, or compute them for one without."""
    if set(SCHEMA.names) <= set(tracks.schema.names):
        return Songs(*(tracks.column(field.name).to_numpy() for field in SCHEMA))
    return compute_songs(tracks)


def with_songs(tracks: pa.Table, songs: Songs) -> pa.Table:
    """Append the columns to a snapshot's table."""
    for field, column in zip(SCHEMA, songs, strict=True):
        tracks = tracks.append_column(field, pa.array(column, field.type))
    return tracks


def compute_songs(tracks: pa.Table) -> Songs:
    """Compute the columns from titles, artists, albums and genres; 30 seconds a million tracks."""
    count = len(tracks)
    keys = np.empty(count, dtype=np.uint64)
    version, season = np.zeros(count, dtype=np.int16), np.zeros(count, dtype=np.int8)
    columns = [tracks.column(name) for name in ("title", "artists", "album", "genres")]
    place = 0
    for batch in pa.table(columns, names=["title", "artists", "album", "genres"]).to_batches(
        65_536
    ):
        rows: Any = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        for title, artists, album, genres in rows:
            keys[place] = digest(song_form(title))
            version[place] = version_of(title, artists, album)
            season[place] = season_of(title, album, genres, artists)
            place += 1
    return Songs(_shared_numbers(keys), version, season)


def join_releases(
    tracks: pa.Table, songs: Songs, durations: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Give one recording number to releases that differ in the order of their artists.

    Recordings are numbered by first artist and title. A release by "B, A" is that of "A" too if
    the titles have the same form, an artist is shared, and the lengths differ by `_SAME_LENGTH`
    at most.

    Args:
        tracks: A snapshot's table.
        songs: Its columns.
        durations: float64 (n,), milliseconds.

    Returns:
        int32 (n,), the table's recording numbers, some of them joined.
    """
    recording = tracks.column("recording").to_numpy().astype(np.int32)
    shared = np.flatnonzero(songs.song >= 0)
    taken = tracks.select(["title", "album", "artist_ids"]).take(shared).to_pydict()
    groups: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for place, row in enumerate(shared.tolist()):
        form = recording_form(taken["title"][place], taken["album"][place])
        for artist in taken["artist_ids"][place]:
            groups.setdefault((form, artist), []).append((durations[row], int(recording[row])))
    joined = np.arange(int(recording.max(initial=-1)) + 1, dtype=np.int32)
    for releases in groups.values():
        releases.sort()
        for (before, one), (after, other) in pairwise(releases):
            if one != other and after - before <= _SAME_LENGTH:
                low, high = sorted((_root(joined, one), _root(joined, other)))
                joined[high] = low
    return np.array([_root(joined, number) for number in recording.tolist()], dtype=np.int32)


def _root(joined: NDArray[np.int32], number: int) -> int:
    while joined[number] != number:
        number = int(joined[number])
    return number


def digest(text: str) -> int:
    """Shorten text to 64 bits: two of a million names are equal with a chance of 1 in 10^7."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _shared_numbers(keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Give numbers to the keys that occur more than once, in ascending order; -1 for the others."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shared = counts > 1
    numbers = np.where(shared, np.cumsum(shared) - 1, -1).astype(np.int32)
    return np.asarray(numbers[inverse], dtype=np.int32)
