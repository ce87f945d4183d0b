"""What a list states besides its tracks' reasons: cosines, the dial, pools of seeds."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine import discovery
from quintet_engine.catalogue import Mask
from quintet_engine.context import Context
from quintet_engine.query import Discovery, Query, SeedKind, SeedPool
from quintet_engine.seed_view import NO_ROWS, SeedView

# Neighbours of each seed that its pool sizes are counted over, at least.
_SEED_POOL: Final = 200


def similarities(matrix: NDArray[np.float32], names: tuple[str, ...]) -> list[float | None]:
    """Take the cosine of each track to the profile; None if either has no direction.

    Args:
        matrix: float32 (k, features).
        names: The features' names.
    """
    cosines = np.clip(matrix[:, names.index("profile_cosine")], -1.0, 1.0).tolist()
    # NaN is not equal to itself.
    return [cosine if cosine == cosine else None for cosine in cosines]


def outcome_of(
    query: Query, familiar: discovery.KnownArtists | None, known: Mask
) -> Discovery | None:
    """Describe what the dial did to a list, of which `known`, bool (k,), is by known artists."""
    if query.discovery is None or familiar is None:
        return None
    return discovery.outcome(known, discovery.Bounds(query.discovery), familiar.from_memory)


def seed_pools_of(context: Context) -> tuple[SeedPool, ...]:
    """Count, for each seed, the tracks near it: in all, allowed, and deduplicated."""
    most = min(len(context.catalogue), max(_SEED_POOL, context.query.limit))
    near = context.index.search(context.seed_vectors, most)
    return tuple(
        _seed_pool(context, view, hits.rows) for view, hits in zip(context.seeds, near, strict=True)
    )


def _seed_pool(context: Context, view: SeedView, near: NDArray[np.integer]) -> SeedPool:
    own = view.rows if view.seed.kind is SeedKind.TRACK else NO_ROWS
    near = near[~np.isin(near, own)]
    allowed = near[context.allowed.has(near)]
    distinct = len(np.unique(context.catalogue.recording[allowed]))
    return SeedPool(view.seed, len(near), len(allowed), distinct)
