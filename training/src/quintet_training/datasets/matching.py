"""Finding the track that an entry means: by any id, by name, by nearly the same name."""

import json
from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from quintet_modelkit.identity import normalise_title
from quintet_store import playlists as store
from quintet_store.track_ids import tracks_by_ids
from quintet_text.credits import credit_prefixes
from quintet_text.normal_form import normalise
from quintet_text.titles import marks_of, spelled_title
from quintet_text.track_ids import (
    ISRC,
    RECORDING,
    SAME_RECORDING,
    TrackIdentifier,
    readings_of,
)
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Levenshtein
from sqlalchemy import Connection

from quintet_training.datasets.entries import Entry

THRESHOLD: Final = 90.0
"""Least rapidfuzz ratio, 0..100, of normalised artists and of normalised titles."""
_BATCH: Final = 20_000
_BLOCK: Final = 2
_NEAR_ARTISTS: Final = 3
_NEAR_TITLES: Final = 5
_MEMORY: Final = 100_000
# Words that a title may have or lack and stay the same title.
_ARTICLES: Final = frozenset(
    ("a", "an", "the", "le", "la", "les", "el", "los", "las", "der", "die", "das", "o", "os", "as")
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
            form = spelled_title(normalise_title(title))
            for artist in json.loads(artists):
                spelling = normalise(artist) or artist
                self._tracks.setdefault(spelling, {}).setdefault(form, track_id)
        for artist in self._tracks:
            self._blocks.setdefault(artist[:_BLOCK], []).append(artist)

    def _find(self, artist: str, title: str) -> tuple[str, Match]:
        """Return the track id ("" for none) of a credit and a title, and how it was found."""
        tracks = self._tracks or {}
        wanted = spelled_title(normalise_title(title))
        spellings = _spellings(artist)
        for spelling in spellings:
            if (track_id := tracks.get(spelling, {}).get(wanted)) is not None:
                return track_id, Match.NAME
        for spelling in spellings:
            if (track_id := self._nearly(tracks, spelling, wanted)) is not None:
                return track_id, Match.FUZZY
            if spelling in tracks:
                break  # the artist is known: a shorter beginning of the name is another artist
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
            artists = [name for name, _, _ in near if is_misspelling(artist, name)]
        for name in artists:
            titles = [known for known in tracks[name] if marks_of(known) == marks_of(title)]
            similar = process.extract(
                title, titles, scorer=fuzz.ratio, score_cutoff=THRESHOLD, limit=_NEAR_TITLES
            )
            for known, _, _ in similar:
                if is_misspelling(title, known):
                    return tracks[name][known]
        return None


def is_misspelling(one: str, other: str) -> bool:
    """Check that two similar names differ by mistyped words, and not by another word.

    A long title may share nine tenths of its letters with that of another work: "Sonata for Piano
    in Spring" and "… in Winter". So numbers, keys and versions must agree, an article may be
    missing, and each other word that differs may differ by one letter, or one in four.

    Args:
        one: A name in its normal form.
        other: Another.
    """
    if marks_of(one) != marks_of(other):
        return False
    # In a fixed order: of several alignments with equally few changes, both directions take one.
    first, second = sorted((one.split(), other.split()))
    for part in Levenshtein.opcodes(first, second):
        if part.tag == "equal":
            continue
        removed = first[part.src_start : part.src_end]
        added = second[part.dest_start : part.dest_end]
        if not _is_typo(removed, added):
            return False
    return True


def _is_typo(removed: Sequence[str], added: Sequence[str]) -> bool:
    if _ARTICLES.issuperset((*removed, *added)):
        return True
    if not removed or not added:
        return False
    # Compared without blanks, so that "night time" and "nighttime" are one spelling.
    one, other = "".join(removed), "".join(added)
    most = max(1, min(len(one), len(other)) // 4)
    return Levenshtein.distance(one, other, score_cutoff=most) <= most


def match_entries(
    connection: Connection, names: Names, entries: Sequence[Entry]
) -> list[tuple[str, Match]]:
    """Match entries to the catalogue: each one's track id, "" for none, and how it was found."""
    known = store.known_track_ids(connection, (e.track_id for e in entries if e.track_id))
    left = [entry for entry in entries if entry.track_id not in known]
    found = tracks_by_ids(connection, (each for entry in left for each in _ids(entry)))
    matched = {entry: match for entry in left if (match := _by_id(found, entry)) is not None}
    if any(entry not in matched and entry.artist and entry.title for entry in left):
        names.load(connection)
    return [_match(names, known, matched, entry) for entry in entries]


def _ids(entry: Entry) -> list[TrackIdentifier]:
    """List the ids by others that an entry gives: its own, and what its id may be read as."""
    own = (
        TrackIdentifier(ISRC, entry.isrc),
        TrackIdentifier(RECORDING, entry.musicbrainz_recording),
    )
    read = (each for each in readings_of(entry.track_id) if each.kind in SAME_RECORDING)
    return [each for each in (*own, *read) if each.value]


def _by_id(found: Mapping[TrackIdentifier, str], entry: Entry) -> tuple[str, Match] | None:
    for each in _ids(entry):
        if each in found:
            return found[each], Match.ISRC if each.kind == ISRC else Match.ID
    return None


def _match(
    names: Names,
    known: Container[str],
    matched: Mapping[Entry, tuple[str, Match]],
    entry: Entry,
) -> tuple[str, Match]:
    if entry.track_id in known:
        return entry.track_id, Match.ID
    if entry in matched:
        return matched[entry]
    if entry.artist and entry.title:
        return names.find(entry.artist, entry.title)
    return "", Match.NONE


def _spellings(artist: str) -> list[str]:
    """List who a credit may name, the whole credit first, in their normal forms."""
    prefixes = credit_prefixes(artist)
    return list(dict.fromkeys(form for part in prefixes if (form := normalise(part))))
