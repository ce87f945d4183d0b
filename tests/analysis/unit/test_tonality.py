"""Keys of scales and chords whose key is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_analysis.decoding import SAMPLE_RATE
from quintet_analysis.tonality import Tonality, estimate_tonality

from tests.fakes.synthetic_audio import HARMONIC_MINOR, MAJOR, NATURAL_MINOR, cadences, scale


@pytest.mark.parametrize("tonic", range(12))
def test_scales_and_cadences_have_their_key(tonic):
    major, minor = Tonality(tonic, 1), Tonality(tonic, 0)
    assert estimate_tonality(scale(tonic, MAJOR)) == major
    assert estimate_tonality(scale(tonic, HARMONIC_MINOR)) == minor
    assert estimate_tonality(scale(tonic, NATURAL_MINOR)) == minor
    assert estimate_tonality(cadences(tonic, major=True)) == major
    assert estimate_tonality(cadences(tonic, major=False)) == minor


@pytest.mark.parametrize("detuned", [-0.4, -0.2, 0.3, 0.45])
def test_a_tuning_other_than_440_hertz_does_not_change_the_key(detuned):
    assert estimate_tonality(cadences(3, major=True, detuned=detuned)) == Tonality(3, 1)


def test_noise_and_silence_have_no_key():
    random = np.random.default_rng(0)
    assert estimate_tonality(random.normal(size=160_000).astype(np.float32) * 0.1) is None
    assert estimate_tonality(np.zeros(160_000, np.float32)) is None
    assert estimate_tonality(np.zeros(0, np.float32)) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400))
def test_any_signal_has_no_key_or_one_of_the_24(values):
    found = estimate_tonality(np.resize(np.array(values, np.float32), 3 * SAMPLE_RATE))
    assert found is None or (0 <= found.key <= 11 and found.mode in (0, 1))
