"""A calibration is used if it helps on tracks that it was not fitted on, and is monotone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_analysis.fitting import LEAST_PAIRS, fit

RANDOM = np.random.default_rng(5)


def test_another_scale_is_found_and_its_error_falls_to_the_noise():
    computed = RANDOM.uniform(-30, -5, 400)
    published = 0.8 * computed + 3 + RANDOM.normal(0, 0.5, 400)
    found = fit(computed, published)
    assert found.curve is not None
    assert found.curve.method == "line"
    assert found.error > 4
    assert found.calibrated_error == pytest.approx(0.4, abs=0.1)
    assert found.curve(np.array([-20.0]))[0] == pytest.approx(-13, abs=0.2)


def test_a_bent_scale_takes_steps():
    computed = RANDOM.uniform(0, 1, 600)
    published = np.where(computed < 0.5, 0.1, 0.9) + RANDOM.normal(0, 0.02, 600)
    found = fit(computed, published)
    assert found.curve is not None
    assert found.curve.method == "steps"
    assert found.curve(np.array([0.1, 0.9])) == pytest.approx([0.1, 0.9], abs=0.05)


def test_the_same_scale_is_left_as_it_is():
    computed = RANDOM.uniform(0, 1, 400)
    found = fit(computed, computed + RANDOM.normal(0, 0.1, 400))
    assert found.curve is None
    assert found.pairs == 400


def test_values_without_any_relation_become_the_mean_and_never_fall():
    computed = RANDOM.uniform(0, 1, 400)
    found = fit(computed, 0.3 + RANDOM.normal(0, 0.01, 400))
    assert found.curve is not None
    assert found.curve(np.linspace(0, 1, 9)) == pytest.approx([0.3] * 9, abs=0.02)
    opposite = fit(computed, 1 - computed)
    assert opposite.curve is None or np.ptp(opposite.curve(computed)) < 0.2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1)),
        min_size=LEAST_PAIRS,
        max_size=LEAST_PAIRS + 20,
    ),
    st.lists(st.floats(-2, 3), min_size=2, max_size=9),
)
def test_any_curve_is_monotone_and_stays_within_the_published_values(pairs, values):
    computed, published = np.array(pairs).T
    curve = fit(computed, published).curve
    if curve is not None:
        mapped = curve(np.sort(values))
        assert (np.diff(mapped) >= -1e-9).all()
        assert mapped.min() >= published.min() - 1e-9
        assert mapped.max() <= published.max() + 1e-9
