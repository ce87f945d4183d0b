"""Finding the track that an entry means: by id, by ISRC, by name, by nearly the same name."""

import json
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from quintet_modelkit.identity import normalise, normalise_title
from quintet_store import playlists as store
from rapidfuzz import fuzz, process
from sqlalchemy import Connection

from quintet_training.datasets.entries import Entry

THRESHOLD: Final = 90.0
"""Least rapidfuzz ratio, 0..100, of normalised artists and of normalised titles."""
_BATCH: Final = 20_000
_BLOCK: Final = 2
_NEAR_ARTISTS: Final = 3
_MEMORY: Final = 100_000
# What makes another recording of a song: a near match must have the same of these words.
_VERSION_WORDS: Final = frozenset(
    (
        *("acoustic", "cover", "demo", "dub", "edit", "extended", "instrumental", "interlude"),
        *("intro", "karaoke", "live", "mix", "orchestral", "outro", "radio", "remix", "reprise"),
        *("slowed", "sped", "unplugged", "version"),
    )
)
_NUMBER: Final = re.compile(r"\d+")
_GUESTS: Final = re.compile(
    r"\s*(?:[,;&+/]|\s(?:feat|ft|featuring|with|x|vs|and)\.?\s)\s*", re.IGNORECASE
)


class Match(StrEnum):
    """How an entry was matched."""

    ID = "id"
    ISRC = "isrc"
    NAME = "name"
    FUZZY = "fuzzy"
    NONE = "unmatched"


class Names:
    """Artist to title to track id, all normalised, of a whole catalogue.

    Loaded once an entry needs it, and good for all files of one command; of several releases the
    most popular stands, then the first id.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, str]] | None = None
        self._blocks: dict[str, list[str]] = {}
        self.find = lru_cache(maxsize=_MEMORY)(self._find)

    def load(self, connection: Connection) -> None:
        """Read the tracks' names, once."""
        if self._tracks is not None:
            return
        self._tracks = {}
        for track_id, title, artists in store.stream_names(connection, _BATCH):
            form = normalise_title(title)
            for artist in json.loads(artists):
                spelling = normalise(artist) or artist
                self._tracks.setdefault(spelling, {}).setdefault(form, track_id)
        for artist in self._tracks:
            self._blocks.setdefault(artist[:_BLOCK], []).append(artist)

    def _find(self, artist: str, title: str) -> tuple[str, Match]:
        """Return the track id ("" for none) of a credit and a title, and how it was found."""
        tracks = self._tracks or {}
        wanted = normalise_title(title)
        spellings = _spellings(artist)
        for spelling in spellings:
            if (track_id := tracks.get(spelling, {}).get(wanted)) is not None:
                return track_id, Match.NAME
        for spelling in spellings:
            if (track_id := self._nearly(tracks, spelling, wanted)) is not None:
                return track_id, Match.FUZZY
        return "", Match.NONE

    def _nearly(self, tracks: Mapping[str, dict[str, str]], artist: str, title: str) -> str | None:
        """Return the best near match by artists that share the first letters of this one."""
        if artist in tracks:
            artists = [artist]
        else:
            block = self._blocks.get(artist[:_BLOCK], [])
            near = process.extract(
                artist, block, scorer=fuzz.ratio, score_cutoff=THRESHOLD, limit=_NEAR_ARTISTS
            )
            artists = [name for name, _, _ in near]
        for name in artists:
            titles = [known for known in tracks[name] if _marks(known) == _marks(title)]
            best = process.extractOne(title, titles, scorer=fuzz.ratio, score_cutoff=THRESHOLD)
            if best is not None:
                return tracks[name][best[0]]
        return None


def match_entries(
    connection: Connection, names: Names, entries: Sequence[Entry]
) -> list[tuple[str, Match]]:
    """Match entries to the catalogue: each one's track id, "" for none, and how it was found."""
    known = store.known_track_ids(connection, (e.track_id for e in entries if e.track_id))
    left = [entry for entry in entries if entry.track_id not in known]
    by_isrc = store.tracks_by_isrc(connection, (e.isrc for e in left if e.isrc))
    if any(entry.isrc not in by_isrc and entry.artist and entry.title for entry in left):
        names.load(connection)
    return [_match(names, known, by_isrc, entry) for entry in entries]


def _match(
    names: Names, known: Container[str], by_isrc: Mapping[str, str], entry: Entry
) -> tuple[str, Match]:
    if entry.track_id in known:
        return entry.track_id, Match.ID
    if entry.isrc in by_isrc:
        return by_isrc[entry.isrc], Match.ISRC
    if entry.artist and entry.title:
        return names.find(entry.artist, entry.title)
    return "", Match.NONE


def _spellings(artist: str) -> list[str]:
    """Return the whole credit, and its first artist where it lists several, normalised."""
    parts = [artist, _GUESTS.split(artist, maxsplit=1)[0]]
    return list(dict.fromkeys(form for part in parts if (form := normalise(part))))


@lru_cache(maxsize=_MEMORY)
def _marks(title: str) -> frozenset[str]:
    """Return the numbers and version words of a normalised title, with how often each occurs."""
    words = [word for word in title.split() if word in _VERSION_WORDS or _NUMBER.search(word)]
    return frozenset(f"{word}*{count}" for word, count in Counter(words).items())
