"""Questions about one listener: the beginning of a session or playlist in, the songs after it out.

Every method gets the same seeds and must not return what was heard lately, as in serving. A method
that has a memory gets only what was in it before the session began.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from quintet_contract.limits import MAX_PREFERENCES
from quintet_contract.signals import Preferences
from quintet_engine.catalogue import Catalogue, Rows

from quintet_training.datasets.listener_cases import MOST_CASES, NEXT, SEEDS, ListenerCase
from quintet_training.evaluation.baselines import STANDARDISED_COSINE, baselines

FIRST: Final = 50
"""Tracks of a list that are searched for the songs that came next: the default length."""
LEAST_CASES: Final = 10
"""Fewer sessions or playlists give no interval worth reading."""
Method = Callable[[ListenerCase], Rows]
"""Gives at most `FIRST` rows, best first, for one question."""


def playlist_cases(
    playlists: Sequence[Rows], asked: Sequence[int], known: Sequence[int], catalogue: Catalogue
) -> list[ListenerCase]:
    """Ask about the end of playlists; the memory is made of other playlists, as saves.

    Args:
        playlists: Distinct rows of each, in order.
        asked: Numbers of the playlists to ask about.
        known: Numbers of those that the listener is remembered by.
        catalogue: The catalogue.
    """
    counts = np.zeros(len(catalogue))
    for number in known:
        counts[playlists[number]] += 1
    # Tracks of most playlists first, ties by row.
    rows = np.argsort(-counts, kind="stable")[:MAX_PREFERENCES]
    rows = rows[counts[rows] > 0]
    saved = Preferences(
        catalogue.track_ids(rows),
        [0.0] * len(rows), [0.0] * len(rows), [1.0] * len(rows), [0.0] * len(rows),
        [False] * len(rows),
    )  # fmt: skip
    nothing = np.empty(0, np.int64)
    cases = []
    for number in asked:
        whole = np.asarray(playlists[number], np.int64)
        if len(whole) >= 2 * SEEDS:
            end = min(NEXT, len(whole) - SEEDS)
            cases.append(ListenerCase(whole[-end - SEEDS : -end], whole[-end:], nothing, saved))
    return cases[-MOST_CASES:]


def simple_methods(catalogue: Catalogue, seed: int) -> dict[str, Method]:
    """Build the baselines that need neither playlists nor a memory."""
    # Long enough that the first `FIRST` remain without what was heard within the window.
    found = baselines(catalogue, [], seed, limit=len(catalogue))
    names = ("popularity", "same_artist", STANDARDISED_COSINE)
    return {name: _without_excluded(found[name]) for name in names}


def hits(method: Method, cases: Sequence[ListenerCase]) -> np.ndarray:
    """Count how many songs that came next are in the first `FIRST` of each list, float64 (c,)."""
    found = []
    for case in cases:
        ranked = method(case)
        found.append(float(np.isin(case.truth, ranked[:FIRST]).sum()))
    return np.array(found)


def chance(cases: Sequence[ListenerCase], catalogue: Catalogue) -> float:
    """Compute how many songs a random list would have in its first `FIRST`, on average."""
    shares = [
        FIRST / (len(catalogue) - len(case.seeds) - len(case.excluded)) * len(case.truth)
        for case in cases
    ]
    return float(np.mean(shares))


def _without_excluded(recommend: Callable[[Rows], Rows]) -> Method:
    def answer(case: ListenerCase) -> Rows:
        ranked = recommend(case.seeds)
        return ranked[~np.isin(ranked, case.excluded)][:FIRST]

    return answer
