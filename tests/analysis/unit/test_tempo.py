"""Tempo of audio whose tempo is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_analysis.decoding import SAMPLE_RATE
from quintet_analysis.tempo import FASTEST, SLOWEST, estimate_tempo

from tests.fakes.synthetic_audio import clicks, drums

PATTERNS = {
    "rock": "kh h sh h",
    "four on the floor": "kh h ksh h",
    "waltz": "k x h x h x",
    "shifted kicks": "kh h sh kh h kh sh h",
}


def octave(found: float | None, tempo: float) -> float | None:
    """Which multiple of the tempo was found, within 2 %."""
    return next((m for m in (1, 2, 0.5) if found and abs(found / (tempo * m) - 1) <= 0.02), None)


@pytest.mark.parametrize("tempo", [*range(60, 201, 10), 63.7, 97.3, 128.4, 174.2])
def test_a_click_track_has_its_tempo_or_an_octave_of_it_within_one_per_mille(tempo):
    found = estimate_tempo(clicks(tempo))
    assert found == pytest.approx(tempo * octave(found, tempo), rel=1e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_drums_over_chords_have_their_tempo_or_an_octave_of_it(pattern):
    assert octave(estimate_tempo(drums(128, PATTERNS[pattern], 15)), 128)


def test_noise_silence_and_a_tone_have_no_tempo():
    random = np.random.default_rng(0)
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    assert estimate_tempo(random.normal(size=len(time)).astype(np.float32) * 0.1) is None
    assert estimate_tempo(np.zeros(len(time), np.float32)) is None
    assert estimate_tempo(np.sin(2 * np.pi * 440 * time).astype(np.float32)) is None


def test_a_signal_shorter_than_four_seconds_has_no_tempo():
    assert estimate_tempo(clicks(120, 3.9)) is None
    assert estimate_tempo(np.zeros(0, np.float32)) is None


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400),
    st.floats(1e-6, 1),
)
def test_any_signal_has_no_tempo_or_one_in_the_range(values, gain):
    signal = np.resize(np.array(values, np.float32) * np.float32(gain), 5 * SAMPLE_RATE)
    found = estimate_tempo(signal)
    assert found is None or SLOWEST * 0.9 <= found <= FASTEST * 1.1


def test_a_quiet_master_has_the_tempo_of_a_loud_one():
    track = drums(110, PATTERNS["rock"], 10)
    assert estimate_tempo(track * np.float32(0.01)) == pytest.approx(
        estimate_tempo(track), rel=1e-3
    )
