"""Choose the next tracks of a radio session by its seeds."""

from dataclasses import replace
from typing import Final

import numpy as np
from quintet_contract.limits import MAX_LIMIT, MAX_RADIO_BATCH, MAX_RADIO_TRACKS
from quintet_contract.seeds import check_number

from quintet_engine.catalogue import Rows
from quintet_engine.engine import Engine
from quintet_engine.exclusions import releases_and_versions
from quintet_engine.query import (
    Query,
    Ranking,
    Seed,
    SeedKind,
    SeedUnknown,
)
from quintet_engine.radio_order import BatchOrder
from quintet_engine.radio_session import Session, WeightedSeed, hash_of
from quintet_engine.sequence import Batch, BatchRequest, Transition
from quintet_engine.transitions import transitions

_LEAST_POOL: Final = 40
_MOST_POOL: Final = 200
# Ranked tracks for each track played: enough to choose one that fits the track before.
_POOL_PER_TRACK: Final = 4


class Radio:
    """Plays radio sessions from one engine; safe to call from several threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._catalogue = engine.catalogue
        names = engine.catalogue.snapshot.tracks.column("track_id").to_pylist()
        hashes = np.fromiter(map(hash_of, names), np.uint32, len(names))
        self._by_hash = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._by_hash]

    def play(self, session: Session, request: BatchRequest) -> Batch:
        """Choose the next tracks; the same session and request always get the same ones.

        Raises:
            QueryInvalid: A rule is broken.
            SeedUnknown: A seed of a new session, or every seed of a later one, is not in the
                catalogue.
        """
        check_number("limit", "LIMIT_RANGE", request.limit, 1, MAX_RADIO_BATCH)
        limit = min(request.limit, MAX_RADIO_TRACKS - session.length)
        seeds, avoided = self._present(session)
        asked = BatchOrder(
            self._catalogue,
            session,
            self._rows_played(session),
            max(limit, 1),
            self._rows_heard(request),
        )
        query = _query(session, request, seeds, avoided)
        ranking = self._ranking(query, asked, limit)
        # An empty batch of a session that is full still reports what is left.
        tracks = ranking.tracks if limit else ()
        ids = [track.track_id for track in tracks]
        row_of = self._catalogue.snapshot.row_of
        steps = self._transitions(session, [row_of[name] for name in ids], request)
        after = session.continued(ids)
        remaining = asked.allowed - len(ids)
        dialled = ranking.discovery
        if dialled is not None:
            lacks = {"lacks_new": asked.lacks_new, "lacks_known": asked.lacks_known}
            dialled = replace(dialled, **lacks)
        return Batch(
            replace(ranking, tracks=tracks, discovery=dialled),
            tuple(steps),
            after,
            tuple(seeds),
            tuple(avoided),
            tuple(sorted(asked.relaxed)),
            remaining,
            remaining == 0 or after.length >= MAX_RADIO_TRACKS,
        )

    def _present(self, session: Session) -> tuple[list[WeightedSeed], list[str]]:
        """Select the seeds and the avoided tracks that the catalogue still has."""
        unknown = [seed for seed in session.seeds if not self._has(seed)]
        if unknown and (not session.length or len(unknown) == len(session.seeds)):
            raise SeedUnknown(unknown)
        known = replace(
            session,
            seeds=tuple(seed for seed in session.seeds if self._has(seed)),
            likes=tuple(each for each in session.likes if self._has_track(each.track_id)),
            finishes=tuple(each for each in session.finishes if self._has_track(each.track_id)),
            skips=tuple(each for each in session.skips if self._has_track(each.track_id)),
        )
        return known.weighted_seeds(), known.avoided()

    def _has(self, seed: Seed) -> bool:
        if seed.kind is SeedKind.TRACK:
            return self._has_track(seed.name)
        if seed.kind is SeedKind.ARTIST:
            return seed.name in self._catalogue.artist_names
        return self._catalogue.genre_number(seed.name) is not None

    def _has_track(self, track_id: str) -> bool:
        return track_id in self._catalogue.snapshot.row_of

    def _rows_played(self, session: Session) -> Rows:
        """Find all releases of the recordings played, int64."""
        low = np.searchsorted(self._hashes, session.played, side="left")
        high = np.searchsorted(self._hashes, session.played, side="right")
        counts = high - low
        ends = np.cumsum(counts)
        places = np.arange(counts.sum()) + np.repeat(low - (ends - counts), counts)
        rows = self._by_hash[places].astype(np.int64)
        return releases_and_versions(rows, rows[:0], self._catalogue)

    def _rows_heard(self, request: BatchRequest) -> Rows:
        """Find all releases of the recordings that the listener heard, int64."""
        rows = self._catalogue.rows_of(tuple(request.heard))
        rows = rows[rows >= 0]
        return releases_and_versions(rows, rows[:0], self._catalogue)

    def _ranking(self, query: Query, asked: BatchOrder, limit: int) -> Ranking:
        """Rank and order; from a longer list, if too few tracks fit.

        At last tracks that were heard are played, and then rules give way.
        """
        per_artist = -(-limit // (asked.session.artist_gap + 1)) if asked.session.artist_gap else 0
        pool = min(_MOST_POOL, max(_LEAST_POOL, _POOL_PER_TRACK * limit))
        ranking = self._engine.recommend(
            replace(query, limit=pool, max_per_artist=per_artist), arrangement=asked
        )
        for plays_heard, relaxes in ((False, False), (True, False), (True, True)):
            if len(ranking.tracks) >= min(limit, asked.allowed):
                break
            if plays_heard and not relaxes and not len(asked.heard):
                continue
            asked.plays_heard, asked.relaxes = plays_heard, relaxes
            ranking = self._engine.recommend(
                replace(query, limit=MAX_LIMIT, max_per_artist=0), arrangement=asked
            )
        return ranking

    def _transitions(
        self, session: Session, rows: list[int], request: BatchRequest
    ) -> list[Transition | None]:
        """Describe how each row follows the one before, which may be of the last batch."""
        row_of = self._catalogue.snapshot.row_of
        before = [row_of[name] for name in session.recent[-1:] if name in row_of]
        steps = transitions(
            [*before, *rows],
            self._catalogue,
            self._engine.collaborative,
            request.language if request.reasons else None,
        )
        return [*([] if before else [None] * len(rows[:1])), *steps]


def _query(
    session: Session, request: BatchRequest, seeds: list[WeightedSeed], avoided: list[str]
) -> Query:
    filters = session.filters
    return Query(
        tuple(each.seed for each in seeds),
        tuple(Seed(SeedKind.TRACK, name) for name in avoided),
        filters=replace(
            filters,
            excluded_tracks=filters.excluded_tracks | request.excluded_tracks,
            excluded_artists=filters.excluded_artists | request.excluded_artists,
        ),
        variants=session.variants,
        seasonal=session.seasonal,
        reasons=request.reasons,
        features=request.features,
        language=request.language,
        preferences=request.preferences,
        discovery=request.discovery,
        known_tracks=request.known_tracks,
        heard=request.heard,
    )
