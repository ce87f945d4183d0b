"""Find a path of tracks from one to another in steps as small as possible.

Between the ends, each position has a point on the arc from start to end, in the space of audio
attributes and in the taste space. Candidates of a position are the tracks nearest to its points. A
beam search chooses one candidate for each position, so that the sum of the steps' fourth powers is
least: the greatest steps dominate it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from quintet_contract.limits import (
    MAX_PATH,
    MIN_PATH,
)
from quintet_contract.seeds import check_number
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Rows
from quintet_engine.context import Context
from quintet_engine.engine import Engine
from quintet_engine.query import (
    Query,
    Seed,
    SeedKind,
    Variants,
    check,
)
from quintet_engine.sequence import EndUnknown, Path, PathInvalid, PathNotFound, PathQuery
from quintet_engine.transitions import Distances, angles, transitions

_WIDTH: Final = 64
"""Partial paths that the search keeps at each position."""
_ENDS_ALIKE: Final = 4
"""Of these, those that end in one track."""
_CANDIDATES: Final = 64
"""Tracks considered at each position, at first."""
# The nearest by sound and by taste are sought this many times as far, since few are near in both.
_DEPTH: Final = 2
_POWER: Final = 4
"""The power of a step in the sum: of two paths the one with the smaller greatest step wins."""


def find_path(engine: Engine, query: PathQuery) -> Path:
    """Find a path; the same query always gets the same one.

    Raises:
        QueryInvalid: A rule is broken; field and range are named.
        PathInvalid: Both ends are one recording.
        EndUnknown: An end is not in the catalogue.
        PathNotFound: An end was not analysed, or too few tracks are left.
    """
    check_number("length", "LIMIT_RANGE", query.length, MIN_PATH, MAX_PATH)
    check_number("max_per_artist", "ARTIST_CAP_RANGE", query.max_per_artist, 0, MAX_PATH)
    ends = _ends(engine, query)
    asked = Query(
        (Seed(SeedKind.TRACK, query.start), Seed(SeedKind.TRACK, query.end)),
        filters=query.filters,
        variants=query.variants,
        seasonal=query.seasonal,
        language=query.language,
    )
    check(asked)
    context = engine.prepare(asked)
    _check_room(context, query)
    with engine.stage("path"):
        rows = _Search(engine, context, ends, query).rows()
    language = query.language if query.reasons else None
    versions = engine.versions
    return Path(
        tuple(engine.catalogue.track_ids(np.array(rows))),
        tuple(transitions(rows, engine.catalogue, engine.collaborative, language)),
        context.allowed.count,
        versions.model,
        versions.index,
        versions.catalogue,
        engine.without,
    )


def _ends(engine: Engine, query: PathQuery) -> tuple[int, int]:
    """Look up start and end, and check that they differ and have a direction."""
    catalogue = engine.catalogue
    rows = []
    for label, name in (("start", query.start), ("end", query.end)):
        row = catalogue.snapshot.row_of.get(name)
        if row is None:
            raise EndUnknown(label, name)
        rows.append(int(row))
    start, end = rows
    if catalogue.recording[start] == catalogue.recording[end]:
        raise PathInvalid
    for label, row in (("start", start), ("end", end)):
        if not catalogue.unit[row].any():
            raise PathNotFound(
                label,
                f"{label} has no audio features, so nothing is near it in sound; analyse its file "
                "(quintet analyse) or choose another track",
            )
    return start, end


def _check_room(context: Context, query: PathQuery) -> None:
    """Check that enough recordings are left between the ends."""
    rows = context.comparable.rows
    left = len(np.unique(context.catalogue.recording[rows]))
    if left < query.length - 2:
        raise PathNotFound(
            "filters",
            f"the filters leave {left} recordings with audio features between start and end, and "
            f"length {query.length} needs {query.length - 2}; widen filters or ask for a shorter "
            "length",
        )


class _Partial(NamedTuple):
    """A path up to some position; recordings, songs and artists are those between the ends."""

    cost: float
    rows: tuple[int, ...]
    recordings: frozenset[int]
    songs: frozenset[int]
    artists: Counter[int]


class _Candidate(NamedTuple):
    """What decides whether a track may extend a path; song is -1 if its name is the only one."""

    row: int
    recording: int
    song: int
    artists: list[int]


class _Search:
    """Finds the rows of one path."""

    def __init__(
        self, engine: Engine, context: Context, ends: tuple[int, int], query: PathQuery
    ) -> None:
        self._engine, self._context, self._query = engine, context, query
        self._catalogue, self._model = engine.catalogue, engine.collaborative
        self._start, self._end = ends
        shares = np.linspace(0, 1, query.length)[1:-1]
        self._sounds = arc(
            self._catalogue.unit[self._start], self._catalogue.unit[self._end], shares
        )
        self._tastes: Encoded | None = None
        if self._model is not None:
            start, end = self._model.taste.of(np.array(ends))
            self._tastes = arc(start, end, shares)

    def rows(self) -> list[int]:
        """Search among few candidates of each position, and among more if that finds no path.

        Raises:
            PathNotFound: The cap on tracks per artist allows none.
        """
        most, available = _CANDIDATES, self._context.comparable.count
        while True:
            found = self._among(max(most, self._query.length))
            if found is not None:
                return found
            if most >= available:
                break
            most *= 8
        raise PathNotFound(
            "max_per_artist",
            f"no {self._query.length} tracks of different songs have at most "
            f"{self._query.max_per_artist} tracks per artist; raise max_per_artist, widen filters "
            "or ask for a shorter length",
        )

    def _among(self, most: int) -> list[int] | None:
        beam = [_Partial(0.0, (self._start,), frozenset(), frozenset(), Counter())]
        for rows in self._candidates(most):
            beam = self._extended(beam, rows)
            if not beam:
                return None
        lasts = np.array([partial.rows[-1] for partial in beam])
        costs = [partial.cost for partial in beam]
        costs += self._steps(lasts, np.array([self._end]))[:, 0] ** _POWER
        return [*beam[int(np.argmin(costs))].rows, self._end]

    def _candidates(self, most: int) -> list[Rows]:
        """Find the tracks nearest to the points of each position, one release per recording."""
        depth = _DEPTH * most if self._model is not None else 2 * most
        near = self._engine.index.search(self._sounds, depth, self._context.comparable)
        found = [hits.rows.astype(np.int64) for hits in near]
        if self._model is not None and self._tastes is not None:
            tastes = self._model.index.search(self._tastes, depth, self._context.comparable)
            found = [
                np.union1d(rows, hits.rows.astype(np.int64))
                for rows, hits in zip(found, tastes, strict=True)
            ]
        return [self._nearest(place, rows, most) for place, rows in enumerate(found)]

    def _nearest(self, place: int, rows: Rows, most: int) -> Rows:
        """Keep the rows nearest to both points of a position, one release per recording."""
        units = self._catalogue.unit[rows]
        distances = angles(units, self._sounds[place : place + 1])[:, 0]
        if self._model is not None and self._tastes is not None:
            places = self._model.taste.of(rows)
            distances = distances + angles(places, self._tastes[place : place + 1])[:, 0]
        rows = rows[np.lexsort((rows, distances))]
        _, first = np.unique(self._catalogue.recording[rows], return_index=True)
        return np.asarray(rows[np.sort(first)][:most])

    def _steps(self, a: Rows, b: Rows) -> Distances:
        """Measure the distance between rows, float64 (i, j), as `Transition.distance` is."""
        units = self._catalogue.unit
        sound = angles(units[a], units[b])
        if self._model is None:
            return sound
        return (sound + angles(self._model.taste.of(a), self._model.taste.of(b))) / 2

    def _extended(self, beam: Sequence[_Partial], rows: Rows) -> list[_Partial]:
        """Extend partial paths by one track each; keep those that cost least."""
        lasts = np.array([partial.rows[-1] for partial in beam])
        steps = self._steps(lasts, rows) ** _POWER
        costs = np.array([partial.cost for partial in beam])[:, None] + steps
        candidates = [self._candidate(row) for row in rows.tolist()]
        ends: Counter[int] = Counter()
        kept: list[_Partial] = []
        for place in np.argsort(costs, axis=None, kind="stable").tolist():
            at, number = divmod(place, len(rows))
            if ends[number] == _ENDS_ALIKE or not self._admits(beam[at], candidates[number]):
                continue
            ends[number] += 1
            kept.append(_extend(beam[at], candidates[number], float(costs[at, number])))
            if len(kept) == _WIDTH:
                break
        return kept

    def _candidate(self, row: int) -> _Candidate:
        catalogue = self._catalogue
        allows = self._query.variants is Variants.ALLOW
        song = -1 if allows else int(catalogue.song[row])
        artists = catalogue.track_artists.of(row).tolist()
        return _Candidate(row, int(catalogue.recording[row]), song, artists)

    def _admits(self, partial: _Partial, candidate: _Candidate) -> bool:
        if candidate.recording in partial.recordings or candidate.song in partial.songs:
            return False
        most = self._query.max_per_artist
        return not most or all(partial.artists[artist] < most for artist in candidate.artists)


def _extend(partial: _Partial, candidate: _Candidate, cost: float) -> _Partial:
    songs = {candidate.song} if candidate.song >= 0 else frozenset[int]()
    return _Partial(
        cost,
        (*partial.rows, candidate.row),
        partial.recordings | {candidate.recording},
        partial.songs | songs,
        partial.artists + Counter(candidate.artists),
    )


def arc(start: Encoded, end: Encoded, shares: Distances) -> Encoded:
    """Interpolate between two unit vectors along the great circle (Shoemake, 1985), unit rows.

    Args:
        start: float32 (d,).
        end: float32 (d,).
        shares: float64 (k,), 0 at the start, 1 at the end.

    Returns:
        float32 (k, d). Opposite or zero vectors have no single arc: the nearer end is repeated.
    """
    angle = float(np.arccos(np.clip(start @ end, -1.0, 1.0)))
    sine = np.sin(angle)
    if sine < 1e-6:
        nearer = np.where(shares[:, None] <= 0.5, start, end)
        return np.asarray(nearer, dtype=np.float32)
    weights = np.sin(angle * np.column_stack((1 - shares, shares))) / sine
    points = weights @ np.stack((start, end))
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
