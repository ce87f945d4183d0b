"""Simulated listeners with known tastes over the catalogue of `reasoned`."""

from collections.abc import Iterator

import numpy as np
from quintet_contract.signals import DAY, SignalRow
from quintet_engine.catalogue import Catalogue, Rows

from tests.fakes.reasoned import ARTISTS

BEGIN = 1_700_000_000
_SONG = 200


class SimulatedListener:
    """Likes the artists near one artist, all but some, whose tracks are skipped.

    A session is of a few of the liked artists; the next session is of others, which the rule of a
    memory cannot know: it moves artists up that were heard lately.

    Attributes:
        liked: int64 (a,), the liked artists, in the order of listening.
        skipped: int64, the tracks of the artists near them that the listener skips.
    """

    def __init__(self, catalogue: Catalogue, random: np.random.Generator) -> None:
        self._artist = catalogue.first_artist
        centre = int(random.integers(ARTISTS))
        near = random.permutation(np.unique(self._artist[np.abs(self._artist - centre) < 8]))
        self.liked = near[len(near) // 3 :]
        self.skipped = np.flatnonzero(np.isin(self._artist, near[: len(near) // 3]))
        self._ids = catalogue.track_ids(np.arange(len(catalogue)))
        self._random = random
        self._start = BEGIN + int(random.integers(10 * DAY))

    def sessions(self, count: int) -> Iterator[tuple[int, list[SignalRow]]]:
        """Yield the start and the listens of sessions, 15 days apart: ten plays, two skips."""
        for number in range(count):
            at = self._start + number * 15 * DAY
            artists = np.take(self.liked, range(3 * number, 3 * number + 3), mode="wrap")
            tracks = self._random.permutation(np.flatnonzero(np.isin(self._artist, artists)))
            skips = self._random.permutation(self.skipped)[:2]
            yield at, [*self._listens(tracks[:10], at, "play"), *self._listens(skips, at, "skip")]

    def _listens(self, rows: Rows, at: int, kind: str) -> list[SignalRow]:
        return [
            (self._ids[row], kind, at + _SONG * place, 1, "test")
            for place, row in enumerate(rows.tolist())
        ]
