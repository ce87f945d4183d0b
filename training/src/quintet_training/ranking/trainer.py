"""Trains a model from playlists: taste space, training rows, booster; arrays in, a model out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.collaborative.directions import MOST_KEPT, PART
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import membership
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import TRAINED
from threadpoolctl import threadpool_limits

from quintet_training.datasets.listener_queries import ALWAYS, ListenerQueries
from quintet_training.datasets.playlist_groups import MOST_PROPOSED, near_duplicates
from quintet_training.ranking.backend import BuiltRows, LocalBackend, RowOptions, TrainerBackend
from quintet_training.ranking.fitting import BoosterParameters, Fit, Fitter, importances
from quintet_training.ranking.folds import MOST_COMPARED, FoldEngines, fit_learned, sound_index
from quintet_training.ranking.listening import Learned, Listening
from quintet_training.ranking.rows import choose_validation, draw_queries
from quintet_training.ranking.strata import Strata, strata_of
from quintet_training.ranking.tuning import MOST_KNOWN, tune_taste
from quintet_training.settings import TrainingRefused

OnProgress = Callable[[float, str], None]
LEAST_PLAYLISTS: Final = 20
"""Fewer playlists of at least `least_tracks` do not make a model."""
MOST_VALIDATION: Final = 240
"""Playlists that stop the booster at most: their rows are all kept."""


class TooFewPlaylists(TrainingRefused):
    """There are not enough playlists to train on; the message says how many there are."""


@dataclass(frozen=True)
class TrainingParameters:
    """What decides a trained model besides catalogue and playlists.

    Attributes:
        seed: The random seed.
        threads: Of LightGBM and of row making; one gives the same booster byte for byte.
        folds: Of cross-fitting.
        validation: Share of playlists that stop the booster early and choose parameters, 0..0.5.
        least_tracks: Shorter playlists make no rows.
        samplings: Times that seeds are drawn from each playlist; 0 to follow their number.
        most_queries: Training queries at most; bounds time and memory.
        negatives: Negatives a query.
        space_trials: Optuna's budget for the weights of tokens, in trials; 1 or less for none.
        booster_trials: Optuna's budget for the booster, in trials; 1 or less for none.
        booster: Where the search for the booster starts.
    """

    seed: int = 7
    threads: int = 1
    folds: int = 5
    validation: float = 0.15
    least_tracks: int = 6
    samplings: int = 0
    most_queries: int = 2_500
    negatives: int = 400
    space_trials: int = 6
    booster_trials: int = 6
    booster: BoosterParameters = field(default_factory=BoosterParameters)

    @property
    def budgets(self) -> dict[str, int]:
        """What limits the work of a training, whatever the number of playlists."""
        return {
            "queries": self.most_queries,
            "negatives_per_query": self.negatives,
            "validation_playlists": MOST_VALIDATION,
            "compared_playlists": MOST_COMPARED,
            "tuning_playlists": MOST_KNOWN,
            "taste_first_part_playlists": PART,
            "taste_kept_entries": MOST_KEPT,
            "near_duplicate_pairs_per_playlist": MOST_PROPOSED,
        }

    def facts(self) -> dict[str, Any]:
        """Return the parameters by name; threads are not among them."""
        facts = asdict(self)
        # The number of cores must not change the version of a model.
        del facts["threads"]
        return facts


@dataclass(frozen=True)
class Trained:
    """A trained model, not yet published.

    Attributes:
        booster: In LightGBM's text form.
        learned: The collaborative model.
        index: The audio index.
        chosen: The parameters that the searches chose.
        metrics: Numbers about the training.
        importances: Total gain by feature.
        listening: What was learned from listeners.
    """

    booster: str
    learned: CollaborativeModel
    index: FaissIndex
    chosen: Mapping[str, Any]
    metrics: Mapping[str, float]
    importances: Mapping[str, float]
    listening: Learned


def train_model(
    catalogue: Catalogue,
    playlists: Sequence[Rows],
    parameters: TrainingParameters,
    on_progress: OnProgress | None = None,
    backend: TrainerBackend | None = None,
    listeners: ListenerQueries | None = None,
    kinds: Sequence[str] = (),
) -> Trained:
    """Train on playlists, each its distinct catalogue rows.

    Args:
        catalogue: The catalogue.
        playlists: The rows of each.
        parameters: What decides the model.
        on_progress: Receives the completed share and the current step.
        backend: Makes rows and fits the booster; this machine where None.
        listeners: Questions about listeners, and when each of `playlists` was complete. They change
            nothing of what is learned from playlists.
        kinds: The kind of each of `playlists`, by which samples of playlists are balanced; if there
            are not several, samples are balanced by clusters of playlists.

    Raises:
        TooFewPlaylists: Fewer than `LEAST_PLAYLISTS` are long enough, or they do not differ.
    """
    on_progress = on_progress or (lambda share, text: None)
    kept = _enough(playlists, parameters)
    queries = ListenerQueries((), [ALWAYS] * len(kept))
    if listeners is not None:
        complete = [listeners.complete[number] for number in kept]
        queries = ListenerQueries(listeners.cases, complete)
    members = [np.unique(playlists[number]) for number in kept]
    named = [kinds[number] for number in kept] if len(kinds) else []
    run = _Run(
        catalogue, members, named, parameters, on_progress, backend or LocalBackend(), queries
    )
    # Sums in linear algebra come out the same however many cores there are, and the threads that
    # make rows do not multiply.
    with threadpool_limits(1, user_api="blas"):
        return run.train()


def _enough(playlists: Sequence[Rows], parameters: TrainingParameters) -> list[int]:
    """Choose the playlists to learn from, by number; an error if they are too few."""
    able = sum(len(rows) >= parameters.least_tracks for rows in playlists)
    if able < LEAST_PLAYLISTS:
        raise TooFewPlaylists(
            f"training needs at least {LEAST_PLAYLISTS} playlists of {parameters.least_tracks} or "
            f"more tracks of the catalogue; there are {able}"
        )
    # One track alone shows no co-occurrence.
    return [number for number, rows in enumerate(playlists) if len(rows) > 1]


@dataclass(frozen=True)
class _Run:
    """One training."""

    catalogue: Catalogue
    playlists: list[Rows]
    kinds: Sequence[str]
    parameters: TrainingParameters
    on_progress: OnProgress
    backend: TrainerBackend
    listeners: ListenerQueries

    def train(self) -> Trained:
        self.on_progress(0.0, "reading the catalogue")
        tokens = Tokens.of(self.catalogue, self.parameters.seed)
        index = FaissIndex.build(self.catalogue.unit, seed=self.parameters.seed)
        self.on_progress(0.05, "grouping playlists")
        groups = near_duplicates(self.playlists, len(self.catalogue))
        folds = self._folds(groups)
        members = membership(self.playlists, len(self.catalogue))
        strata = strata_of(tokens, members, self.kinds, self.parameters.seed)
        validation = choose_validation(
            self.playlists,
            groups,
            strata,
            share=self.parameters.validation,
            most=MOST_VALIDATION,
            least=self.parameters.least_tracks,
            seed=self.parameters.seed,
        )
        if not validation.any():
            raise TooFewPlaylists(
                "training needs playlists that differ; almost all of these are near-duplicates of "
                "each other: import more playlists"
            )
        self.on_progress(0.07, "choosing the weights of tokens")
        weights = tune_taste(
            self.catalogue,
            tokens,
            self.playlists,
            folds,
            trials=self.parameters.space_trials,
            seed=self.parameters.seed,
        )
        parameters = self.parameters
        sounds = sound_index(tokens, parameters.seed)
        engines = FoldEngines(
            *(self.catalogue, self.playlists, folds, weights, parameters.seed),
            *(tokens, index, sounds),
        )
        queries = self._queries(folds, validation, strata)
        rows = self.backend.rows(
            engines,
            queries,
            RowOptions(parameters.negatives, parameters.seed, parameters.threads),
            lambda s: self.on_progress(0.2 + 0.5 * s, "asking playlists"),
        )
        fit, booster = self._booster(rows)
        listening = self._listening(engines, queries, rows, replace(booster, rounds=fit.rounds))
        metrics = {
            "validation_ndcg_500": fit.ndcg,
            "training_playlists": len(self.playlists),
            "training_groups": rows.groups,
            "training_rows": rows.count,
            "validation_groups": len(rows.held.sizes),
            "trees": fit.rounds,
            "strata": int(strata.max()) + 1,
        }
        del rows  # as large as what is fitted next
        self.on_progress(0.95, "fitting all playlists")
        # Cross-fitting served the booster's rows; what is published learns from all playlists.
        learned = fit_learned(
            *(self.catalogue, self.playlists, weights, parameters.seed, tokens, sounds)
        )
        metrics["compared_playlists"] = len(learned.space)
        chosen = {"taste_weights": dict(weights), "booster": booster.facts()}
        return Trained(fit.text, learned, index, chosen, metrics, importances(fit.text), listening)

    def _listening(
        self,
        engines: FoldEngines,
        queries: pl.DataFrame,
        rows: BuiltRows,
        parameters: BoosterParameters,
    ) -> Learned:
        """Learn from listeners; `parameters` are those of the booster of the seeds."""

        def base(known: Mask) -> Ranker | None:
            """Fit the booster of the seeds on the rows of some playlists."""
            sample = rows.sample
            assert sample.numbers is not None
            places = np.flatnonzero(known[queries["playlist"].to_numpy()[sample.numbers]])
            if len(places) < LEAST_PLAYLISTS:
                return None
            return Ranker.from_text(self._fitter.fit(parameters, sample.of(places)).text)

        task = Listening(
            engines, self.listeners, self.parameters.negatives, self.parameters.threads
        )
        return task.learn(
            base, lambda s: self.on_progress(0.9 + 0.05 * s, "learning from listeners")
        )

    @property
    def _fitter(self) -> Fitter:
        parameters = self.parameters
        return Fitter(TRAINED.names, TRAINED.monotone, parameters.seed, parameters.threads)

    def _folds(self, groups: NDArray[np.int64]) -> NDArray[np.int64]:
        # Near-duplicates share a fold; otherwise a copy would reveal the hidden tracks.
        random = np.random.default_rng((self.parameters.seed, 5))
        count = int(groups.max()) + 1
        return np.asarray((random.permutation(count) % self.parameters.folds)[groups])

    def _queries(self, folds: NDArray[np.int64], validation: Mask, strata: Strata) -> pl.DataFrame:
        parameters = self.parameters
        return draw_queries(
            self.playlists,
            folds,
            validation,
            strata,
            # Three times up to 500 playlists, twice up to 750, then once: more gain nothing.
            samplings=parameters.samplings or int(np.clip(1_500 // len(self.playlists), 1, 3)),
            least=parameters.least_tracks,
            most=parameters.most_queries,
            seed=parameters.seed,
        )

    def _booster(self, rows: BuiltRows) -> tuple[Fit, BoosterParameters]:
        """Search parameters, then fit the booster with the best; both judged on validation rows."""
        if not (rows.groups and len(rows.held.sizes)):
            raise TooFewPlaylists(
                "no hidden track of the playlists is among the candidates for their seeds, so "
                "there is nothing to learn from; import more playlists of this catalogue"
            )
        parameters, fitter = self.parameters, self._fitter
        best = fitter.search(
            parameters.booster,
            rows.sample,
            rows.held,
            parameters.booster_trials,
            lambda s: self.on_progress(0.7 + 0.15 * s, "choosing the booster's parameters"),
        )
        return rows.fit(fitter, best, lambda s: self.on_progress(0.85 + 0.05 * s, "boosting")), best
