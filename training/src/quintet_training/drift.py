"""Drift: how far the lists of today differ from those of the playlists the model learned from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quintet_engine.collaborative.model import load_holders
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind
from quintet_files import write_atomically
from quintet_modelkit.publication import current_folder, read_manifest

from quintet_training.agreement import fixed_requests, gain_shares
from quintet_training.datasets.feedback import read_signals
from quintet_training.settings import TrainingSettings

LIMIT: Final = 50
REPORT: Final = "drift.json"
_SEEDS: Final = 5
# Lists of the baseline: with 50 tracks each, up to 7,500 rows.
_REQUESTS: Final = 150
# Tenths of the baseline, as is usual for this index.
_BINS: Final = 10
# A share of nothing has no logarithm; half a tenth of a per mille is nothing to a PSI.
_FLOOR: Final = 5e-5
_SHOWN_FEATURES: Final = 8

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """How far one quantity has moved.

    Attributes:
        name: `score`, `genres`, `features` or one feature's name.
        psi: Population stability index; 0 for no change.
        ks: Kolmogorov-Smirnov distance, 0..1; None for a quantity without an order.
    """

    name: str
    psi: float
    ks: float | None


@dataclass(frozen=True)
class DriftReport:
    """The result of a comparison, for `quintet drift` and the page.

    Attributes:
        model: The model in use.
        baseline: Tracks in the lists it gives to its training playlists.
        recent: Tracks that it showed to listeners lately.
        enough: Whether these are enough to say anything.
        shifts: The judged quantities.
        features: The features that moved most.
        drifted: Names of what moved too far.
    """

    model: str
    baseline: int
    recent: int
    enough: bool
    shifts: tuple[Shift, ...] = ()
    features: tuple[Shift, ...] = ()
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Lists:
    """Tracks of lists: scores float64 (n,), features float64 (n, features), ids."""

    scores: Numbers
    features: Numbers
    tracks: Sequence[str]


def watch(settings: TrainingSettings, now: datetime | None = None) -> DriftReport:
    """Compare the lists that listeners got lately with those that training playlists get.

    The baseline is the model's own answers to seeds from the playlists it was trained on (from
    its catalogue, where it saw none), so that nothing has to be kept from training. Judged are
    scores, the mix of genres, and features, each weighed by its share of the booster's gain.

    Raises:
        PublicationInvalid: No model is published, or it is damaged.
        StoreUnavailable: The database cannot be used.
    """
    folder = current_folder(settings.home / "models")
    manifest = read_manifest(folder, verify=False)
    since = (now or datetime.now(UTC)) - timedelta(days=settings.drift_days)
    # Lists of an earlier model or of other features cannot be compared with this baseline.
    recent = _recent(settings, str(manifest["model_version"]), str(manifest["feature_hash"]), since)
    count = len(recent.tracks)
    if count < settings.drift_least:
        return DriftReport(folder.name, 0, count, enough=False)
    # Loaded only now: it takes longest, and too few impressions end this before.
    engine = Engine.load(folder, verify=False)
    baseline = baseline_of(engine, folder)
    features = [
        _shift(name, baseline.features[:, at], recent.features[:, at])
        for at, name in enumerate(engine.recipe.names)
    ]
    shifts = (
        _shift("score", baseline.scores, recent.scores),
        _genre_shift(engine, baseline.tracks, recent.tracks),
        _weighed(features, gain_shares(folder)),
    )
    features.sort(key=lambda one: -one.psi)
    drifted = tuple(one.name for one in shifts if one.psi >= settings.drift_psi)
    most = tuple(features[:_SHOWN_FEATURES])
    return DriftReport(folder.name, len(baseline.tracks), count, True, shifts, most, drifted)


def baseline_of(engine: Engine, folder: Path) -> _Lists:
    """Ask a model for lists from its own training playlists, as the baseline of a comparison."""
    scores, packed, tracks = [], [], []
    for seeds in _seeds_of(engine, folder):
        query = Query(
            tuple(Seed(SeedKind.TRACK, name) for name in seeds),
            limit=LIMIT,
            reasons=False,
            features=True,
        )
        for track in engine.recommend(query).tracks:
            scores.append(track.score)
            # As impressions store them: little-endian float32 in the order of the feature set.
            packed.append(np.frombuffer(track.features, dtype="<f4"))
            tracks.append(track.track_id)
    return _Lists(np.array(scores), np.stack(packed).astype(np.float64), tracks)


def _seeds_of(engine: Engine, folder: Path) -> list[tuple[str, ...]]:
    """Choose the seeds of the baseline: five tracks of each of up to 150 training playlists."""
    if engine.collaborative is None:
        ids = list(engine.catalogue.snapshot.row_of)
        return fixed_requests(ids, ids)
    holders = load_holders(folder).tocsc()
    # Columns of this sparse matrix are playlists.
    playlists = [p for p in np.split(holders.indices, holders.indptr[1:-1]) if len(p) >= _SEEDS]
    # Fixed, so that two days differ by their impressions alone.
    random = np.random.default_rng(0)
    order = random.permutation(len(playlists))[:_REQUESTS]
    drawn = (random.choice(playlists[at], _SEEDS, replace=False) for at in order.tolist())
    return [tuple(engine.catalogue.track_ids(np.sort(rows).astype(np.int64))) for rows in drawn]


def _recent(settings: TrainingSettings, model: str, feature_hash: str, since: datetime) -> _Lists:
    frame = read_signals(settings).frame.filter(
        pl.col("model_version") == model,
        pl.col("feature_hash") == feature_hash,
        pl.col("shown_at").str.to_datetime(time_zone="UTC", strict=False) >= since,
        # The baseline has 50 tracks a list: scores fall along a list, so longer ones would look
        # like drift.
        pl.col("position") <= LIMIT,
        pl.col("features").list.len() > 0,
    )
    if frame.is_empty():
        return _Lists(np.empty(0), np.empty((0, 0)), [])
    features = np.stack([np.array(row) for row in frame["features"].to_list()])
    scores = frame["score"].to_numpy().astype(np.float64)
    return _Lists(scores, features.astype(np.float64), frame["track_id"].to_list())


def _shift(name: str, before: Numbers, after: Numbers) -> Shift:
    return Shift(name, psi(before, after), ks(before, after))


def psi(before: Numbers, after: Numbers) -> float:
    """Compute the population stability index over the tenths of `before`.

    Σ (q - p) ln(q / p), p and q the shares of both in each bin; below 0.1 is taken for no
    change and above 0.25 for a change that matters (Siddiqi, "Credit risk scorecards", Wiley 2006).
    Values that are equal stay in one bin.

    Args:
        before: float64 (n,), at least one; NaN is a separate bin.
        after: float64 (m,), at least one.
    """
    known = before[np.isfinite(before)]
    tenths = np.arange(1, _BINS) / _BINS
    edges = np.unique(np.quantile(known, tenths)) if len(known) else np.empty(0)
    return _index(_binned(before, edges), _binned(after, edges))


def _binned(values: Numbers, edges: Numbers) -> Numbers:
    known = np.isfinite(values)
    # The last bin is for NaN: features are NaN where the catalogue has no value.
    places = np.where(known, np.searchsorted(edges, values, side="left"), len(edges) + 1)
    return np.bincount(places, minlength=len(edges) + 2).astype(np.float64)


def _index(before: Numbers, after: Numbers) -> float:
    p, q = (np.maximum(counts / counts.sum(), _FLOOR) for counts in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def ks(before: Numbers, after: Numbers) -> float:
    """Compute the Kolmogorov-Smirnov distance without NaN, 0..1; 1 if one side has only NaN."""
    low, high = (np.sort(values[np.isfinite(values)]) for values in (before, after))
    if not len(low) or not len(high):
        return float(len(low) != len(high))
    # Both functions are steps, so their distance is greatest at a value of either side.
    points = np.concatenate([low, high])
    shares = [np.searchsorted(one, points, side="right") / len(one) for one in (low, high)]
    return float(np.abs(shares[0] - shares[1]).max())


def _genre_shift(engine: Engine, before: Sequence[str], after: Sequence[str]) -> Shift:
    """Compare the mixes of genres; a track counts for each of its genres in equal parts."""
    row_of = engine.catalogue.snapshot.row_of
    column = engine.catalogue.snapshot.tracks.column("genres")
    mixes: list[dict[str, float]] = []
    for tracks in (before, after):
        mix: dict[str, float] = {}
        for name in tracks:
            genres = column[row_of[name]].as_py() if name in row_of else None
            for genre in genres or ("",):
                mix[genre] = mix.get(genre, 0.0) + 1.0 / len(genres or ("",))
        mixes.append(mix)
    names = sorted({*mixes[0], *mixes[1]})
    counts = [np.array([mix.get(name, 0.0) for name in names]) for mix in mixes]
    return Shift("genres", _index(counts[0], counts[1]), None)


def _weighed(features: Sequence[Shift], shares: Mapping[str, float]) -> Shift:
    """Average the shifts of all features, each weighed by its share of the gain.

    A feature that the booster hardly uses can move far without an effect on lists.
    """
    weights = np.array([shares.get(one.name, 0.0) for one in features])
    whole = float(weights.sum()) or 1.0
    indices = np.array([one.psi for one in features])
    distances = np.array([one.ks or 0.0 for one in features])
    return Shift("features", float(indices @ weights) / whole, float(distances @ weights) / whole)


def facts(report: DriftReport) -> dict[str, Any]:
    """Convert a report to plain data, for JSON."""
    shifts = {"quantities": report.shifts, "features": report.features}
    return {
        "model": report.model,
        "baseline": report.baseline,
        "recent": report.recent,
        "enough": report.enough,
        "drifted": list(report.drifted),
        **{
            key: {one.name: {"psi": one.psi, "ks": one.ks} for one in found}
            for key, found in shifts.items()
        },
    }


def keep(report: DriftReport, home: Path, now: datetime | None = None) -> None:
    """Write a report with its time to `drift.json` in `home`, from which the gateway serves it.

    Raises:
        OSError: It cannot be written.
    """
    moment = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    write_atomically(home / REPORT, json.dumps({"time": moment, **facts(report)}))
