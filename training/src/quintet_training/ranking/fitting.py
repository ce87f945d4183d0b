"""LambdaRank on training rows: one fit, stopped early, and the search for its parameters.

The objective is that of Burges, "From RankNet to LambdaRank to LambdaMART: an overview", Microsoft
Research, MSR-TR-2010-82.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from quintet_training.ranking.rows import TrainingRows

# Imported where a search starts: a second that training without one need not wait for.
if TYPE_CHECKING:
    import optuna

CUT: Final = 500
"""Where NDCG is cut: the most tracks a list can have."""
# Of data sets as of boosters: the search bins its rows once and fits them again and again, so no
# feature may be filtered for the leaf size of one trial.
_BINNING: Final[Mapping[str, Any]] = {"max_bin": 127, "feature_pre_filter": False}
SEARCH_ROWS: Final = 100_000
SEARCH_ROUNDS: Final = 100
"""A trial of the search fits on about so many rows, for at most so many rounds."""


@dataclass(frozen=True)
class BoosterParameters:
    """What shapes the booster.

    Attributes:
        rounds: Trees at most; early stopping ends before.
        patience: Rounds without a better validation NDCG before it stops.
        learning_rate: Shrinkage.
        leaves: Leaves a tree.
        least_rows: Rows a leaf at least.
        feature_share: Features drawn for a tree.
        row_share: Rows drawn for a tree.
        l2: Regularisation of leaf values.
        truncation: Pairs are formed with the first so many places (LambdaRank's truncation).
    """

    rounds: int = 300
    patience: int = 60
    learning_rate: float = 0.1
    leaves: int = 31
    least_rows: int = 50
    feature_share: float = 0.4
    row_share: float = 0.8
    l2: float = 5.0
    truncation: int = 100

    def facts(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """A fitted booster: its text, its trees, and validation NDCG (NaN without validation)."""

    text: str
    rounds: int
    ndcg: float


@dataclass(frozen=True)
class Fitter:
    """Fits boosters on the same features.

    Attributes:
        names: The features, in column order.
        monotone: The sign of each one's constraint.
        seed: For sampling.
        threads: LightGBM's threads; the same number gives the same bytes.
        cut: Where NDCG is cut, by which fits stop early.
    """

    names: Sequence[str]
    monotone: Sequence[int]
    seed: int
    threads: int
    cut: int = CUT

    def fit(
        self,
        parameters: BoosterParameters,
        rows: TrainingRows,
        validation: TrainingRows | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Fit:
        """Fit a booster; with validation rows it stops early, by NDCG."""
        data = self._dataset(rows)
        held = None if validation is None else self._dataset(validation, data)
        return self._train(parameters, data, held, on_progress)

    def search(
        self,
        start: BoosterParameters,
        rows: TrainingRows,
        validation: TrainingRows,
        trials: int,
        on_progress: Callable[[float], None],
    ) -> BoosterParameters:
        """Return the best of `trials` parameters by validation NDCG, `start` among them.

        Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms for
        hyper-parameter optimization", NIPS 2011), seeded; the budget is a number of trials, not
        of seconds, so that the same data give the same parameters on every machine.
        """
        if trials < 2:
            return start
        import optuna

        data = self._dataset(rows.sample(SEARCH_ROWS))
        held = self._dataset(validation, data)

        def objective(trial: "optuna.Trial") -> float:
            parameters = replace(_suggest(trial, start), rounds=SEARCH_ROUNDS)
            score = self._train(parameters, data, held).ndcg
            on_progress((trial.number + 1) / trials)
            return score

        study = new_study(self.seed)
        # The first trial, so the result is never worse on the validation rows than the start.
        study.enqueue_trial(
            {
                "leaves": start.leaves,
                "least_rows": start.least_rows,
                "feature_share": start.feature_share,
                "l2": start.l2,
            }
        )
        study.optimize(objective, n_trials=trials)
        return _suggest(optuna.trial.FixedTrial(study.best_params), start)

    def _train(
        self,
        parameters: BoosterParameters,
        data: Any,
        held: Any,
        on_progress: Callable[[float], None] | None = None,
    ) -> Fit:
        callbacks: list[Any] = []
        if on_progress is not None:
            callbacks.append(lambda e: on_progress((e.iteration + 1) / parameters.rounds))
        if held is not None:
            callbacks.append(lightgbm.early_stopping(parameters.patience, verbose=False))
        booster = lightgbm.train(
            self.settings(parameters),
            data,
            parameters.rounds,
            valid_sets=[] if held is None else [held],
            callbacks=callbacks,
        )
        if held is None:
            return Fit(str(booster.model_to_string()), parameters.rounds, float("nan"))
        score = float(booster.best_score["valid_0"][f"ndcg@{self.cut}"])
        # The trees after the best one are cut off: they made validation worse.
        rounds = int(booster.best_iteration)
        return Fit(str(booster.model_to_string(num_iteration=rounds)), rounds, score)

    def settings(self, parameters: BoosterParameters) -> dict[str, Any]:
        """Return LightGBM's settings."""
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [self.cut],
            "label_gain": [0, 1],
            "num_leaves": parameters.leaves,
            "learning_rate": parameters.learning_rate,
            "min_data_in_leaf": parameters.least_rows,
            "feature_fraction": parameters.feature_share,
            "bagging_fraction": parameters.row_share,
            # With LightGBM's default of 0, `bagging_fraction` has no effect.
            "bagging_freq": 1,
            "lambda_l2": parameters.l2,
            "lambdarank_truncation_level": parameters.truncation,
            "monotone_constraints": list(self.monotone),
            "seed": self.seed,
            # One fixed layout: LightGBM otherwise times two and takes the faster, and sums differ.
            "num_threads": self.threads,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
            **_BINNING,
        }

    def _dataset(self, rows: TrainingRows, reference: Any = None) -> Any:
        return lightgbm.Dataset(
            rows.features,
            label=rows.relevant,
            group=rows.sizes,
            init_score=rows.start,
            feature_name=list(self.names),
            params={"verbosity": -1, **_BINNING},
            # Validation rows must be binned by the thresholds of the training rows.
            reference=reference,
            free_raw_data=False,
        )


def ndcg(scores: NDArray[np.float64], rows: TrainingRows, cut: int = CUT) -> float:
    """Compute the mean NDCG over queries as LightGBM does, where it does not compute it.

    Args:
        scores: float64 (r,), of all rows.
        rows: The rows; gains are 0 and 1.
        cut: Places that count.
    """
    discount = 1.0 / np.log2(np.arange(2, cut + 2))
    total, end = 0.0, 0
    for size in rows.sizes.tolist():
        own = slice(end, end := end + size)
        relevant = rows.relevant[own][np.argsort(-scores[own], kind="stable")] > 0
        best = discount[: min(int(relevant.sum()), cut)].sum()
        # Like LightGBM: a query without a relevant row counts as 1.
        total += discount[: min(size, cut)][relevant[:cut]].sum() / best if best else 1.0
    return float(total / len(rows.sizes))


def _suggest(trial: "optuna.trial.BaseTrial", start: BoosterParameters) -> BoosterParameters:
    return replace(
        start,
        # On a log scale doubling is an equally large step everywhere.
        leaves=trial.suggest_int("leaves", 12, 63, log=True),
        least_rows=trial.suggest_int("least_rows", 10, 300, log=True),
        feature_share=trial.suggest_float("feature_share", 0.2, 0.7),
        l2=trial.suggest_float("l2", 0.5, 30.0, log=True),
    )


def new_study(seed: int) -> "optuna.Study":
    """Return a study that maximises, seeded and silent."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))


def importances(text: str) -> dict[str, float]:
    """Return the total gain of each feature of a booster, the greatest first."""
    booster = lightgbm.Booster(model_str=text)
    gains = booster.feature_importance("gain")
    order = np.argsort(-gains, kind="stable")
    return {booster.feature_name()[place]: float(gains[place]) for place in order.tolist()}
