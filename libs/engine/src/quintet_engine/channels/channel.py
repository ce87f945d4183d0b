"""What a retrieval channel is, and how the candidates of several are united.

A channel is a name, a quota (its share of the candidate budget) and a function from a prepared
query to hits. A channel whose data the catalogue lacks finds nothing and costs nothing. Features,
reasons and clients identify channels by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from quintet_engine.catalogue import Mask, Rows, Weights
from quintet_engine.context import Context
from quintet_engine.kernel.layout import fixed
from quintet_engine.vectors import Hits


@dataclass(frozen=True)
class Channel:
    """One way to find candidates.

    Attributes:
        name: Reported with each track.
        quota: Share of the candidate budget, above 0.
        find: Returns up to so many allowed rows, best first.
    """

    name: str
    quota: float
    find: Callable[[Context, int], Hits]


@dataclass(frozen=True)
class Candidates:
    """The union of all channels' hits, rows ascending.

    Attributes:
        rows: int64 (c,), distinct, ascending.
        closeness: float32 (c, channels), 1 / (1 + place in the channel); 0 where not found.
        names: The channels' names, in the order of the columns.
    """

    rows: Rows
    closeness: Weights
    names: tuple[str, ...]

    @property
    def found(self) -> Mask:
        """Which channel found which row, bool (c, channels)."""
        return np.asarray(self.closeness > 0, np.bool_)

    def channels_of(self, places: Rows) -> list[tuple[str, ...]]:
        """Name the channels that found the candidates at some places."""
        bits = (self.closeness[places] > 0) @ (1 << np.arange(len(self.names)))
        return [_named(self.names, each) for each in bits.tolist()]


@lru_cache(maxsize=4096)
def _named(names: tuple[str, ...], bits: int) -> tuple[str, ...]:
    """Select the names whose bit is set."""
    return tuple(name for place, name in enumerate(names) if bits >> place & 1)


def gather(context: Context, channels: Sequence[Channel], quotas: Sequence[int]) -> Candidates:
    """Run the channels, each up to its quota of rows, and unite their hits."""
    from quintet_engine.kernel.selecting import united

    hits = [channel.find(context, most) for channel, most in zip(channels, quotas, strict=True)]
    starts = np.zeros(len(hits) + 1, np.int64)
    np.cumsum([len(hit.rows) for hit in hits], out=starts[1:])
    found = np.concatenate([hit.rows for hit in hits])
    rows, closeness = united(
        fixed(found, np.int32), fixed(starts, np.int64), len(context.catalogue)
    )
    names = tuple(channel.name for channel in channels)
    return Candidates(rows.astype(np.int64), closeness.T, names)


def with_unreachable(context: Context, candidates: Candidates, most: int) -> Candidates:
    """Add allowed rows that no search by audio reaches, the most popular first, up to `most`.

    Those are rows that were not analysed, or all if nothing is known of the seeds' audio. No
    channel has found them.
    """
    has_direction = bool(context.vector.any())
    if has_direction and context.catalogue.analysed is None:
        return candidates
    left = context.allowed.mask.copy()
    if has_direction:
        left &= ~context.comparable.mask
    left[candidates.rows] = False
    rest = np.flatnonzero(left)
    rest = rest[np.lexsort((rest, -context.catalogue.popularity[rest]))[:most]]
    return with_rows(candidates, rest)


def with_rows(candidates: Candidates, more: Rows) -> Candidates:
    """Add rows, int64, distinct, that no channel has found; those that are candidates stay."""
    more = more[~np.isin(more, candidates.rows)] if len(more) else more
    if not len(more):
        return candidates
    rows = np.concatenate((candidates.rows, more))
    order = np.argsort(rows)
    unfound = np.zeros((len(more), len(candidates.names)), np.float32)
    closeness = np.concatenate((candidates.closeness, unfound))[order]
    return Candidates(rows[order], closeness, candidates.names)


def target_distance(context: Context, rows: Rows) -> Weights:
    """Average the distance of rows to all targets, in standard deviations, float32 (k,)."""
    targets = context.query.targets
    gaps = [context.catalogue.distances(name, value, rows) for name, value in targets.items()]
    return np.asarray(np.mean(gaps, axis=0), dtype=np.float32)
