"""Audio features: attributes, their ranges, the standardiser and the averaged profile.

The encoded space has `DIMENSIONS` = 14 coordinates, one float32 each:

- `danceability energy speechiness acousticness instrumentalness liveness valence mode
  time_signature`: z-scores, (x - mean) / standard deviation of the catalogue.
- `loudness tempo duration_ms`: robust scores, (x - median) / (IQR / 1.349), duration on a
  logarithmic scale. The interquartile range ignores the hour-long mixes and silent tracks that
  would stretch a standard deviation; 1.349 is the IQR of a standard normal distribution.
- `key`: two coordinates, the cosine and sine of the key's angle on the circle of fifths,
  2π · (7 · key mod 12) / 12, so that C and G are neighbours, and B and C are no nearer than their
  harmonies are. Both together have unit variance; an unknown key (-1) is the origin.

All scores are clipped to ±`CLIP`, so that no single coordinate can dominate a distance.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_text import bounded_json

COLUMN: Final[Mapping[str, int]] = {name: index for index, name in enumerate(ATTRIBUTES)}
"""Attribute → column of raw attributes, (n, 14)."""

ROBUST: Final = ("loudness", "tempo", "duration_ms")
"""The attributes scaled by median and interquartile range."""
LINEAR: Final = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
    "mode",
    "time_signature",
)
"""The attributes with one coordinate each, in encoded order; key's two coordinates follow."""

ENCODED: Final = (*LINEAR, "key_cos", "key_sin")
DIMENSIONS: Final = len(ENCODED)
CLIP: Final = 5.0
"""The greatest score of a linear attribute, in standard deviations."""
NEGATIVE_SHARE: Final = 0.5
# 2,000 tracks give the mean of a genre of a million to three digits, at a thousandth of the cost.
MAX_AVERAGED_TRACKS: Final = 2_000
"""How far negative seeds push the mean: Rocchio's gamma, with the seeds' weight at 1."""

Raw = NDArray[np.float64]
Encoded = NDArray[np.float32]
F = TypeVar("F", np.float32, np.float64)


def dimensions_of(attribute: str) -> tuple[int, ...]:
    """Find the encoded coordinates of an attribute; none for popularity, which is not encoded."""
    if attribute == "popularity":
        return ()
    if attribute == "key":
        return (DIMENSIONS - 2, DIMENSIONS - 1)
    return (LINEAR.index(attribute),)


def feature_hash(names: Sequence[str]) -> str:
    """Identify a list of features: the SHA-256, in hexadecimal, of the names joined by newlines."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def key_angle(key: Raw) -> Raw:
    """Convert pitch classes 0..11 to radians on the circle of fifths."""
    return np.asarray(2.0 * np.pi * np.mod(7.0 * key, 12.0) / 12.0)


@dataclass(frozen=True)
class Standardiser:
    """Maps raw attributes to the encoded space; fitted on one catalogue.

    Attributes:
        centre: Mean (or median) of each `LINEAR` attribute, shape (12,), float64.
        scale: Standard deviation (or IQR / 1.349), same shape, all positive.
        version: `std-` and 12 hexadecimal digits of the SHA-256 over centre and scale.
    """

    centre: Raw
    scale: Raw
    version: str

    @classmethod
    def fit(cls, raw: Raw) -> Self:
        """Fit on raw attributes of shape (n, 14), n ≥ 1, without NaN.

        Raises:
            ValueError: There is no row, or a value is not finite.
        """
        if raw.ndim != 2 or raw.shape[1] != len(ATTRIBUTES) or not len(raw):
            raise ValueError(f"expected shape (n, {len(ATTRIBUTES)}), n >= 1; got {raw.shape}")
        if not np.isfinite(raw).all():
            raise ValueError("every feature must be a finite number; the catalogue has NaN or ∞")
        linear = _linear(raw)
        robust = np.array([name in ROBUST for name in LINEAR])
        low, middle, high = np.percentile(linear, (25, 50, 75), axis=0)
        centre = np.where(robust, middle, linear.mean(axis=0))
        scale = np.where(robust, (high - low) / 1.349, linear.std(axis=0))
        # An attribute that never varies keeps its scale: its scores are all 0.
        scale = np.where(scale > 1e-9, scale, 1.0)
        return cls(centre, scale, _version(centre, scale))

    def transform(self, raw: Raw) -> Encoded:
        """Encode raw attributes (n, 14) as float32 (n, 14)."""
        scores = (_linear(raw) - self.centre) / self.scale
        key = raw[:, COLUMN["key"]]
        known = (key >= 0).astype(np.float64)
        angle = key_angle(key)
        circle = np.stack((np.cos(angle) * known, np.sin(angle) * known), axis=1)
        encoded = np.concatenate((np.clip(scores, -CLIP, CLIP), circle), axis=1)
        return np.ascontiguousarray(encoded, dtype=np.float32)

    def to_json(self) -> str:
        """Serialise as JSON; floats are exact, so the version still matches after reading."""
        return json.dumps(
            {
                "version": self.version,
                "attributes": list(LINEAR),
                "encoded": list(ENCODED),
                "centre": self.centre.tolist(),
                "scale": self.scale.tolist(),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It was made for other features, or its version does not match its content.
        """
        data: dict[str, Any] = bounded_json.loads(text)
        try:
            encoded, named = tuple(data["encoded"]), data["version"]
            centre, scale = (np.array(data[name], np.float64) for name in ("centre", "scale"))
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise ValueError("the standardiser lacks a field, or a type is wrong") from fault
        if encoded != ENCODED:
            raise ValueError(
                f"the standardiser encodes {encoded!s:.200}; this program needs {list(ENCODED)}"
            )
        if not (
            centre.shape == scale.shape == (len(LINEAR),)
            and np.isfinite(centre).all()
            and (scale > 0).all()
        ):
            raise ValueError("the standardiser has other numbers than one scale per attribute")
        version = _version(centre, scale)
        if version != named:
            raise ValueError(
                f"standardiser {named!s:.40} does not match its content ({version}): "
                "the file was altered"
            )
        return cls(centre, scale, version)


def _version(centre: Raw, scale: Raw) -> str:
    # Little-endian on every machine, so that the version is the same everywhere.
    content = centre.astype("<f8").tobytes() + scale.astype("<f8").tobytes()
    names = ",".join(ENCODED).encode()
    return "std-" + hashlib.sha256(names + content).hexdigest()[:12]


def _linear(raw: Raw) -> Raw:
    """Select the `LINEAR` columns of raw attributes, duration on a logarithmic scale."""
    columns = raw[:, [COLUMN[name] for name in LINEAR]].astype(np.float64)
    duration = LINEAR.index("duration_ms")
    # At least 1 ms, so that an unknown duration (0) has a logarithm.
    columns[:, duration] = np.log(np.maximum(columns[:, duration], 1.0))
    return columns


def normalise_rows(vectors: Encoded) -> Encoded:
    """Scale rows to unit length, so that inner products are cosines; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def tracks_to_average(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose the tracks whose mean stands for an artist or genre seed.

    The profile service and the ranker both call this: with the same tracks in the same order they
    average to the same bits, so that a list does not depend on which of them built the profile.

    Args:
        rows: int64 (k,), all tracks of the seed, in any order.

    Returns:
        int64 (at most `MAX_AVERAGED_TRACKS`,), ascending, at even steps through the catalogue.
    """
    if len(rows) == 1:
        return rows  # a track seed, the usual case, on every request
    step = max(1, -(-len(rows) // MAX_AVERAGED_TRACKS))
    return np.sort(rows)[::step]


@dataclass(frozen=True)
class AudioProfile:
    """The averaged audio profile of some seeds.

    Attributes:
        mean: Weighted mean in the encoded space, negatives and targets applied, (14,) float32.
        spread: Weighted standard deviation of the seeds there, (14,) float32, ≥ 0.
        weights: Weight of each encoded coordinate, (14,) float32, ≥ 0.
        raw_mean: Weighted mean of raw attributes (circular for key), (14,) float64.
        raw_spread: Their weighted standard deviation (key in semitones), (14,) float64.
        standardiser_version: The standardiser that encoded the seeds.
    """

    mean: Encoded
    spread: Encoded
    weights: Encoded
    raw_mean: Raw
    raw_spread: Raw
    standardiser_version: str

    def query(self) -> Encoded:
        """Make the unit vector to search an index of unit rows with, shape (14,).

        Inner product with it orders rows by Σ wᵢ·mᵢ·xᵢ / ‖x‖: cosine with weighted coordinates,
        whatever the length of the mean.
        """
        weighted = self.mean * self.weights
        length = float(np.linalg.norm(weighted))
        return np.asarray(weighted / length if length > 0 else weighted, dtype=np.float32)


def average_profile(
    standardiser: Standardiser,
    groups: Sequence[Raw],
    *,
    shares: Sequence[float] | None = None,
    negatives: Sequence[Raw] = (),
    weights: Mapping[str, float] | None = None,
    targets: Mapping[str, float] | None = None,
) -> AudioProfile:
    """Average seeds into a profile.

    Args:
        standardiser: Encodes the seeds.
        groups: One raw array (k, 14) per seed: one row for a track, all tracks of an artist or a
            genre, whose mean then stands for the seed.
        shares: One positive weight per seed; equal if absent.
        negatives: Like `groups`, for seeds to move away from (Rocchio, `NEGATIVE_SHARE`).
        weights: Attribute to weight, each 0..10; 1 for those not named.
        targets: Attribute to the raw value that replaces the seeds' mean.

    Raises:
        ValueError: There is no seed, or a seed has no row.
    """
    if not groups or any(not len(group) for group in (*groups, *negatives)):
        raise ValueError("a profile needs at least one seed, and every seed at least one track")
    share = np.ones(len(groups)) if shares is None else np.asarray(shares, dtype=np.float64)
    share = share / share.sum()
    encoded = _encoded_means(standardiser, groups)
    mean = share @ encoded
    spread = np.sqrt(share @ (encoded - mean) ** 2)
    if negatives:
        negative = _encoded_means(standardiser, negatives)
        mean = mean - NEGATIVE_SHARE * negative.mean(axis=0)
    raw_mean, raw_spread = _raw_statistics(groups, share)
    coordinate_weights = np.ones(DIMENSIONS)
    for name, weight in (weights or {}).items():
        coordinate_weights[list(dimensions_of(name))] = weight
    for name, value in (targets or {}).items():
        raw_mean[COLUMN[name]] = value
        coordinates = list(dimensions_of(name))
        if coordinates:  # the target of one attribute, encoded as a track's value would be
            mean[coordinates] = standardiser.transform(raw_mean[None, :])[0, coordinates]
    return AudioProfile(
        np.asarray(mean, dtype=np.float32),
        np.asarray(spread, dtype=np.float32),
        np.asarray(coordinate_weights, dtype=np.float32),
        raw_mean,
        raw_spread,
        standardiser.version,
    )


def _encoded_means(standardiser: Standardiser, groups: Sequence[Raw]) -> Encoded:
    """Average each group in the encoded space, float32 (g, 14)."""
    encoded = standardiser.transform(np.concatenate(groups))
    if _are_single(groups):  # five track seeds, the usual query: nothing to average
        return encoded
    ends = np.cumsum([len(group) for group in groups])
    return _means(np.split(encoded, ends[:-1]))


def _are_single(groups: Sequence[NDArray[F]]) -> bool:
    """Check whether each group is one row, as all seeds that are tracks are."""
    return all(len(group) == 1 for group in groups)


def _means(groups: Sequence[NDArray[F]]) -> NDArray[F]:
    """Average the rows of each group, (g, d)."""
    if _are_single(groups):
        return np.concatenate(groups)
    return np.stack([group.mean(axis=0) for group in groups])


def raw_means(groups: Sequence[Raw]) -> Raw:
    """Average the raw attributes of each group of rows (k, 14), key on its circle, (g, 14)."""
    means = _means(groups)
    means[:, COLUMN["key"]] = [_mean_key(x, y) for x, y in _resultants(groups)]
    return means


def raw_mean(groups: Sequence[Raw], shares: Raw) -> Raw:
    """Average groups' raw attributes by weight, circular for key, float64 (14,).

    Args:
        groups: One array (k, 14) per seed.
        shares: float64, one weight per seed, summing to one.
    """
    return _raw_statistics(groups, shares)[0]


def _mean_key(x: float, y: float) -> float:
    """Convert a mean vector on the chromatic circle to semitones, 0..12; -1 if it is 0."""
    if math.hypot(x, y) <= 1e-9:
        return -1.0
    semitones = (math.atan2(y, x) % (2 * math.pi)) * 6 / math.pi
    # The angle of a single key is off by rounding: G must come back as 7, not as 6.999….
    return round(semitones, 9) % 12


def _raw_statistics(groups: Sequence[Raw], share: Raw) -> tuple[Raw, Raw]:
    """Compute weighted mean and standard deviation of raw attributes, key on its circle."""
    stacked = _means(groups)
    mean = share @ stacked
    spread = np.sqrt(share @ (stacked - mean) ** 2)
    column = COLUMN["key"]
    x, y = share @ _resultants(groups)
    length = math.hypot(x, y)
    known = length > 1e-9
    mean[column] = _mean_key(x, y)
    # Circular standard deviation, sqrt(-2 ln R), in semitones (Mardia & Jupp, 2000).
    # Without a direction it is 6, the greatest distance on the circle.
    spread[column] = math.sqrt(-2 * math.log(min(1.0, length))) * 6 / math.pi if known else 6.0
    return mean, spread


def _resultants(groups: Sequence[Raw]) -> Raw:
    """Average each group's known keys as unit vectors on the chromatic circle, (g, 2)."""
    column = COLUMN["key"]
    if _are_single(groups):
        keys = np.concatenate(groups)[:, column]
        points = np.stack(_on_circle(keys), axis=1)
        return np.where(keys[:, None] >= 0, points, 0.0)
    return np.stack([_resultant(group[:, column]) for group in groups])


def _resultant(keys: Raw) -> Raw:
    known = keys[keys >= 0]
    if not len(known):
        return np.zeros(2)
    return np.array([points.mean() for points in _on_circle(known)])


def _on_circle(keys: Raw) -> tuple[Raw, Raw]:
    angles = 2 * np.pi * keys / 12
    return np.cos(angles), np.sin(angles)
