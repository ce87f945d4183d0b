"""Fit a calibration of one attribute: from values computed here to the scale of published ones."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

LEAST_PAIRS: Final = 100
"""Tracks with both values. Of fewer, the tenth that is held out decides nothing."""

_HELD_OUT: Final = 0.3
_FOLDS: Final = 5
_KNOTS: Final = 33
_LEAST_GAIN: Final = 0.05
"""Least improvement of the mean absolute error, as a share of it."""
_CONFIDENCE: Final = 1.645
"""Standard errors by which the gain must exceed 0: 95 %, one-sided."""
_SEED: Final = 20
_DECIMALS: Final = 9
"""Smaller differences between values are no measurement, and would make slopes infinite."""


@dataclass(frozen=True)
class Curve:
    """A monotone function: linear between knots, constant outside of them."""

    method: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map values computed here to the published scale; NaN stays NaN."""
        return np.asarray(np.interp(values, self.x, self.y), dtype=np.float64)


@dataclass(frozen=True)
class Fit:
    """What calibration does for one attribute.

    Attributes:
        pairs: Tracks with both values.
        error: Mean absolute difference of both on held-out tracks, without calibration.
        calibrated_error: The same with it.
        curve: The calibration, fitted on all tracks; None if it does not help.
    """

    pairs: int
    error: float
    calibrated_error: float
    curve: Curve | None


def fit(computed: NDArray[np.float64], published: NDArray[np.float64]) -> Fit:
    """Choose a line or monotone steps on 70 % of the tracks, and test it on the other 30 %.

    Args:
        computed: Values computed here, at least `LEAST_PAIRS`, none of them NaN.
        published: Values of the same tracks.

    Returns:
        A fit whose curve is None unless it lowers the error of held-out tracks by at least 5 %,
        and by more than chance would (95 %).
    """
    computed = np.round(computed, _DECIMALS)
    order = np.random.default_rng(_SEED).permutation(len(computed))
    held, rest = np.split(order, [round(_HELD_OUT * len(order))])
    method = min(_METHODS, key=lambda name: _cross_validated(name, computed[rest], published[rest]))
    trial = _METHODS[method](computed[rest], published[rest])
    before = np.abs(computed[held] - published[held])
    after = np.abs(trial(computed[held]) - published[held])
    gain = before - after
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    helps = gain.mean() > max(_LEAST_GAIN * before.mean(), _CONFIDENCE * error)
    curve = _METHODS[method](computed, published) if helps else None
    return Fit(len(computed), float(before.mean()), float(after.mean()), curve)


def _cross_validated(
    method: str, computed: NDArray[np.float64], published: NDArray[np.float64]
) -> float:
    """Measure the mean absolute error of a method on tracks that it was not fitted on."""
    folds = np.arange(len(computed)) % _FOLDS
    errors = [
        np.abs(
            _METHODS[method](computed[folds != fold], published[folds != fold])(
                computed[folds == fold]
            )
            - published[folds == fold]
        )
        for fold in range(_FOLDS)
    ]
    return float(np.concatenate(errors).mean())


def _line(computed: NDArray[np.float64], published: NDArray[np.float64]) -> Curve:
    """Fit a line by least squares; a falling one becomes the mean."""
    spread = float(np.var(computed))
    covariance = float(np.mean((computed - computed.mean()) * (published - published.mean())))
    # A smaller variance has lost its digits: the slope could be infinite.
    slope = max(0.0, covariance / spread) if spread > np.finfo(np.float64).tiny else 0.0
    x = np.array([computed.min(), computed.max()])
    y = np.clip(published.mean() + slope * (x - computed.mean()), published.min(), published.max())
    return Curve("line", tuple(x.tolist()), tuple(y.tolist()))


def _steps(computed: NDArray[np.float64], published: NDArray[np.float64]) -> Curve:
    """Fit a monotone function (isotonic regression), thinned to 33 knots at quantiles."""
    order = np.argsort(computed, kind="stable")
    sorted_x = computed[order]
    fitted = isotonic_regression(published[order]).x
    knots = np.unique(np.quantile(sorted_x, np.linspace(0, 1, _KNOTS)))
    # Means around each knot: the fitted function is a staircase, its value at a step is chance.
    edges = np.concatenate([[-np.inf], (knots[1:] + knots[:-1]) / 2, [np.inf]])
    cells = np.searchsorted(edges, sorted_x, side="right") - 1
    sums = np.bincount(cells, weights=fitted, minlength=len(knots))
    counts = np.bincount(cells, minlength=len(knots))
    known = counts > 0
    means = np.maximum.accumulate(sums[known] / counts[known])
    return Curve("steps", tuple(knots[known].tolist()), tuple(means.tolist()))


_METHODS: Final = {"line": _line, "steps": _steps}
