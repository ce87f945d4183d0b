"""Put together why each track of a list is in it: facts, sentence, contributions, comparisons.

Everything is found for all tracks at once by `kernel.describing`, as arrays, and their JSON is
written from the arrays. Objects are made for callers who ask for them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Rows
from quintet_engine.context import Context
from quintet_engine.kernel.layout import Floats, fixed
from quintet_engine.reasons.adjustments import Adjustment
from quintet_engine.reasons.asked import asked_by
from quintet_engine.reasons.explained import Explained, ExplainedTrack
from quintet_engine.reasons.families import family_numbers
from quintet_engine.reasons.liked import Liked, liked_facts
from quintet_engine.reasons.statements import statements_of
from quintet_engine.reasons.writing import written

_NO_TARGETS: Final = fixed(np.empty((0, 0)), np.float64)


@dataclass(frozen=True)
class Ranked:
    """The rows of a list and what they were ranked by.

    Attributes:
        rows: int64 (k,), the tracks returned.
        matrix: float32 (k, features), the values the booster saw.
        contributions: float64 (k, features + 1), or None if no booster ranked.
        names: The features' names.
        adjustment: What targets, weights and the listener's memory added to the score of each row.
    """

    rows: Rows
    matrix: NDArray[np.float32]
    contributions: NDArray[np.float64] | None
    names: tuple[str, ...]
    adjustment: Adjustment


def explain(context: Context, ranked: Ranked) -> list[ExplainedTrack]:
    """Explain the rows of a list."""
    explained = _explained(context, ranked)
    return [ExplainedTrack(json, explained, n) for n, json in enumerate(written(explained))]


def _explained(context: Context, ranked: Ranked) -> Explained:
    from quintet_engine.kernel.describing import describe
    from quintet_engine.kernel.reasons_json import Stated

    catalogue, rows = context.catalogue, fixed(ranked.rows, np.int32)
    asked = asked_by(context)
    # References count the seeds, then the seed rows, then the tracks of the memory.
    first = len(context.seeds) + len(asked.rows)
    liked = liked_facts(context, ranked.rows, ranked.adjustment, first)
    related = _relations(context, rows)
    listed = _ranked(context, ranked, rows, liked)
    described: tuple[Any, ...] = describe(
        *(catalogue.arrays, catalogue.columns, context.arrays, asked, listed),
        *(*related, first + len(liked.rows)),
    )
    *numbers, named, used = described
    statements, places = statements_of(context, asked.owners, liked.rows, numbers, named, used)
    stated = Stated._make((*numbers, fixed(context.seeds_mean, np.float64), places))
    return Explained(statements, ranked.names, stated)


def _ranked(context: Context, ranked: Ranked, rows: NDArray[np.int32], liked: Liked) -> Any:
    """Collect what compiled code reads of a list: `kernel.describing.Ranked`."""
    from quintet_engine.kernel import describing

    catalogue, adjustment, count = context.catalogue, ranked.adjustment, len(rows)
    contributions, sound = ranked.contributions, adjustment.sound
    more = np.zeros(count)
    for values in (*adjustment.targets.values(), *adjustment.listener.values()):
        more += np.abs(values)
    fits = distances = _NO_TARGETS
    if wanted := context.query.targets:
        fits = fixed([adjustment.targets[name] for name in wanted], np.float64)
        distances = fixed(
            [catalogue.distances(*each, ranked.rows) for each in wanted.items()], np.float64
        )
    return describing.Ranked(
        rows,
        fixed(ranked.matrix, np.float32),
        fixed(np.empty((count, 0)) if contributions is None else contributions, np.float64),
        family_numbers(ranked.names),
        fixed(catalogue.centres, np.float64),
        fixed(catalogue.deviations, np.float64),
        float(adjustment.spread),
        fixed(() if sound is None else sound, np.float64),
        fixed(more, np.float64),
        fits,
        distances,
        fixed(liked.codes, np.int32),
        fixed(liked.numbers, np.float64),
    )


def _relations(context: Context, rows: NDArray[np.int32]) -> tuple[Floats, Floats, Floats, Floats]:
    """Relate rows to the m seed rows, see `describing.relate`; m is 0 without a model."""
    from quintet_engine.kernel.describing import relate

    affinity = context.affinity
    if affinity is None:
        none = fixed(np.empty((len(rows), 0)), np.float32)
        return none, none, none, fixed(np.empty((2, 0)), np.float32)
    seeds, learned = fixed(affinity.seeds, np.int32), affinity.model.arrays
    related = relate(learned, rows, seeds, len(affinity.weights))
    together, artists, taste, holders = (fixed(each, np.float32) for each in related)
    return together, artists, taste, holders
