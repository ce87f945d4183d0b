"""What the reasons of a list read of the query, as arrays."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Relation
from quintet_explain.sentences import wordable
from quintet_modelkit.features import COLUMN

from quintet_engine.catalogue import Rows
from quintet_engine.collaborative.affinity import MOST_ROWS
from quintet_engine.context import Context
from quintet_engine.kernel.layout import Lists, fixed
from quintet_engine.query import SeedKind

RELATIONS: Final = tuple(Relation)
"""By the numbers that `kernel.reasons` gives them."""
_KINDS: Final = {SeedKind.TRACK: 0, SeedKind.ARTIST: 1, SeedKind.GENRE: 2}
_COMPARED: Final = (
    *("energy", "acousticness", "danceability", "valence", "instrumentalness"),
    *("speechiness", "liveness", "loudness"),
)
# The attributes that comparing keys reads: weight 0 for one of them silences it.
_READ_BY_KEY: Final = ("key", "mode")


def asked_by(context: Context) -> Any:
    """Collect what `kernel.reasons` reads of a query: its `Asked`."""
    from quintet_engine.kernel.reasons import Asked

    catalogue, query, seeds = context.catalogue, context.query, context.seeds
    silent = silenced(query.weights, query.targets)
    affinity, owners = context.affinity, list[int]()
    if affinity is not None:
        # As `Affinity.of` joins the seeds' rows: each group cut to its most popular.
        for place, view in enumerate(seeds):
            owners += [place] * min(len(view.rows), MOST_ROWS)
    scores = (context.seed_raw - catalogue.centres) / catalogue.deviations
    return Asked(
        kinds=fixed([_KINDS[view.seed.kind] for view in seeds], np.int8),
        albums=_lists([view.albums for view in seeds]),
        artists=_lists([view.artists for view in seeds]),
        genres=_lists([view.genres for view in seeds]),
        genre_shares=context.genres,
        raw=fixed(context.seed_raw, np.float64),
        scores=fixed(scores, np.float64),
        rhythm=context.arrays.seed_rhythm,
        owners=fixed(owners, np.int32),
        rows=fixed(() if affinity is None else affinity.seeds, np.int32),
        compared=_compared(silent),
        worded=_worded(),
        compares_tempo="tempo" not in silent,
        compares_key=not silent.intersection(_READ_BY_KEY),
        targets=fixed([COLUMN[name] for name in query.targets], np.int32),
        wanted=fixed(list(query.targets.values()), np.float64),
    )


@lru_cache(maxsize=64)
def _compared(silent: frozenset[str]) -> NDArray[np.int32]:
    """List the attributes that are compared, by number, int32."""
    return fixed([COLUMN[name] for name in _COMPARED if name not in silent], np.int32)


def silenced(weights: Mapping[str, float], targets: Mapping[str, float]) -> frozenset[str]:
    """List the attributes that are not compared: the ranking ignores them, or aims elsewhere."""
    ignored = [name for name, weight in weights.items() if weight == 0]
    return frozenset((*ignored, *targets))


def _lists(groups: Sequence[Rows]) -> Lists:
    starts = [0, *accumulate(map(len, groups))]
    return Lists(fixed(starts, np.int32), fixed(np.concatenate(groups), np.int32))


@cache
def _worded() -> NDArray[np.uint8]:
    """Mark the attributes that have a word in each relation, uint8 (relations, 14)."""
    words = [[name in wordable(relation) for name in ATTRIBUTES] for relation in RELATIONS]
    return fixed(words, np.uint8)
