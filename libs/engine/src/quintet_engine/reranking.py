"""Steps after scoring: deduplicate, cap artists, diversify, and order for flow."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, Encoded, Raw

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.kernel.layout import fixed
from quintet_engine.music import tempo_distance, wheel_distance, wheel_places
from quintet_engine.seed_view import NO_ROWS

Scores = NDArray[np.float64]
# A step of 8 % in tempo counts as much as one step on the circle of fifths: disc jockeys mix
# within either.
_TEMPO_STEP: Final = float(np.log2(1.08))


def deduplicate(
    rows: Rows,
    scores: Scores,
    recording: NDArray[np.int32],
    closeness: NDArray[np.float32] | None = None,
) -> Rows:
    """Keep the best release of each recording; returns places, best first.

    Args:
        rows: int64 (c,), candidates, distinct.
        scores: float64 (c,), finite.
        recording: int32 (n,), recording numbers of the catalogue's rows.
        closeness: float32 (c,), without NaN; decides among equal scores, the greater first; then
            the lower row.
    """
    from quintet_engine.kernel.choosing import best_releases

    narrow = fixed(rows, np.int32)
    if closeness is None:
        closeness = np.zeros(len(rows), np.float32)
    ascending = bool((narrow[1:] > narrow[:-1]).all())
    return best_releases(
        *(narrow, fixed(scores, np.float64), fixed(closeness, np.float32)),
        *(fixed(recording, np.int32), ascending),
    )


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
    from quintet_engine.kernel.choosing import pick, pick_varied

    places = np.arange(len(rows)) if among is None else among
    narrow, artists = fixed(rows, np.int32), catalogue.track_artists.arrays
    rest = (
        *(fixed(places, np.int64), fixed(NO_ROWS if before is None else before, np.int64)),
        *(limit, max_per_artist),
    )
    if diversity <= 0:
        return pick(narrow, artists, *rest)
    scored, units = fixed(scores, np.float64), fixed(catalogue.unit[rows], np.float32)
    return pick_varied(narrow, scored, units, artists, *rest, diversity)


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
