"""Chooses what each kind of token weighs in the taste space, by cross-fitted recall."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.space import membership
from quintet_engine.collaborative.taste import WEIGHTS, Taste
from quintet_engine.collaborative.tokens import Tokens

from quintet_training.ranking.fitting import new_study

# The search imports it, and most commands search nothing.
if TYPE_CHECKING:
    import optuna

MOST_KNOWN: Final = 8_000
"""Playlists that a trial learns from at most: bounds the time of the search."""
# From the best of a list up to the candidates that the channel may return.
_CUTS: Final = (100, 500, 1_000)
# Playlists per trial: bounds its time.
_MOST_CASES: Final = 120
# Five seeds, and as many tracks or more to find.
_LEAST_TRACKS: Final = 10
# Weights are searched from a quarter to four times their defaults.
_REACH: Final = 4.0


def tune_taste(
    catalogue: Catalogue,
    tokens: Tokens,
    playlists: Sequence[Rows],
    folds: NDArray[np.int64],
    *,
    trials: int,
    seed: int,
) -> Mapping[str, float]:
    """Choose the weights of token kinds: the best of `trials` by recall of a fold's playlists.

    The space is fitted on the other folds, or `MOST_KNOWN` of their playlists; five tracks of each
    playlist of the fold are asked with, and recall of the others among the nearest 100, 500 and
    1,000 is averaged. Each weight is sought within a factor of four of its default, which is the
    first trial.
    """
    cases = _cases(playlists, np.flatnonzero(folds == 0), seed)
    if trials < 2 or not cases:
        return WEIGHTS
    # One fold, not all: a trial then fits one space instead of five.
    known = np.flatnonzero(folds != 0)
    if len(known) > MOST_KNOWN:
        random = np.random.default_rng((seed, 9))
        known = np.sort(random.choice(known, MOST_KNOWN, replace=False))
    members = membership([playlists[number] for number in known.tolist()], len(catalogue))

    def objective(trial: "optuna.Trial") -> float:
        weights = {
            kind: trial.suggest_float(
                kind, WEIGHTS[kind] / _REACH, WEIGHTS[kind] * _REACH, log=True
            )
            for kind in WEIGHTS
        }
        return _recall(Taste.fit(tokens, catalogue.year, members, weights), cases)

    study = new_study(seed)
    # The defaults come first, so the search never does worse on these cases.
    study.enqueue_trial(dict(WEIGHTS))
    study.optimize(objective, n_trials=trials)
    return {kind: float(study.best_params[kind]) for kind in WEIGHTS}


def _cases(playlists: Sequence[Rows], able: Rows, seed: int) -> list[tuple[Rows, Rows]]:
    """Return seeds and the rest of up to `_MOST_CASES` playlists."""
    random = np.random.default_rng((seed, 6))
    cases: list[tuple[Rows, Rows]] = []
    for number in random.permutation(able).tolist():
        rows = playlists[number]
        if len(rows) >= _LEAST_TRACKS and len(cases) < _MOST_CASES:
            seeds = random.choice(rows, 5, replace=False)
            cases.append((seeds, np.setdiff1d(rows, seeds)))
    return cases


def _recall(taste: Taste, cases: Sequence[tuple[Rows, Rows]]) -> float:
    """Compute mean recall over cases and cuts, 0..1."""
    total = 0.0
    places = taste.places.astype(np.float32)
    for seeds, wanted in cases:
        cosines = places @ places[seeds].mean(axis=0)
        # Seeds are nearest to themselves, and lists leave them out.
        cosines[seeds] = -np.inf
        # A wanted track's place is the number of tracks nearer than it.
        # Only the nearest 1,000 are sorted; the others count as not found.
        most = min(max(_CUTS), len(cosines) - 1)
        cut = np.partition(cosines, len(cosines) - most)[len(cosines) - most :]
        ranks = most - np.searchsorted(np.sort(cut), cosines[wanted], side="right")
        total += float(np.mean([np.mean(ranks < cut_at) for cut_at in _CUTS]))
    return total / len(cases)
