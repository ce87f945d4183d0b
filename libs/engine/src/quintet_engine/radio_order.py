"""The order of the tracks of a radio batch: which may follow, and which fits best."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from quintet_contract.limits import MAX_ARTIST_GAP
from quintet_modelkit.features import COLUMN

from quintet_engine import reranking
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.dial import Bounds
from quintet_engine.discovery import known_artists
from quintet_engine.radio_session import ARTIST_PAUSE, Session
from quintet_engine.row_set import RowSet

Costs = NDArray[np.float64]
ARTIST_GAP: Final = "artist_gap"
ARTIST_PAUSE_RULE: Final = "artist_pause"
SONG_GAP_RULE: Final = "song_gap"
"""Rules that `Batch.relaxed` names."""
SONG_GAP: Final = MAX_ARTIST_GAP
"""The least number of tracks between two of one name, such as a song and its live version."""
# The cost of a rank: ten ranks cost as much as a step of 8 % in tempo.
_RANK_COST: Final = 0.1
# The cost of a standard deviation of energy.
_ENERGY_COST: Final = 2.0
# The cost of an unrelated sound (cosine 0): a cosine of 0.5 costs as much as a step in tempo.
_SOUND_COST: Final = 2.0
# The cost of a track that was heard: more than any other costs can be.
_HEARD_COST: Final = 1e6
# The cost of an unknown energy: half a standard deviation.
_UNKNOWN_ENERGY: Final = 1.0


class _Key(NamedTuple):
    """Something that a rule blocks: an artist or a song, by its number."""

    rule: str
    number: int


class BatchOrder:
    """Restricts and orders the ranked list of one batch; an `Arrangement` of the engine.

    A rule blocks a key, such as an artist, up to a position of the session.

    Args:
        catalogue: The catalogue.
        session: The session.
        played: Rows of all releases of the recordings played.
        limit: How many tracks to play.
        heard: Rows of all releases of the recordings that are played only if no other fits.

    Attributes:
        allowed: Recordings that may be played, known after the first ranking.
        heard: As above.
        plays_heard: Whether they may be played.
        lacks_new: Whether more tracks are by known artists than the dial allows.
        lacks_known: Whether fewer are than it asks for.
        relaxes: Whether a blocked track may be played if no other is left.
        relaxed: Rules that gave way.
    """

    def __init__(
        self, catalogue: Catalogue, session: Session, played: Rows, limit: int, heard: Rows
    ) -> None:
        self.session = session
        self.heard = heard
        self.plays_heard = self.lacks_new = self.lacks_known = False
        self._catalogue = catalogue
        self._played = played
        self._limit = limit
        self.allowed = 0
        self.relaxes = False
        self.relaxed: set[str] = set()
        self._blocked = self._blocked_at_start()

    def allow(self, rows: RowSet) -> RowSet:
        """Leave out what was played, and artists that pause for the whole batch."""
        rows = rows.without(self._played)
        # A mark for each recording: sorting their numbers would take ten times as long.
        marks = np.zeros(len(self._catalogue), np.bool_)
        marks[self._catalogue.recording[rows.rows]] = True
        self.allowed = int(np.count_nonzero(marks))
        if len(self.heard) and not self.plays_heard:
            rows = rows.without(self.heard)
        last = self.session.length + self._limit
        pausing = [
            key.number
            for key, free in self._blocked.items()
            if key.rule == ARTIST_PAUSE_RULE and free >= last
        ]
        if self.relaxes or not pausing:
            return rows
        return rows.without(self._catalogue.artist_tracks.of_all(np.array(pausing, np.int64)))

    def arrange(self, context: Context, rows: Rows) -> Rows:
        """Order ranked rows for playing; returns places, at most `limit`."""
        last = self._row_of(self.session.recent[-1:])
        costs = _step_costs(np.concatenate((last, rows)), context.catalogue)
        # The first track of a session follows none: the best in rank is played.
        flow = costs[0, len(last) :] if len(last) else np.zeros(len(rows))
        ranks = _RANK_COST * np.arange(len(rows))
        ranks[np.isin(rows, self.heard)] += _HEARD_COST
        keys = [self._keys_of(row) for row in rows.tolist()]
        dial = _Dial(context, rows, self._row_of(self.session.recent))
        free = np.ones(len(rows), np.bool_)
        blocked = dict(self._blocked)
        picked: list[int] = []
        self.relaxed = set()
        while len(picked) < self._limit and free.any():
            position = self.session.length + len(picked)
            open_costs = np.where(free, ranks + flow, np.inf)
            wanted = dial.of_the_kind(open_costs)
            place = self._next(wanted, keys, blocked, position, relaxes=False)
            if place is None:
                # The dial gives way before the gaps between artists and songs do.
                place = self._next(open_costs, keys, blocked, position, relaxes=self.relaxes)
            if place is None:
                break
            dial.take(place)
            free[place] = False
            picked.append(place)
            blocked |= self._after(keys[place], position)
            flow = costs[len(last) + place, len(last) :]
        self.lacks_new, self.lacks_known = dial.lacks_new, dial.lacks_known
        return np.array(picked, dtype=np.int64)

    def _next(
        self,
        costs: Costs,
        keys: list[list[_Key]],
        blocked: dict[_Key, int],
        position: int,
        *,
        relaxes: bool,
    ) -> int | None:
        """Find the place that costs least among those that no rule blocks; None without one."""
        order = np.argsort(costs, kind="stable")[: np.count_nonzero(np.isfinite(costs))].tolist()
        for place in order:
            if all(blocked.get(key, 0) <= position for key in keys[place]):
                return int(place)
        if not relaxes:
            return None

        # Of rules, the gap between tracks of one artist is kept longest.
        def waits(place: int) -> tuple[int, int]:
            by_rule = {ARTIST_GAP: 0, "": 0}
            for key in keys[place]:
                rule = key.rule if key.rule in by_rule else ""
                by_rule[rule] = max(by_rule[rule], blocked.get(key, 0) - position)
            return by_rule[ARTIST_GAP], by_rule[""]

        place = min(order, key=waits)
        self.relaxed |= {key.rule for key in keys[place] if blocked.get(key, 0) > position}
        return int(place)

    def _keys_of(self, row: int) -> list[_Key]:
        """List everything that may block a row."""
        artists = self._catalogue.track_artists.of(row).tolist()
        song = int(self._catalogue.song[row])
        return [
            *(_Key(rule, artist) for artist in artists for rule in (ARTIST_GAP, ARTIST_PAUSE_RULE)),
            # A name that only one track has has no number.
            *((_Key(SONG_GAP_RULE, song),) if song >= 0 else ()),
        ]

    def _after(self, keys: list[_Key], position: int) -> dict[_Key, int]:
        """Find what is blocked, and how long, once a track was played at a position."""
        gaps = {ARTIST_GAP: self.session.artist_gap, SONG_GAP_RULE: SONG_GAP}
        return {key: position + gaps[key.rule] + 1 for key in keys if key.rule in gaps}

    def _blocked_at_start(self) -> dict[_Key, int]:
        """Find what earlier tracks and skips block, each up to a position of the session."""
        session, catalogue = self.session, self._catalogue
        blocked: dict[_Key, int] = {}
        first = session.length - len(session.recent)
        for place, name in enumerate(session.recent):
            for row in self._row_of([name]).tolist():
                blocked |= self._after(self._keys_of(row), first + place)
        skips: dict[int, int] = {}
        for name, position in session.skips:
            for artist in catalogue.track_artists.of_all(self._row_of([name])).tolist():
                skips[artist] = skips.get(artist, 0) + 1
                key = _Key(ARTIST_PAUSE_RULE, artist)
                blocked[key] = position + ARTIST_PAUSE * skips[artist]
        return blocked

    def _row_of(self, track_ids: Sequence[str]) -> Rows:
        """Look up rows; a track that the catalogue lost has none."""
        row_of = self._catalogue.snapshot.row_of
        return np.array([row_of[name] for name in track_ids if name in row_of], dtype=np.int64)


class _Dial:
    """Counts tracks by known artists, of the last tracks of the session and of those picked.

    Args:
        context: The prepared query.
        rows: int64 (k,), the ranked rows.
        recent: int64, the last tracks played.

    Attributes:
        lacks_new: Whether more tracks were picked by known artists than the dial allows.
        lacks_known: Whether fewer were than it asks for.
    """

    def __init__(self, context: Context, rows: Rows, recent: Rows) -> None:
        self.lacks_new = self.lacks_known = False
        self._bounds: Bounds | None = None
        if context.query.discovery is not None:
            self._bounds = Bounds(context.query.discovery)
            artists = known_artists(context)
            self._known = artists.of_rows(context.catalogue, rows)
            self._familiar = int(artists.of_rows(context.catalogue, recent).sum())
            self._count = len(recent)

    def of_the_kind(self, costs: Costs) -> Costs:
        """Make the tracks that the bounds do not want next infinitely expensive."""
        if self._bounds is None:
            return costs
        count = self._count + 1
        if self._familiar < self._bounds.least(count):
            return np.where(self._known, costs, np.inf)
        if self._familiar >= self._bounds.most(count):
            return np.where(self._known, np.inf, costs)
        return costs

    def take(self, place: int) -> None:
        """Count a picked track."""
        if self._bounds is None:
            return
        self._count += 1
        is_known = bool(self._known[place])
        self.lacks_new |= is_known and self._familiar >= self._bounds.most(self._count)
        self.lacks_known |= not is_known and self._familiar < self._bounds.least(self._count)
        self._familiar += is_known


def _step_costs(rows: Rows, catalogue: Catalogue) -> Costs:
    """Rate how hard each pair of rows is to play one after the other, float64 (k, k)."""
    raw = catalogue.columns[rows]
    energy = raw[:, COLUMN["energy"]] / float(catalogue.deviations[COLUMN["energy"]])
    gaps = _ENERGY_COST * np.abs(energy[:, None] - energy[None, :])
    gaps = np.where(np.isnan(gaps), _UNKNOWN_ENERGY, gaps)
    units = catalogue.unit[rows]
    sound = _SOUND_COST * (1 - units @ units.T)
    return np.asarray(reranking.step_costs(raw, units) + gaps + sound)
