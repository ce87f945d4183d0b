"""What a retrieval channel is, and how the candidates of several are united.

A channel is a name, a quota (its share of the candidate budget) and a function from a prepared
query to hits. A channel whose data the catalogue lacks finds nothing and costs nothing. Features,
reasons and clients identify channels by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        found: bool (c, channels), which channel found which row.
        closeness: float32 (c, channels), 1 / (1 + place in the channel); 0 where not found.
        names: The channels' names, in the order of the columns.
    """

    rows: Rows
    found: Mask
    closeness: Weights
    names: tuple[str, ...]

    def channels_of(self, place: int) -> tuple[str, ...]:
        """Name the channels that found the candidate at a place."""
        return tuple(n for n, hit in zip(self.names, self.found[place], strict=True) if hit)


def gather(context: Context, channels: Sequence[Channel], quotas: Sequence[int]) -> Candidates:
    """Run the channels, each up to its quota of rows, and unite their hits."""
    hits = [channel.find(context, most) for channel, most in zip(channels, quotas, strict=True)]
    from quintet_engine.kernel.selecting import united

    ends = np.cumsum([len(hit.rows) for hit in hits])
    found = np.concatenate([hit.rows for hit in hits])
    starts = fixed(np.concatenate(([0], ends)), np.int64)
    rows, closeness = united(fixed(found, np.int32), starts, len(context.catalogue))
    names = tuple(channel.name for channel in channels)
    return Candidates(rows.astype(np.int64), (closeness > 0).T, closeness.T, names)


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
    more = more[~np.isin(more, candidates.rows)]
    if not len(more):
        return candidates
    rows = np.concatenate((candidates.rows, more))
    order = np.argsort(rows)
    unfound = np.zeros((len(more), len(candidates.names)), np.float32)
    closeness = np.concatenate((candidates.closeness, unfound))[order]
    return Candidates(rows[order], closeness > 0, closeness, candidates.names)


def target_distance(context: Context, rows: Rows) -> Weights:
    """Average the distance of rows to all targets, in standard deviations, float32 (k,)."""
    targets = context.query.targets
    gaps = [context.catalogue.distances(name, value, rows) for name, value in targets.items()]
    return np.asarray(np.mean(gaps, axis=0), dtype=np.float32)
