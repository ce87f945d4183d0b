"""A listener's preferences in a catalogue: liked and unwanted rows, artists and genres.

Everything here costs by the tracks of the preferences (at most 500), not by the catalogue, but
for one number per artist and genre.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from quintet_contract.limits import HALF_LIFE_DAYS
from quintet_contract.signals import OPINION_WEIGHT, Preferences
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Catalogue, Groups, Rows, Weights
from quintet_engine.collaborative.model import CollaborativeModel

NEAREST: Final = 100
"""Liked tracks that candidates are compared with one by one: the most liked."""
PRIOR: Final = 3.0
"""Tracks of an artist that count as heard without a skip: one skip gives a rate of 1/4."""
LATEST: Final = 10
"""Tracks of an artist, heard or judged last, that its skip rate is of."""
FADING: Final = 0.8
"""Each of them weighs so much of the one after it."""
ENOUGH: Final = 10.0
"""Total liking at which the pull of a mean has half of its strength: ten tracks played once."""


@dataclass(frozen=True)
class Side:
    """The liked tracks of a listener, or the unwanted ones.

    Attributes:
        rows: int64 (m,), the strongest first.
        weights: float64 (m,), above 0: the size of `quintet_contract.signals.liking`.
        sound: float32 (14,), the unit mean of their audio vectors; 0 if none was analysed.
        taste: float32 (d,), the unit mean of their places in the taste space; None without one.
    """

    rows: Rows
    weights: NDArray[np.float64]
    sound: Encoded
    taste: Encoded | None

    @property
    def confidence(self) -> float:
        """How far to trust the means, 0..1."""
        total = float(self.weights.sum())
        return total / (total + ENOUGH)


@dataclass(frozen=True)
class ListenerView:
    """What ranking knows of a listener.

    Attributes:
        liked: Tracks liked, saved or played.
        unwanted: Tracks disliked or skipped more than played.
        opinions: Row to the opinion on it: above 0 for a like or a save.
        artist_liking: float32 (artists,), 0..1: how far the listener likes an artist.
        artist_skip_rate: float32 (artists,), 0..1: how many of an artist's tracks were skipped
            lately; a dislike counts as a skip.
        artist_recency: float32 (artists,), 1 for an artist heard now, halved for every 90 days.
        genre_liking: float32 (genres,), -1..1: liked less unwanted, of the most liked genre.
        model: The collaborative model whose taste space is compared; None without one.
    """

    liked: Side
    unwanted: Side
    opinions: dict[int, float]
    artist_liking: Weights
    artist_skip_rate: Weights
    artist_recency: Weights
    genre_liking: Weights
    model: CollaborativeModel | None

    @classmethod
    def of(
        cls, preferences: Preferences, catalogue: Catalogue, model: CollaborativeModel | None
    ) -> Self | None:
        """Find a listener's tracks in a catalogue; None if it has none of them."""
        found = catalogue.rows_of(preferences.track_ids)
        places = np.flatnonzero(found >= 0)
        if not len(places):
            return None
        rows = found[places]
        columns = (preferences.plays, preferences.skips, preferences.opinions, preferences.days)
        plays, skips, opinions, days = (_chosen(column, places) for column in columns)
        values = _liking(plays, skips, opinions)
        unwanted = np.asarray(preferences.skipped, dtype=np.bool_)[places] | (opinions < 0)
        artists = _Sums(catalogue.track_artists, rows)
        skip_rate = artists.lately(unwanted, days)
        # Plays of an artist count like those of a track: the hundredth says less than the first.
        likes = OPINION_WEIGHT * artists.total(np.maximum(opinions, 0))
        wanted = np.log2(1 + artists.total(plays)) + likes
        genres = _Sums(catalogue.track_genres, rows)
        genre_liking = genres.total(values)
        genre_liking /= max(float(np.abs(genre_liking).max(initial=0.0)), 1e-9)
        artist_count, genre_count = len(catalogue.artist_names), len(catalogue.genre_names)
        return cls(
            _side(catalogue, model, rows, values),
            _side(catalogue, model, rows, -values),
            dict(zip(rows.tolist(), opinions.tolist(), strict=True)),
            artists.spread(wanted / (wanted + PRIOR) * (1 - skip_rate), artist_count),
            artists.spread(skip_rate, artist_count),
            artists.spread(artists.greatest(0.5 ** (days / HALF_LIFE_DAYS)), artist_count),
            genres.spread(genre_liking, genre_count),
            model,
        )


class _Sums:
    """Sums and maxima of tracks' values by those artists, or genres, that the tracks have.

    Each is float64 (g,), of the g groups in ascending order, which are few of the catalogue's.
    """

    def __init__(self, groups: Groups, rows: Rows) -> None:
        members, counts = groups.members_of(rows)
        self._groups, self._members = np.unique(members, return_inverse=True)
        self._owners = np.repeat(np.arange(len(rows)), counts)
        self._count = len(self._groups)

    def spread(self, values: NDArray[np.float64], count: int) -> Weights:
        """Write the value of each group at its number, float32 (count,); 0 for the others."""
        spread = np.zeros(count, np.float32)
        spread[self._groups] = values
        return spread

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(self._members, values[self._owners], minlength=self._count)
        return total.astype(np.float64)

    def lately(self, flags: NDArray[np.bool_], days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh how many of the `LATEST` tracks of each group are flagged, 0..1, (groups,).

        The track heard or judged last weighs 1, the one before it `FADING`, and so on; `PRIOR`
        tracks that are not flagged are added, so that one skip is no verdict.
        """
        order = np.lexsort((days[self._owners], self._members))
        members, owners = self._members[order], self._owners[order]
        # The place of each track within its group: groups are in runs.
        starts = np.flatnonzero(np.diff(members, prepend=-1))
        place = np.arange(len(members)) - np.repeat(starts, np.diff([*starts, len(members)]))
        weights = np.where(place < LATEST, FADING**place, 0.0)
        every = np.bincount(members, weights, minlength=self._count)
        flagged = np.bincount(members, weights * flags[owners], minlength=self._count)
        return np.asarray(flagged / (every + PRIOR), np.float64)

    def greatest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros(self._count)
        np.maximum.at(found, self._members, values[self._owners])
        return found


def _liking(
    plays: NDArray[np.float64], skips: NDArray[np.float64], opinions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weigh tracks as `quintet_contract.signals.liking` does, float64 (m,)."""
    # No number of plays turns a dislike into a like.
    played = np.where(opinions < 0, 0.0, np.log2(1 + plays))
    return np.asarray(played - np.log2(1 + skips) + OPINION_WEIGHT * opinions, np.float64)


def _chosen(column: Sequence[float], places: Rows) -> NDArray[np.float64]:
    return np.asarray(column, dtype=np.float64)[places]


def _side(
    catalogue: Catalogue,
    model: CollaborativeModel | None,
    rows: Rows,
    values: NDArray[np.float64],
) -> Side:
    """Collect the rows of positive value, the strongest first, and their means."""
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    rows, weights = rows[order], values[order]
    return Side(
        rows,
        weights,
        _unit(weights @ catalogue.unit[rows]),
        None if model is None else _unit(weights @ model.taste.of(rows)),
    )


def _unit(vector: NDArray[np.floating]) -> Encoded:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, dtype=np.float32)
