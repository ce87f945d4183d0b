"""Put together why each track of a list is in it: facts, sentence, contributions, comparisons.

Everything is found for all tracks at once, as arrays, and their JSON is written from the arrays.
Objects are made for callers who ask for them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN, DIMENSIONS, dimensions_of

from quintet_engine.catalogue import Rows
from quintet_engine.context import Context
from quintet_engine.features.weighting import weighted_units
from quintet_engine.kernel.layout import NAMED_ARTIST, Floats, Lists, fixed
from quintet_engine.query import SeedKind
from quintet_engine.reasons.adjustments import Adjustment
from quintet_engine.reasons.asked import asked_by
from quintet_engine.reasons.explained import Explained, ExplainedTrack
from quintet_engine.reasons.families import PLACE, SOUND, effects_of_cosine, family_numbers
from quintet_engine.reasons.liked import liked_facts
from quintet_engine.reasons.statements import statements_of
from quintet_engine.reasons.writing import written

_TEMPO: Final = COLUMN["tempo"]
_KEY: Final = COLUMN["key"]
# Sums the encoded coordinates of each attribute (key has two): (14 coordinates, 14 attributes).
_DIMENSIONS_OF: Final = np.array(
    [[float(d in dimensions_of(name)) for name in ATTRIBUTES] for d in range(DIMENSIONS)],
    dtype=np.float32,
)
_NONE: Final = np.empty(0, np.int64)


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
    from quintet_engine.kernel.reasons import find

    catalogue, rows = context.catalogue, ranked.rows
    raw = fixed(catalogue.columns[rows], np.float64)
    cosines = fixed(
        np.clip(weighted_units(context, rows) @ context.seed_vectors.T, -1.0, 1.0), np.float32
    )
    shares = np.asarray((catalogue.unit[rows] * context.vector) @ _DIMENSIONS_OF, np.float64)
    effects, totals, strongest = _effects(ranked, shares)
    asked = asked_by(context)
    # References count the seeds, then the seed rows, then the tracks of the memory.
    first = len(context.seeds) + len(asked.rows)
    liked = liked_facts(context, rows, ranked.adjustment, totals, first)
    listing = _listing(context, ranked, raw, cosines, effects, totals)._replace(
        liked=fixed(liked.codes, np.int32), likings=fixed(liked.numbers, np.float64)
    )
    codes, numbers, sizes = find(catalogue.arrays, asked, listing, _TEMPO, _KEY)
    statements = statements_of(context, rows, asked.owners, liked.rows, codes, numbers, sizes)
    closest, similarity = _closest_track(context, rows, cosines)
    places = np.where(strongest < 0, 0, strongest)
    contributions = (0 * places).astype(np.float64)
    if ranked.contributions is not None:
        contributions = np.take_along_axis(ranked.contributions, places, axis=1)
    return Explained(
        statements,
        ranked.names,
        fixed(closest, np.int32),
        fixed(similarity, np.float64),
        fixed(strongest, np.int32),
        fixed(contributions, np.float64),
        fixed(np.take_along_axis(ranked.matrix, places, axis=1), np.float64),
        raw,
        fixed(context.seeds_mean, np.float64),
        fixed(shares, np.float64),
    )


def _effects(
    ranked: Ranked, shares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Compute the effects of each row's families, in the unit of the final score.

    Returns:
        Their shares of all effects, float64 (k, families); the size of all effects, (k,); and the
        features of the strongest contributions, int32 (k, most), none if no booster ranked.
    """
    from quintet_engine.kernel.reasons import effects_of

    if ranked.contributions is None:
        effects, totals = effects_of_cosine(shares, ATTRIBUTES)
        strongest = np.empty((len(effects), 0), np.int32)
    else:
        family = family_numbers(ranked.names)
        effects, totals, strongest = effects_of(fixed(ranked.contributions, np.float64), family)
    adjustment = ranked.adjustment
    effects, totals = effects / adjustment.spread, totals / adjustment.spread
    if adjustment.sound is not None:
        effects[:, PLACE[SOUND]] += adjustment.sound
        totals = totals + np.abs(adjustment.sound)
    for values in (*adjustment.targets.values(), *adjustment.listener.values()):
        totals = totals + np.abs(values)
    return effects / np.where(totals > 0, totals, 1.0)[:, None], totals, strongest


def _listing(
    context: Context,
    ranked: Ranked,
    raw: NDArray[np.float64],
    cosines: Floats,
    effects: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> Any:
    """Collect what `kernel.reasons` reads of a list: its `Listing`."""
    from quintet_engine.kernel.reasons import CODES, NUMBERS, Listing

    catalogue, rows = context.catalogue, ranked.rows
    wanted, fits = context.query.targets, ranked.adjustment.targets
    shape = (len(wanted), len(rows))
    together, artists, taste = _relations(context, rows)
    return Listing(
        liked=fixed(np.empty((0, CODES)), np.int32),
        likings=fixed(np.empty((0, NUMBERS)), np.float64),
        rows=fixed(rows, np.int32),
        raw=raw,
        scores=fixed((raw - catalogue.centres) / catalogue.deviations, np.float64),
        cosines=cosines,
        together=together,
        artists_met=artists,
        taste=taste,
        effects=fixed(effects, np.float64),
        totals=fixed(totals, np.float64),
        fits=fixed(np.reshape([fits[name] for name in wanted], shape), np.float64),
        distances=fixed(
            np.reshape([catalogue.distances(*each, rows) for each in wanted.items()], shape),
            np.float64,
        ),
    )


def _relations(context: Context, rows: Rows) -> tuple[Floats, Floats, Floats]:
    """Relate rows to the m seed rows by playlists, float32 (k, m) each; m is 0 without a model.

    Returns:
        How many playlists hold both tracks; how many hold both first artists, 0 for an unknown
        artist and for the same one; the cosine of the tracks in the taste space.
    """
    from quintet_engine.kernel.reasons import met

    affinity = context.affinity
    if affinity is None:
        none = fixed(np.empty((len(rows), 0)), np.float32)
        return none, none, none
    learned, seeds = affinity.model.arrays, affinity.seeds
    playlists = len(affinity.weights)
    left, right = (fixed(each, np.int32) for each in (rows, seeds))
    unknown = len(learned.by_artist.starts) - 1
    artists = (learned.names[each, NAMED_ARTIST] for each in (left, right))
    ours, theirs = (fixed(np.where(each < unknown, each, -1), np.int32) for each in artists)
    by_artist = Lists(learned.by_artist.starts, learned.by_artist.members)
    taste = affinity.model.taste
    return (
        fixed(met(learned.holders, left, right, playlists), np.float32),
        fixed(met(by_artist, ours, theirs, playlists), np.float32),
        fixed(taste.of(rows) @ taste.of(seeds).T, np.float32),
    )


def _closest_track(
    context: Context, rows: Rows, cosines: Floats
) -> tuple[Rows, NDArray[np.float64]]:
    """Find each row's nearest seed track and the cosine.

    The number of seeds and NaN without a seed track that was analysed, and for a row that was not.
    """
    tracks = [
        place
        for place, (view, vector) in enumerate(
            zip(context.seeds, context.seed_vectors, strict=True)
        )
        if view.seed.kind is SeedKind.TRACK and vector.any()
    ]
    none = np.full(len(rows), len(context.seeds))
    if not tracks:
        return none, np.full(len(rows), np.nan)
    near, analysed = cosines[:, tracks], context.catalogue.analysed
    known = np.ones(len(rows), np.bool_) if analysed is None else analysed[rows]
    places = np.where(known, np.asarray(tracks)[near.argmax(axis=1)], none)
    return places, np.where(known, near.max(axis=1).astype(np.float64), np.nan)
