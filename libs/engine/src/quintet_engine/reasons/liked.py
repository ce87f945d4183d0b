"""Because you liked: which track of the listener's memory moved a recommended track up.

Stated only if the memory gave the track a better place among the candidates, and the part of the
pull that the fact names raised its score.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Kind
from quintet_explain.facts import CLOSE_COSINE, NEAR_TASTE

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.listening import PARTS
from quintet_engine.listening.pull import ARTIST, SOUND, TASTE
from quintet_engine.listening.view import NEAREST, ListenerView
from quintet_engine.reasons.adjustments import Adjustment

_KINDS: Final = tuple(Kind)


class Liked(NamedTuple):
    """The facts of k tracks about liked ones.

    Attributes:
        codes: int32 (k or 0, `CODES`), as `kernel.reasons` writes facts; the kind is -1 for none.
        numbers: float64 (k or 0, `NUMBERS`); the weight is what the link added to the score.
        rows: int64, the liked tracks, which references number after seeds and seed rows.
    """

    codes: NDArray[np.int32]
    numbers: NDArray[np.float64]
    rows: Rows


class _Link(NamedTuple):
    """A link of a track to a liked one: how strong, by which part of the pull, and the cosine.

    `name` is the place of the shared artist in the track's credits, -1 for none.
    """

    weight: float
    part: str
    row: int
    value: float
    name: int


def liked_facts(context: Context, rows: Rows, adjustment: Adjustment, first: int) -> Liked:
    """Find for each row of a list what the listener liked that is like it: one fact, or none.

    Args:
        context: The prepared query.
        rows: int64 (k,), the tracks of the list.
        adjustment: What the memory added to their scores.
        first: The number of the first liked track as a reference.
    """
    from quintet_engine.kernel.reasons import CODES, NUMBERS

    view = context.listener
    if view is None or adjustment.rose is None:
        return Liked(np.empty((0, CODES), np.int32), np.empty((0, NUMBERS)), rows[:0])
    finder = _LinkFinder(view, context.catalogue, rows, adjustment)
    codes, numbers = np.full((len(rows), CODES), -1, np.int32), np.zeros((len(rows), NUMBERS))
    places: dict[int, int] = {}
    # Tracks that fell have no fact.
    for place in np.flatnonzero(adjustment.rose).tolist():
        link = max(finder.links(place), key=lambda each: each.weight, default=None)
        if link is None:
            continue
        kind = Kind.LIKED if view.opinions[link.row] > 0 else Kind.PLAYED
        reference = first + places.setdefault(link.row, len(places))
        attribute = len(ATTRIBUTES) + PARTS.index(link.part)
        codes[place] = (_KINDS.index(kind), reference, attribute, 0, link.name)
        numbers[place] = (link.weight, link.value, 0.0)
    return Liked(codes, numbers, np.array(list(places), np.int64))


class _LinkFinder:
    """Finds for the rows of one list what the listener liked that is like them."""

    def __init__(
        self, view: ListenerView, catalogue: Catalogue, rows: Rows, adjustment: Adjustment
    ) -> None:
        self._view, self._catalogue, self._rows = view, catalogue, rows.tolist()
        self._parts = {name: values.tolist() for name, values in adjustment.listener.items()}
        liked = view.liked.rows[:NEAREST]
        self._nearest = {SOUND: _nearest(catalogue.unit[rows], catalogue.unit[liked], CLOSE_COSINE)}
        if view.model is not None:
            taste = view.model.taste
            self._nearest[TASTE] = _nearest(taste.of(rows), taste.of(liked), NEAR_TASTE)
        self._by_artist = _strongest_by_artist(catalogue, view.liked.rows)

    def links(self, place: int) -> Iterator[_Link]:
        """List the links of a row that raised its score."""
        effect, row = self._parts[ARTIST][place], self._rows[place]
        artists = self._catalogue.track_artists.of(row).tolist() if effect > 0 else ()
        for name, artist in enumerate(artists):
            liked = self._by_artist.get(artist)
            if liked is not None and liked != row:
                yield _Link(effect, ARTIST, liked, 1.0, name)
                break
        for part, found in self._nearest.items():
            effect, (nearest, cosine) = self._parts[part][place], found[place]
            if effect > 0 and nearest >= 0 and self._view.liked.rows[nearest] != row:
                yield _Link(effect, part, int(self._view.liked.rows[nearest]), min(cosine, 1.0), -1)


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
