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

Attributes may be missing one by one: NaN in raw arrays. A missing one is 0 in the encoded space, so
that the unit vector is made of what is known, and means are over what is known. A row of which
nothing was measured (`MEASURED`) is the zero vector, although its duration is known: a direction
that says "a bit shorter than usual" compares with nothing.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES, MEASURED
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
_COLUMN_OF: Final = [COLUMN[name] for name in (*LINEAR, "key", "key")]
"""Encoded coordinate → column of raw attributes."""
_MEASURED: Final = [COLUMN[name] for name in MEASURED]
_IS_ROBUST: Final = np.array([name in ROBUST for name in LINEAR])
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
        """Fit on the known values of raw attributes of shape (n, 14), n ≥ 1, NaN where missing.

        Raises:
            ValueError: There is no row, or a value is infinite.
        """
        if raw.ndim != 2 or raw.shape[1] != len(ATTRIBUTES) or not len(raw):
            raise ValueError(f"expected shape (n, {len(ATTRIBUTES)}), n >= 1; got {raw.shape}")
        if np.isinf(raw).any():
            raise ValueError("every feature must be a finite number or NaN; the catalogue has ∞")
        linear = _linear(raw)
        if np.isnan(linear).any():
            pairs = zip(linear.T, _IS_ROBUST.tolist(), strict=True)
            centre, scale = np.array([_known_scale(column, robust) for column, robust in pairs]).T
            # What nobody knows: scores are 0, whatever the scale.
            return cls.of(np.nan_to_num(centre), np.nan_to_num(scale))
        low, middle, high = np.percentile(linear, (25, 50, 75), axis=0)
        centre = np.where(_IS_ROBUST, middle, linear.mean(axis=0))
        scale = np.where(_IS_ROBUST, (high - low) / 1.349, linear.std(axis=0))
        return cls.of(centre, scale)

    @classmethod
    def of(cls, centre: Raw, scale: Raw) -> Self:
        """Make one of centres and scales, (12,) each; a scale of 0 becomes 1."""
        # An attribute that never varies keeps its scale: its scores are all 0.
        scale = np.where(scale > 1e-9, scale, 1.0)
        return cls(centre, scale, _version(centre, scale))

    def transform(self, raw: Raw) -> Encoded:
        """Encode raw attributes (n, 14), NaN where missing, as float32 (n, 14)."""
        missing = missing_coordinates(raw)
        if missing is not None:
            encoded = self.transform(np.nan_to_num(raw))
            encoded[missing] = 0.0
            return encoded
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


def missing_coordinates(raw: Raw) -> NDArray[np.bool_] | None:
    """Mark the encoded coordinates that a row lacks, bool (n, 14); None where no row lacks any.

    A row of which nothing was measured lacks all of them.
    """
    unknown = np.isnan(raw)
    if not unknown.any():
        return None
    missing = unknown[:, _COLUMN_OF]
    missing[unknown[:, _MEASURED].all(axis=1)] = True
    return np.asarray(missing)


def is_analysed(raw: Raw) -> NDArray[np.bool_]:
    """Mark the rows (n, 14) of which anything was measured, bool (n,)."""
    return np.asarray(~np.isnan(raw[:, _MEASURED]).all(axis=1))


def _known_scale(values: Raw, robust: bool) -> tuple[float, float]:
    """Compute centre and scale of one linear attribute's known values; NaN without any."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    if robust:
        low, middle, high = np.percentile(known, (25, 50, 75))
        return float(middle), float(high - low) / 1.349
    return float(known.mean()), float(known.std())


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
        known: How much is known of each attribute: the share of the seeds' weight that comes from
            seeds with a value of it, (14,) float64, 0..1. Where it is 0, raw mean and spread are
            NaN (without a target), and mean and spread are 0.
    """

    mean: Encoded
    spread: Encoded
    weights: Encoded
    raw_mean: Raw
    raw_spread: Raw
    standardiser_version: str
    known: Raw

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
        groups: One raw array (k, 14) per seed, NaN where missing: one row for a track, all tracks
            of an artist or a genre, whose mean then stands for the seed.
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
    mean, spread = _encoded_statistics(standardiser, groups, share)
    if negatives:
        negative, _ = _encoded_statistics(
            standardiser, negatives, np.full(len(negatives), 1 / len(negatives))
        )
        mean = mean - NEGATIVE_SHARE * np.nan_to_num(negative)
    # Negative seeds push the mean only where the seeds have one.
    mean, spread = np.nan_to_num(mean), np.nan_to_num(spread)
    raw_mean, raw_spread, known = _raw_statistics(groups, share)
    coordinate_weights = np.ones(DIMENSIONS)
    for name, weight in (weights or {}).items():
        coordinate_weights[list(dimensions_of(name))] = weight
    for name, value in (targets or {}).items():
        raw_mean[COLUMN[name]] = value
        coordinates = list(dimensions_of(name))
        if coordinates:  # the target of one attribute, encoded as a track's value would be
            mean[coordinates] = standardiser.transform(_alone(name, value))[0, coordinates]
    return AudioProfile(
        np.asarray(mean, dtype=np.float32),
        np.asarray(spread, dtype=np.float32),
        np.asarray(coordinate_weights, dtype=np.float32),
        raw_mean,
        raw_spread,
        standardiser.version,
        known,
    )


def _alone(name: str, value: float) -> Raw:
    """Make a row (1, 14) with one value, and 0 for all others."""
    row = np.zeros((1, len(ATTRIBUTES)))
    row[0, COLUMN[name]] = value
    return row


def _encoded_statistics(
    standardiser: Standardiser, groups: Sequence[Raw], share: Raw
) -> tuple[Raw, Raw]:
    """Compute the weighted mean and standard deviation of groups in the encoded space, (14,) each.

    Both are over what is known; NaN if nothing is.
    """
    rows = np.concatenate(groups)
    encoded, missing = standardiser.transform(rows), missing_coordinates(rows)
    if missing is None:
        stacked = encoded if _are_single(groups) else _means(_split(encoded, groups))
        mean = share @ stacked
        return mean, np.sqrt(share @ (stacked - mean) ** 2)
    masked = np.where(missing, np.nan, encoded.astype(np.float64))
    mean, spread, _ = _known_statistics(_split(masked, groups), share)
    return mean, spread


def _split(rows: NDArray[F], groups: Sequence[Raw]) -> Sequence[NDArray[F]]:
    """Split rows that were concatenated into their groups."""
    return np.split(rows, np.cumsum([len(group) for group in groups])[:-1])


def _are_single(groups: Sequence[NDArray[F]]) -> bool:
    """Check whether each group is one row, as all seeds that are tracks are."""
    return all(len(group) == 1 for group in groups)


def _means(groups: Sequence[NDArray[F]]) -> NDArray[F]:
    """Average the known values of each group's rows, (g, d); NaN where a group knows none."""
    if _are_single(groups):  # five track seeds, the usual query: nothing to average
        return np.concatenate(groups)
    return np.stack([_mean_of_known(group) for group in groups])


def _mean_of_known(rows: NDArray[F]) -> NDArray[F]:
    unknown = np.isnan(rows)
    if not unknown.any():
        return np.asarray(rows.mean(axis=0))
    count = (~unknown).sum(axis=0)
    total = np.where(unknown, 0.0, rows).sum(axis=0)
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan), dtype=rows.dtype)


def _known_statistics(groups: Sequence[Raw], share: Raw) -> tuple[Raw, Raw, Raw]:
    """Compute mean, standard deviation and known share of groups by weight, (d,) each.

    A group without a value does not count; mean and deviation are NaN if none has one.
    """
    stacked = _means(groups)
    unknown = np.isnan(stacked)
    if not unknown.any():
        mean = share @ stacked
        return mean, np.sqrt(share @ (stacked - mean) ** 2), np.ones(stacked.shape[1])
    weights = np.where(unknown, 0.0, share[:, None])
    known = weights.sum(axis=0)
    weights = weights / np.where(known > 0, known, np.nan)
    values = np.where(unknown, 0.0, stacked)
    mean = (weights * values).sum(axis=0)
    spread = np.sqrt((weights * (values - mean) ** 2).sum(axis=0))
    return mean, spread, known


def raw_means(groups: Sequence[Raw]) -> Raw:
    """Average the known attributes of each group of rows (k, 14), key on its circle, (g, 14).

    NaN where a group knows none.
    """
    means = _means(groups)
    if not _are_single(groups):  # the mean of one key is the key
        column = COLUMN["key"]
        keys = [_mean_key(x, y) for x, y in _resultants(groups)]
        means[:, column] = np.where(np.isnan(means[:, column]), np.nan, keys)
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


def _raw_statistics(groups: Sequence[Raw], share: Raw) -> tuple[Raw, Raw, Raw]:
    """Compute weighted mean, standard deviation and known share of raw attributes, (14,) each.

    Key is averaged on its circle.
    """
    mean, spread, known = _known_statistics(groups, share)
    column = COLUMN["key"]
    if not known[column]:
        return mean, spread, known
    x, y = share @ _resultants(groups) / known[column]
    length = math.hypot(x, y)
    has_direction = length > 1e-9
    mean[column] = _mean_key(x, y)
    # Circular standard deviation, sqrt(-2 ln R), in semitones (Mardia & Jupp, 2000).
    # Without a direction it is 6, the greatest distance on the circle.
    spread[column] = (
        math.sqrt(-2 * math.log(min(1.0, length))) * 6 / math.pi if has_direction else 6.0
    )
    return mean, spread, known


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
