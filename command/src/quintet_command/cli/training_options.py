"""Options that `quintet train` and `quintet evaluate` share."""

import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from quintet_training.ranking import TrainingParameters

# More threads gain little on the rows of one machine and lose exact repeats.
_MOST_THREADS: Final = 4

Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]
Threads = Annotated[
    int,
    typer.Option(min=0, max=64, help="0 for one per core, at most 4; 1 for exact repeats."),
]
Trials = Annotated[
    int, typer.Option(min=0, max=200, help="Optuna's budget for each of two searches; 0 for none.")
]


def parameters(seed: int, threads: int, trials: int) -> "TrainingParameters":
    """Turn the options into training parameters."""
    from quintet_training.ranking import TrainingParameters

    return TrainingParameters(
        seed=seed,
        threads=threads or min(os.cpu_count() or 1, _MOST_THREADS),
        space_trials=trials,
        booster_trials=trials,
    )


def yield_cores() -> None:
    """Make OpenMP's threads sleep while they wait; call it before LightGBM is loaded.

    By default they spin. If other programs need the cores too, each barrier then costs a time
    slice: training was four times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
