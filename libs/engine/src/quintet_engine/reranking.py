"""Steps after scoring: deduplicate, cap artists, diversify, and order for flow."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, Encoded, Raw

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.music import tempo_distance, wheel_distance, wheel_places

Scores = NDArray[np.float64]
# A step of 8 % in tempo counts as much as one step on the circle of fifths: disc jockeys mix
# within either.
_TEMPO_STEP: Final = float(np.log2(1.08))


def deduplicate(
    rows: Rows, scores: Scores, recording: NDArray[np.int32], closeness: Scores | None = None
) -> Rows:
    """Keep the best release of each recording; returns places, best first.

    Args:
        rows: int64 (c,), candidates.
        scores: float64 (c,).
        recording: int32 (n,), recording numbers of the catalogue's rows.
        closeness: float64 (c,), decides among equal scores, the greater first; then the lower row.
    """
    keys = (rows, -scores) if closeness is None else (rows, -closeness, -scores)
    order = np.lexsort(keys)
    _, first = np.unique(recording[rows[order]], return_index=True)
    return np.asarray(order[np.sort(first)], dtype=np.int64)


class _ArtistCap:
    """Counts every artist of every track taken: a guest appearance counts for the guest too."""

    def __init__(self, catalogue: Catalogue, most: int) -> None:
        self._artists = catalogue.track_artists
        self._most = most
        self._taken: dict[int, int] = {}

    def admits(self, row: int) -> bool:
        if not self._most:
            return True
        artists = self._artists.of(row).tolist()
        return all(self._taken.get(artist, 0) < self._most for artist in artists)

    def take(self, row: int) -> None:
        for artist in self._artists.of(row).tolist():
            self._taken[artist] = self._taken.get(artist, 0) + 1


def choose(
    rows: Rows,
    scores: Scores,
    catalogue: Catalogue,
    *,
    limit: int,
    max_per_artist: int,
    diversity: float,
    among: Rows | None = None,
    before: Rows | None = None,
) -> Rows:
    """Pick up to `limit` candidates; returns places, best first.

    Maximal marginal relevance (Carbonell & Goldstein, 1998): each pick maximises
    (1 - diversity) · relevance - diversity · greatest cosine to a track already picked, with
    relevance scaled to 0..1 over the candidates. With diversity 0 that is the order of scores.

    Args:
        rows: int64 (c,), one release per recording, best first.
        scores: float64 (c,), descending.
        catalogue: For artists and vectors.
        limit: How many.
        max_per_artist: Most tracks that share any artist; 0 for no cap.
        diversity: 0..1.
        among: int64, ascending, the places that may be picked; all if None.
        before: int64, places picked before, which count for the cap; none if None.
    """
    cap = _ArtistCap(catalogue, max_per_artist)
    for place in () if before is None else before.tolist():
        cap.take(int(rows[place]))
    places = np.arange(len(rows)) if among is None else among
    if diversity <= 0:
        picked = _in_order(rows[places], cap, limit)
    else:
        picked = _in_variety(rows[places], scores[places], catalogue, cap, limit, diversity)
    return np.asarray(places[picked], dtype=np.int64)


def _in_variety(
    rows: Rows, scores: Scores, catalogue: Catalogue, cap: _ArtistCap, limit: int, diversity: float
) -> Rows:
    """Pick by maximal marginal relevance; see `choose`."""
    units = catalogue.unit[rows]
    span = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min()) / span if span > 0 else np.ones(len(scores))
    # The least cosine there is, so that the first pick goes by relevance alone.
    nearest = np.full(len(rows), -1.0)
    free = np.ones(len(rows), dtype=np.bool_)
    picked: list[int] = []
    while len(picked) < limit and free.any():
        worth = np.where(free, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        place = int(np.argmax(worth))  # the first among equals, which has the better rank
        free[place] = False
        if cap.admits(int(rows[place])):
            cap.take(int(rows[place]))
            picked.append(place)
            nearest = np.maximum(nearest, units @ units[place])
    return np.array(picked, dtype=np.int64)


def _in_order(rows: Rows, cap: _ArtistCap, limit: int) -> Rows:
    """Pick in the order of scores, which is MMR without diversity, at a fraction of its cost."""
    picked: list[int] = []
    for place, row in enumerate(rows.tolist()):
        if len(picked) == limit:
            break
        if cap.admits(row):
            cap.take(row)
            picked.append(place)
    return np.array(picked, dtype=np.int64)


def step_costs(raw: Raw, units: Encoded) -> Raw:
    """Rate how hard each pair of tracks is to play one after the other, float64 (k, k).

    Steps of 8 % in tempo (half and double count as the same) plus steps on the circle of fifths
    (minor at its relative major), plus the cosine distance as a tie-breaker.

    Args:
        raw: float64 (k, 14), raw attributes.
        units: float32 (k, 14), unit vectors.
    """
    tempo = raw[:, COLUMN["tempo"]]
    beats = tempo_distance(tempo[:, None], tempo[None, :]) / _TEMPO_STEP
    place = wheel_places(raw)
    key = wheel_distance(place[:, None], place[None, :])
    # An unknown tempo or key costs 3 steps, half the greatest distance in key.
    beats = np.where(np.isnan(beats), 3.0, beats)
    return np.asarray(beats + np.where(np.isnan(key), 3.0, key) + 0.1 * (1 - units @ units.T))


def flow(rows: Rows, catalogue: Catalogue) -> Rows:
    """Order rows so that neighbours fit, the first track staying first; returns places.

    The nearest unplayed track comes next (greedy). If that is rougher in total than the original
    order, the original order stays.
    """
    count = len(rows)
    if count < 3:
        return np.arange(count)
    costs = step_costs(catalogue.columns[rows], catalogue.unit[rows])
    order = [0]
    free = np.ones(count, dtype=np.bool_)
    free[0] = False
    while len(order) < count:
        nearest = int(np.argmin(np.where(free, costs[order[-1]], np.inf)))
        free[nearest] = False
        order.append(nearest)
    plain = np.arange(count)
    flowing = np.array(order)
    rougher = costs[flowing[:-1], flowing[1:]].sum() > costs[plain[:-1], plain[1:]].sum()
    return plain if rougher else flowing
