"""The golden request: what a published model must answer as it did when it was published."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.publication import PublicationInvalid

from quintet_engine.engine.loading import described
from quintet_engine.query import Query, Ranking, Seasonal, Seed, SeedKind, Variants

Scores = NDArray[np.float64]
Recommend = Callable[[Query], Ranking]
GOLDEN_TOLERANCE: Final = 1e-3
"""How far a golden score may be from the recorded one: other processors sum in other orders."""
GOLDEN_TIES: Final = 0.1
GOLDEN_TIE_TOLERANCE: Final = 0.05
"""A tenth of the scores may be so far from the recorded ones. Where two candidates are nearly
equal, another order of a sum swaps their places, which are features."""
_LIMIT: Final = 20


def check_golden(recommend: Recommend, version: str, golden: dict[str, Any]) -> None:
    """Answer the golden request and compare the scores with the recorded ones.

    Args:
        recommend: Answers a query.
        version: Of the model, for messages.
        golden: The recorded request and its answer.

    Raises:
        PublicationInvalid: More than `GOLDEN_TIES` of the scores differ by more than
            `GOLDEN_TOLERANCE`, or one by more than `GOLDEN_TIE_TOLERANCE`.
    """
    try:
        got = np.array([score for _, score in golden_answer(recommend, golden["seeds"])])
        want = np.array([score for _, score in golden["tracks"]], dtype=np.float64)
    # Whatever it is: a version that cannot answer must not replace one that can.
    except Exception as fault:
        raise PublicationInvalid(
            f"{version}: the golden request cannot be answered: {described(fault)}"
        ) from fault
    if got.shape != want.shape or not _agree(got, want):
        raise PublicationInvalid(
            f"{version}: the golden request has other scores than recorded "
            f"(tolerance {GOLDEN_TOLERANCE:g})"
        )


def golden_answer(recommend: Recommend, seeds: Sequence[str]) -> list[tuple[str, float]]:
    """Recommend for the golden request, which starts from these tracks: ids and scores."""
    tracks = tuple(Seed(SeedKind.TRACK, name) for name in seeds)
    # Without exclusions by song: a bundle must answer as it did before rules on titles changed.
    query = Query(
        tracks,
        limit=_LIMIT,
        variants=Variants.ALLOW,
        seasonal=Seasonal.ALLOW,
        reasons=False,
    )
    ranking = recommend(query)
    return [(track.track_id, track.score) for track in ranking.tracks]


def _agree(got: Scores, want: Scores) -> bool:
    """Check golden scores against the recorded ones, float64 (k,) both; NaN never agrees."""
    differences = np.abs(got - want)
    near = np.count_nonzero(differences <= GOLDEN_TOLERANCE)
    return bool(
        near >= (1 - GOLDEN_TIES) * len(want) and (differences <= GOLDEN_TIE_TOLERANCE).all()
    )
