"""Find the track that each item of a source is, or name a new one.

An item is the same track as one that is known if, in this order,

1. it was this track at the last sync, with the same audio;
2. its audio is the same (`audio_hash`), in whatever source;
3. an ISRC, a MusicBrainz recording or a Spotify id is the same, and durations differ by at most
   10 s: codes are sometimes given to the wrong song;
4. title and first artist have the same normal form and durations differ by at most 2 s, unless the
   same source has both in one album: an album rarely holds one recording twice.

Otherwise it is a new track. Its id is made from the audio, so it stays the same when the file is
moved, renamed or tagged again; without a hash of the audio, from the source and the item.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quintet_text.normal_form import normalise
from quintet_text.track_ids import SAME_RECORDING, TrackIdentifier, normal_id
from sqlalchemy import Connection, select

from quintet_store.bulk import parts
from quintet_store.items import Item, Match, new_track_id
from quintet_store.names import name_key
from quintet_store.source_items import known_items
from quintet_store.tables import SourceItem, Track, table_of
from quintet_store.track_ids import tracks_by_ids

SAME_NAME_MS: Final = 2_000.0
"""Recordings of one name are the same if durations differ by no more; masters differ in silence."""
SAME_CODE_MS: Final = 10_000.0
"""Recordings of one code likewise; edits of one recording often share it."""
_TRACKS: Final = table_of(Track)
_ITEMS: Final = table_of(SourceItem)


@dataclass(frozen=True)
class _Candidate:
    """A known track that an item may be."""

    track_id: str
    duration_ms: float
    album: str
    # (item id, audio hash) of this source's items.
    items: tuple[tuple[str, str], ...] = ()


class TrackFinder:
    """Finds the track of each item of a batch, by what the database and earlier items hold."""

    def __init__(self, connection: Connection, source: str, items: Sequence[Item]) -> None:
        self._source, self._items = source, items
        self._known = known_items(connection, source, (item.item_id for item in items))
        self._keys = {item.item_id: name_key(item.title, item.artists) for item in items}
        self._ids = {
            item.item_id: [
                TrackIdentifier(kind, value)
                for kind, text in item.ids
                if kind in SAME_RECORDING and (value := normal_id(kind, text))
            ]
            for item in items
        }
        self._by_audio = _tracks_by_audio(connection, (i.audio_hash for i in items if i.audio_hash))
        self._by_id = tracks_by_ids(connection, (i for ids in self._ids.values() for i in ids))
        named = _candidates(connection, source, _TRACKS.c.name_key, set(self._keys.values()))
        self._by_name = named
        coded = _candidates(connection, source, _TRACKS.c.track_id, set(self._by_id.values()))
        self._durations = {t.track_id: t.duration_ms for each in coded.values() for t in each}

    def find(self) -> list[tuple[Item, str, Match]]:
        """Find the tracks, in order."""
        found = []
        for item in self._items:
            track_id, match = self._find(item)
            if match is not Match.ITEM:
                self._note(item, track_id)
            found.append((item, track_id, match))
        return found

    def _find(self, item: Item) -> tuple[str, Match]:
        known = self._known.get(item.item_id)
        if known is not None and (known.audio_hash == item.audio_hash or not item.audio_hash):
            return known.track_id, Match.ITEM
        if item.audio_hash in self._by_audio:
            return self._by_audio[item.audio_hash], Match.AUDIO
        for identifier in self._ids[item.item_id]:
            track_id = self._by_id.get(identifier, "")
            duration = self._durations.get(track_id)
            if duration is not None and abs(duration - item.duration_ms) <= SAME_CODE_MS:
                return track_id, Match.ID
        near = [c for c in self._by_name.get(self._keys[item.item_id], ()) if _is_same(c, item)]
        if near:
            best = min(near, key=lambda c: (abs(c.duration_ms - item.duration_ms), c.track_id))
            return best.track_id, Match.NAME
        return new_track_id(self._source, item), Match.NEW

    def _note(self, item: Item, track_id: str) -> None:
        """Let later items of the batch find the track of this one."""
        if item.audio_hash:
            self._by_audio.setdefault(item.audio_hash, track_id)
        for identifier in self._ids[item.item_id]:
            self._by_id.setdefault(identifier, track_id)
        self._durations.setdefault(track_id, item.duration_ms)
        candidates = self._by_name.setdefault(self._keys[item.item_id], [])
        own = ((item.item_id, item.audio_hash),)
        candidates.append(_Candidate(track_id, item.duration_ms, item.album, own))


def _is_same(known: _Candidate, item: Item) -> bool:
    if abs(known.duration_ms - item.duration_ms) > SAME_NAME_MS:
        return False
    twins = any(
        audio and item.audio_hash and audio != item.audio_hash and item_id != item.item_id
        for item_id, audio in known.items
    )
    return not (twins and item.album and normalise(known.album) == normalise(item.album))


def _tracks_by_audio(connection: Connection, hashes: Iterable[str]) -> dict[str, str]:
    return {
        str(audio): str(track_id)
        for part in parts(hashes)
        for audio, track_id in connection.execute(
            select(_ITEMS.c.audio_hash, _ITEMS.c.track_id)
            .where(_ITEMS.c.audio_hash.in_(part))
            .order_by(_ITEMS.c.track_id.desc())
        )
    }


def _candidates(
    connection: Connection, source: str, column: Any, values: set[str]
) -> dict[str, list[_Candidate]]:
    """Read tracks by a column, with this source's items; (value → tracks)."""
    own = (_ITEMS.c.track_id == _TRACKS.c.track_id) & (_ITEMS.c.source == source)
    wanted = (_TRACKS.c.track_id, _TRACKS.c.duration_ms, _TRACKS.c.album)
    rows: dict[tuple[str, str], tuple[float, str, list[tuple[str, str]]]] = {}
    for part in parts(values):
        query = (
            select(column, *wanted, _ITEMS.c.item_id, _ITEMS.c.audio_hash)
            .select_from(_TRACKS.outerjoin(_ITEMS, own & _ITEMS.c.present))
            .where(column.in_(part))
        )
        for value, track_id, duration, album, item_id, audio in connection.execute(query):
            _, _, items = rows.setdefault((value, track_id), (float(duration), str(album), []))
            if item_id is not None:
                items.append((str(item_id), str(audio)))
    found: dict[str, list[_Candidate]] = {}
    for (value, track_id), (duration, album, items) in sorted(rows.items()):
        found.setdefault(value, []).append(_Candidate(track_id, duration, album, tuple(items)))
    return found
