"""Because you liked: which track of the listener's memory moved a recommended track up.

Stated only if the memory gave the track a better place among the candidates, and the part of the
pull that the fact names raised its score.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.listening.pull import ARTIST, SOUND, TASTE
from quintet_engine.listening.view import NEAREST, ListenerView
from quintet_engine.reasons.adjustments import Adjustment
from quintet_explain import Fact, Kind, Reference, ReferenceKind
from quintet_explain.facts import CLOSE_COSINE, NEAR_TASTE, NO_SEED

from tests.oracle.reasons.relations import track_reference


class LikedFinder:
    """Finds for the rows of one list what the listener liked that is like them.

    Args:
        view: The listener.
        catalogue: The catalogue.
        rows: int64 (k,), the tracks of the list.
        adjustment: What the memory added to their scores.
    """

    def __init__(
        self, view: ListenerView, catalogue: Catalogue, rows: Rows, adjustment: Adjustment
    ) -> None:
        assert adjustment.rose is not None, "a listener's list says which tracks rose"
        self._view, self._catalogue, self._rows = view, catalogue, rows.tolist()
        self._rose = adjustment.rose.tolist()
        self._parts = {name: values.tolist() for name, values in adjustment.listener.items()}
        liked = view.liked.rows[:NEAREST]
        self._nearest = {SOUND: _nearest(catalogue.unit[rows], catalogue.unit[liked], CLOSE_COSINE)}
        if view.model is not None:
            taste = view.model.taste
            self._nearest[TASTE] = _nearest(taste.of(rows), taste.of(liked), NEAR_TASTE)
        self._by_artist = _strongest_by_artist(catalogue, view.liked.rows)

    def of(self, place: int, total: float) -> list[Fact]:
        """State the strongest link of a row to a liked track: one fact, or none.

        Args:
            place: Of the row in the list.
            total: The size of all effects on its score.
        """
        if not self._rose[place] or not total:
            return []
        facts = [*self._artist(place, total), *self._near(place, total)]
        return [max(facts, key=lambda fact: fact.weight)] if facts else []

    def _artist(self, place: int, total: float) -> Iterator[Fact]:
        effect, row = self._parts[ARTIST][place], self._rows[place]
        if effect <= 0:
            return
        for artist in self._catalogue.track_artists.of(row).tolist():
            liked = self._by_artist.get(artist)
            if liked is not None and liked != row:
                name = self._catalogue.artist_title(row, artist)
                yield self._fact(liked, effect / total, ARTIST, 1.0, name)
                return

    def _near(self, place: int, total: float) -> Iterator[Fact]:
        for part, found in self._nearest.items():
            effect, (liked, cosine) = self._parts[part][place], found[place]
            if effect > 0 and liked >= 0 and self._view.liked.rows[liked] != self._rows[place]:
                row = int(self._view.liked.rows[liked])
                yield self._fact(row, effect / total, part, min(cosine, 1.0))

    def _fact(self, row: int, weight: float, link: str, value: float, name: str = "") -> Fact:
        kind = Kind.LIKED if self._view.opinions[row] > 0 else Kind.PLAYED
        reference = _reference(self._catalogue, row)
        return Fact(kind, reference, weight, link, value=value, name=name)


def _reference(catalogue: Catalogue, row: int) -> Reference:
    return track_reference(catalogue, NO_SEED, ReferenceKind.LISTENED, row)


def _nearest(
    vectors: NDArray[np.float32], liked: NDArray[np.float32], least: float
) -> list[tuple[int, float]]:
    """Find the nearest liked track of each row: its place and the cosine; -1 if none is near."""
    if not len(liked):
        return [(-1, 0.0)] * len(vectors)
    cosines = vectors @ liked.T
    best = cosines.argmax(axis=1)
    values = cosines[np.arange(len(best)), best]
    places = np.where(values >= least, best, -1)
    return list(zip(places.tolist(), values.tolist(), strict=True))


def _strongest_by_artist(catalogue: Catalogue, liked: Rows) -> Mapping[int, int]:
    """Choose the most liked track of each artist; rows come the most liked first."""
    members, counts = catalogue.track_artists.members_of(liked)
    owners = np.repeat(liked, counts)
    found: dict[int, int] = {}
    for artist, row in zip(members.tolist(), owners.tolist(), strict=True):
        found.setdefault(artist, row)
    return found
