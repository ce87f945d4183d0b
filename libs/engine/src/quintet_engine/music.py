"""Distances in key and tempo as a disc jockey would measure them."""

import numpy as np
from quintet_modelkit.features import COLUMN, Raw


def wheel_place(key: Raw, mode: Raw) -> Raw:
    """Place keys on the circle of fifths, 0..12; NaN for an unknown key.

    A minor key takes the place of its relative major (A minor that of C major), as on the Camelot
    wheel that disc jockeys mix by.

    Args:
        key: Pitch class, 0 (C) to 11 (B); -1 where unknown.
        mode: 1 for major, 0 for minor; a mean counts as major from 0.5 on.
    """
    tonic = np.where(mode >= 0.5, key, key + 3)
    # A fifth is 7 semitones, so 7 · tonic mod 12 counts the fifths from C.
    return np.where(key >= 0, np.mod(7 * tonic, 12), np.nan)


def wheel_places(raw: Raw) -> Raw:
    """Place rows of raw attributes (n, 14) on the circle of fifths, (n,)."""
    return wheel_place(raw[:, COLUMN["key"]], raw[:, COLUMN["mode"]])


def wheel_distance(a: Raw, b: Raw) -> Raw:
    """Count the steps between places on the circle, 0..6; NaN where either is unknown."""
    gap = np.abs(a - b)
    return np.asarray(np.minimum(gap, 12 - gap))


def tempo_distance(a: Raw, b: Raw) -> Raw:
    """Measure tempi apart in octaves, |log2(a / b)|; NaN where either is unknown (0).

    Half and double tempo count as the same, because a listener may tap to either.
    """
    octaves = np.abs(octave(a) - octave(b))
    return np.asarray(np.minimum(octaves, np.abs(octaves - 1.0)))


def octave(tempo: Raw) -> Raw:
    """Take the logarithm of tempi to base 2; NaN for an unknown one (0)."""
    return np.log2(np.where(tempo > 0, tempo, np.nan))
