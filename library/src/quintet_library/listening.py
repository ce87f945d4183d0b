"""Turn stars, ratings, plays and playlists of a source into training data and a listener's memory.

Training reads playlists. A source gives its own, and three that are made here: favourites, what is
played most, and sessions of what was played last. The memory belongs to one listener, and is kept
only if the source was added with `--listener`.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from quintet_contract.limits import MAX_SIGNALS, OPINION_KINDS
from quintet_store import reading, writing
from quintet_store.feedback import DELETED_LISTENER, stamp
from quintet_store.listeners import Signal, remember
from quintet_store.saved_lists import pushed_ids
from quintet_store.source_items import known_items
from quintet_store.source_sync import forget_playlists, replace_playlist
from quintet_store.sources import Source
from quintet_training.datasets.sessions import GAP_SECONDS, seconds_of
from sqlalchemy import Engine

from quintet_library.records import Listening, Reader

MOST_TRACKS: Final = 500
"""Tracks of a playlist that is made here; longer ones say little about what belongs together."""
MOST_RECENT: Final = 5_000
_LIKED: Final = 4
"""Stars from which a rating counts as a like; up to `_DISLIKED` it counts as a dislike."""
_DISLIKED: Final = 2
_LEAST_PLAYS: Final = 3
_LEAST_TRACKS: Final = 2
MOST_ENTRIES: Final = 10_000
"""Tracks kept of one playlist of a source."""


@dataclass
class Heard:
    """What a sync met of stars, ratings and plays, as far as it is used: bounded heaps.

    Attributes:
        favourites: (seconds, track id) of what is starred or rated highly, the newest.
        plays: (plays, track id) of what is played most.
        recent: (seconds, track id) of what was played last.
        signals: (priority, track id, kind, seconds, plays) for the memory.
    """

    favourites: list[tuple[int, str]] = field(default_factory=list)
    plays: list[tuple[int, str]] = field(default_factory=list)
    recent: list[tuple[int, str]] = field(default_factory=list)
    signals: list[tuple[bool, int, str, str, int]] = field(default_factory=list)

    def add(self, track_id: str, listening: Listening) -> None:
        """Note what was done with one track; a time that is not known is 0."""
        starred, played = _seconds(listening.starred_at), _seconds(listening.played_at)
        liked = listening.starred or listening.rating >= _LIKED
        if liked:
            _push(self.favourites, (starred, track_id), MOST_TRACKS)
            self._signal(track_id, "like", starred or played, 1)
        elif 0 < listening.rating <= _DISLIKED:
            self._signal(track_id, "dislike", played, 1)
        if listening.plays >= _LEAST_PLAYS:
            _push(self.plays, (listening.plays, track_id), MOST_TRACKS)
        if listening.plays:
            self._signal(track_id, "play", played, listening.plays)
        if played:
            _push(self.recent, (played, track_id), MOST_RECENT)

    def _signal(self, track_id: str, kind: str, seconds: int, plays: int) -> None:
        # The same order in which a full memory is cut.
        entry = (kind in OPINION_KINDS, seconds, track_id, kind, plays)
        _push(self.signals, entry, MAX_SIGNALS)

    def playlists(self) -> Iterator[tuple[str, str, list[str]]]:
        """List the playlists made of it: the end of the id, the name, the tracks in order."""
        made = (("favourites", self.favourites), ("most-played", self.plays))
        for name, pairs in made:
            tracks = [track_id for _, track_id in sorted(pairs, reverse=True)]
            if len(tracks) >= _LEAST_TRACKS:
                yield f"made:{name}", name.replace("-", " "), tracks
        session: list[tuple[int, str]] = []
        for played in [*sorted(self.recent), (2**62, "")]:
            if session and played[0] - session[-1][0] > GAP_SECONDS:
                if len(session) >= _LEAST_TRACKS:
                    tracks = [track_id for _, track_id in session]
                    yield f"made:session:{session[0][0]}", "listening session", tracks
                session = []
            session.append(played)


def _seconds(text: str) -> int:
    """Read a time as seconds since 1970; 0 if it is not known."""
    # Most songs have no time, and looking for one in an empty text would cost most of a sync.
    return (seconds_of(text) or 0) if text else 0


def _push(heap: list[tuple], entry: tuple, most: int) -> None:  # type: ignore[type-arg]
    """Keep the greatest entries."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def store_playlists(engine: Engine, source: str, reader: Reader, heard: Heard) -> int:
    """Store the playlists of a source, and those made of what was heard; forget all others of it.

    Playlists that were pushed there are left out.

    Each is a transaction, so that no other writer waits while the source is asked.

    Raises:
        SourceFailed: The source cannot be read; playlists of the last sync stay.
    """
    kept: set[str] = set()
    with reading(engine) as connection:
        ours = pushed_ids(connection, source)
    for playlist in reader.playlists():
        # A list that Quintet made says nothing about what a person puts together.
        if playlist.playlist_id in ours:
            continue
        ids = playlist.item_ids[:MOST_ENTRIES]
        with writing(engine) as connection:
            items = known_items(connection, source, ids)
            tracks = [items[item_id].track_id for item_id in ids if item_id in items]
            if tracks:
                playlist_id = f"source:{source}:{playlist.playlist_id}"
                replace_playlist(connection, source, playlist_id, playlist.name, tracks)
                kept.add(playlist_id)
    with writing(engine) as connection:
        for end, name, tracks in heard.playlists():
            playlist_id = f"source:{source}:{end}"
            replace_playlist(connection, source, playlist_id, name, tracks)
            kept.add(playlist_id)
        forget_playlists(connection, source, kept)
    return len(kept)


def store_listening(engine: Engine, source: Source, heard: Heard, notes: list[str]) -> int:
    """Store what was heard in the memory of the source's listener, and count what is new.

    Without a listener nothing is stored. A listener who was deleted after the source was added is
    not remembered again.

    Args:
        engine: The database.
        source: The source; option `listener` is the keyed hash of the listener.
        heard: What this sync met: all that the source has, so that lifted stars are forgotten.
        notes: Receives what the person should know.

    Raises:
        StoreUnavailable: The database failed.
    """
    hashed = str(source.spec.options.get("listener", ""))
    if not hashed:
        return 0
    if hashed == DELETED_LISTENER:
        notes.append(
            "the listener of this source was deleted, so stars and plays are not remembered; to "
            "remember them again, remove the source and add it"
        )
        return 0
    # A time that no source knows is when the source was added, so that it is the same next time.
    added = seconds_of(source.added_at) or 0
    signals = (
        Signal(track_id, kind, seconds or added, plays)
        for _, seconds, track_id, kind, plays in heard.signals
    )
    with writing(engine) as connection:
        return remember(
            connection,
            hashed,
            signals,
            source=source.spec.name,
            licence="listener",
            received_at=stamp(datetime.now(UTC)),
            replace=True,
        )
