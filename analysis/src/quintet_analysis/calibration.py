"""Compare values computed here with published ones of the same tracks, and calibrate the former."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from quintet_contract.attributes import MEASURED, RANGES
from quintet_files import PRIVATE_MODE, write_atomically
from quintet_store import reading, writing
from quintet_store.features import counting_order, delete_features, put_features, stream_features
from sqlalchemy import Engine

from quintet_analysis.catalogue import MEASURED_HERE
from quintet_analysis.fitting import LEAST_PAIRS, Curve, Fit, fit

CALIBRATED_HERE: Final = "calibrated"
"""Provenance of calibrated values. It counts before the values that it was computed from."""
CALIBRATED: Final = (
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "loudness",
    "speechiness",
    "valence",
)
"""Attributes with a scale; of tempo, key and mode only the agreement is measured."""
_PUBLISHED: Final = ("import", "spotify-export", "reccobeats")
"""Kinds of provenance of the published scale. A listener's tags may come from any program."""
_COMPARED: Final = (*CALIBRATED, "tempo", "key", "mode")
_BATCH: Final = 5_000


class CalibrationInvalid(ValueError):
    """There is nothing to calibrate with, or a stored calibration is damaged; one line."""


@dataclass(frozen=True)
class Calibration:
    """Fits by attribute, and how often tempo, key and mode agree.

    Attributes:
        fits: Of the attributes with enough tracks.
        agreement: Name to (tracks, share that agrees): tempo within 2 % or an octave of it, key
            exactly or a fifth away, mode exactly.
    """

    fits: Mapping[str, Fit]
    agreement: Mapping[str, tuple[int, float]] = field(default_factory=dict)


def fit_calibration(engine: Engine) -> Calibration:
    """Fit each attribute on the tracks for which computed and published values are known.

    Raises:
        CalibrationInvalid: No attribute has enough such tracks.
    """
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMPARED}
    for by_kind in _tracks(engine):
        computed, published = by_kind.get(MEASURED_HERE, {}), by_kind.get("published", {})
        for name in _COMPARED:
            if name in computed and name in published:
                pairs[name].append((computed[name], published[name]))
    arrays = {name: np.array(found, dtype=np.float64) for name, found in pairs.items() if found}
    fits: dict[str, Fit] = {
        name: fit(arrays[name][:, 0], arrays[name][:, 1])
        for name in CALIBRATED
        if name in arrays and len(arrays[name]) >= LEAST_PAIRS
    }
    if not fits:
        most = max((len(found) for found in pairs.values()), default=0)
        raise CalibrationInvalid(
            f"calibration needs at least {LEAST_PAIRS} tracks that have both published and "
            f"analysed features, and there are {most}; import features of tracks whose files you "
            "have: quintet catalog import"
        )
    return Calibration(fits, _agreement(arrays))


def _agreement(arrays: Mapping[str, Any]) -> dict[str, tuple[int, float]]:
    agreement = {}
    if "tempo" in arrays:
        computed, published = arrays["tempo"][arrays["tempo"].min(axis=1) > 0].T
        ratio = computed / published
        close = np.min(np.abs(ratio[:, None] / np.array([0.5, 1, 2]) - 1), axis=1) <= 0.02
        agreement["tempo"] = (len(close), float(close.mean()) if len(close) else 0.0)
    if "key" in arrays:
        computed, published = arrays["key"][arrays["key"].min(axis=1) >= 0].T
        close = np.isin((computed - published) % 12, (0, 5, 7))
        agreement["key"] = (len(close), float(close.mean()) if len(close) else 0.0)
    if "mode" in arrays:
        computed, published = arrays["mode"].T
        agreement["mode"] = (len(computed), float((computed == published).mean()))
    return agreement


def apply_calibration(engine: Engine, calibration: Calibration) -> int:
    """Store the calibrated values of all analysed tracks beside the raw ones.

    Values of an earlier calibration are removed first. A run that is killed in between leaves
    tracks without calibrated values, whose raw ones count until the next analysis.

    Returns:
        The number of tracks with calibrated values.
    """
    curves = {name: each.curve for name, each in calibration.fits.items() if each.curve}
    with writing(engine) as connection:
        delete_features(connection, CALIBRATED_HERE)
    rows: list[tuple[str, dict[str, float | None]]] = []
    count = 0
    for by_kind in _tracks(engine) if curves else ():
        values = _calibrated(by_kind.get(MEASURED_HERE, {}), curves)
        if values:
            rows.append((by_kind["id"], values))
        if len(rows) >= _BATCH:
            count += _put(engine, rows)
            rows = []
    return count + _put(engine, rows)


def _calibrated(
    computed: Mapping[str, float], curves: Mapping[str, Curve]
) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for name, curve in curves.items():
        if name in computed:
            mapped = float(curve(np.array([computed[name]]))[0])
            values[name] = round(float(np.clip(mapped, *RANGES[name])), 4)
    return values


def _put(engine: Engine, rows: list[tuple[str, dict[str, float | None]]]) -> int:
    with writing(engine) as connection:
        put_features(connection, CALIBRATED_HERE, rows)
    return len(rows)


def _tracks(engine: Engine) -> Iterator[dict[str, Any]]:
    """Read each track's values: `id`, `analysis` (ours), `published`."""
    track: dict[str, Any] = {}
    with reading(engine) as connection:
        for batch in stream_features(connection, _BATCH):
            for track_id, provenance, _, row in sorted(
                batch, key=lambda each: (each[0], counting_order(each[1], each[2]))
            ):
                if track.get("id") != track_id:
                    if track:
                        yield track
                    track = {"id": track_id}
                kind = provenance.partition(":")[0]
                kind = "published" if kind in _PUBLISHED else kind
                known = track.setdefault(kind, {})
                for name, value in zip(MEASURED, row, strict=True):
                    if value is not None:
                        known.setdefault(name, float(value))
    if track:
        yield track


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Keep a calibration for the tracks that are analysed later.

    Raises:
        OSError: It cannot be written; the earlier one stays.
    """
    content = {
        "fits": {name: asdict(each) for name, each in calibration.fits.items()},
        "agreement": dict(calibration.agreement),
    }
    write_atomically(path, json.dumps(content, indent=2), PRIVATE_MODE)


def load_calibration(path: Path) -> Calibration | None:
    """Read the calibration that is in use; None if there is none.

    Raises:
        CalibrationInvalid: The file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        fits = {name: _fit(each) for name, each in content["fits"].items()}
        agreement = {name: (int(n), float(s)) for name, (n, s) in content["agreement"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise CalibrationInvalid(
            f"{path} is damaged; make it again: quintet analyse calibrate"
        ) from fault
    return Calibration(fits, agreement)


def _fit(content: Mapping[str, Any]) -> Fit:
    curve = content["curve"]
    if curve is not None:
        x, y = (tuple(float(value) for value in curve[axis]) for axis in ("x", "y"))
        if len(x) != len(y) or not x or list(x) != sorted(x):
            raise ValueError("knots")
        curve = Curve(str(curve["method"]), x, y)
    return Fit(
        int(content["pairs"]),
        float(content["error"]),
        float(content["calibrated_error"]),
        curve,
    )
