"""Feedback for training: signals corrected for position, and playlists made of what was liked."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.patterns import LISTENER_PATTERN, LISTENER_RULE, fits
from quintet_files import replacing
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store import feedback as store
from quintet_store.spool import forget
from quintet_store.uploads import Uploads
from sqlalchemy import Connection

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.listener_cases import LikedList
from quintet_training.datasets.playlist_events import POSITIVE
from quintet_training.settings import TrainingSettings

_BATCH: Final = 50_000
HEARD_MS: Final = 30_000
"""A play of at least this long was a play; shorter ones say little."""
# Label of an act: how sure it shows that the track was wanted, from -1 to 1.
_STRENGTH: Final[Mapping[str, float]] = {
    "playlist_add": 1.0,
    "save": 1.0,
    "like": 0.8,
    "play": 0.4,
    "skip": -0.3,
    "dislike": -1.0,
}
_SHORT_PLAY: Final = 0.1
# Prior of the exponent: mild bias, as lists of fifty are looked through; a few hundred acts on
# tracks met at several places outweigh it.
PRIOR_EXPONENT: Final = 0.5
_PRIOR_DEVIATION: Final = 0.25
_MAX_EXPONENT: Final = 2.0
MAX_WEIGHT: Final = 10.0
"""No act counts more than so many; unbounded inverse propensities would drown all others."""


@dataclass(frozen=True)
class PositionBias:
    """How likely a place in a list is looked at, relative to the first: position ** -exponent.

    Attributes:
        exponent: From 0 (every place alike) to 2.
        acts: Events that it was estimated from.
    """

    exponent: float
    acts: int

    def propensity(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the propensity of positions from 1, each in (0, 1]."""
        return np.asarray(positions.astype(np.float64) ** -self.exponent)


def estimate_position_bias(shown: pl.DataFrame) -> PositionBias:
    """Estimates how attention falls from place to place, from tracks shown at several places.

    A better track both stands higher and is acted on more, so that rates by position alone
    mistake relevance for attention. Tracks are therefore compared with themselves (intervention
    harvesting: Agarwal et al., WSDM 2019): given how often a track was acted on in all, the
    places it was acted on at follow n(k) · k ** -exponent, with n(k) how often it stood there.
    That likelihood is concave in the exponent; Newton's method finds its maximum, with a normal
    prior (`PRIOR_EXPONENT`, 0.25) that decides while there is little to go by.

    Args:
        shown: A row for each track shown: track_id, position (from 1), acted (whether any event
            followed; a skip, too, was seen).
    """
    cells = shown.group_by("track_id", "position").agg(
        pl.len().alias("shown"), pl.col("acted").sum().alias("acts")
    )
    codes = cells["track_id"].rank("dense").to_numpy().astype(np.int64) - 1
    logs = np.log(cells["position"].to_numpy().astype(np.float64))
    times, acts = (cells[name].to_numpy().astype(np.float64) for name in ("shown", "acts"))
    totals = np.bincount(codes, acts) if len(codes) else np.zeros(0)
    exponent = PRIOR_EXPONENT
    # A bound for the worst case; a step is at most 0.5, and the exponent at most 2.
    for _ in range(50):
        weights = times * np.exp(-exponent * logs)
        norms = np.bincount(codes, weights)
        first = np.bincount(codes, weights * logs) / norms
        second = np.bincount(codes, weights * logs**2) / norms
        slope = float(totals @ first - acts @ logs)
        # Gradient and curvature of the normal prior.
        slope -= (exponent - PRIOR_EXPONENT) / _PRIOR_DEVIATION**2
        curve = float(totals @ (second - first**2)) + 1 / _PRIOR_DEVIATION**2
        # The curvature is above zero by the prior alone, so that the division is safe.
        step = slope / curve
        exponent = float(np.clip(exponent + np.clip(step, -0.5, 0.5), 0.0, _MAX_EXPONENT))
        if abs(step) < 1e-6:
            break
    return PositionBias(exponent, int(acts.sum()))


@dataclass(frozen=True)
class Signals:
    """Training signals from feedback.

    Attributes:
        frame: A row for each track shown, and for each track acted on without being known as
            shown: recommendation_id, listener (keyed hash), track_id, position (Int32; null where
            not known), label (Float32 from -1 to 1; 0 without any event), acts (how many
            events), propensity (Float32; 1 where the position is not known), weight (Float32:
            inverse propensity up to `MAX_WEIGHT` where something was done, else 1), score,
            channels, shown_at, model_version, index_version, catalogue_version, feature_hash and
            features (List(Float32), in the order of the feature set).
        bias: What the propensities come from.
        feature_sets: Feature names by hash.
    """

    frame: pl.DataFrame
    bias: PositionBias
    feature_sets: Mapping[str, Sequence[str]]


_SHOWN_SCHEMA: Final = {
    **dict.fromkeys(store.IMPRESSION_COLUMNS, pl.String),
    "position": pl.Int32,
    "score": pl.Float32,
    "features": pl.Binary,
}
_EVENT_SCHEMA: Final = {
    **dict.fromkeys(store.EVENT_COLUMNS, pl.String),
    "position": pl.Int32,
    "dwell_ms": pl.Int64,
}


def read_signals(settings: TrainingSettings) -> Signals:
    """Return all feedback as training signals, corrected for position by inverse propensity.

    Raises:
        StoreUnavailable: The database cannot be used.
    """

    def read(connection: Connection) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, list[str]]]:
        return (
            _frame(store.stream_impressions(connection, _BATCH), _SHOWN_SCHEMA),
            _frame(store.stream_events(connection, _BATCH), _EVENT_SCHEMA),
            store.feature_sets(connection),
        )

    shown, events, sets = _reading(settings, read)
    return signals_of(shown, events, sets)


def signals_of(
    shown: pl.DataFrame, events: pl.DataFrame, sets: Mapping[str, Sequence[str]]
) -> Signals:
    """Join impressions and events.

    Args:
        shown: Impressions, with the columns of `quintet_store.feedback.IMPRESSION_COLUMNS`.
        events: Events, with those of `EVENT_COLUMNS`.
        sets: Feature names by hash.
    """
    key = ["recommendation_id", "track_id"]
    labels = _labels(events)
    # A list may be shown and recorded once only, but a track twice in it would be two rows.
    joined = shown.join(labels, on=key, how="full", coalesce=True, maintain_order="left")
    joined = joined.with_columns(
        pl.when(pl.col("listener").fill_null("") != "")
        .then("listener")
        .otherwise("event_listener")
        .fill_null("")
        .alias("listener"),
        pl.coalesce("position", "event_position").alias("position"),
        pl.col("label").fill_null(0.0),
        pl.col("acts").fill_null(0),
    )
    bias = estimate_position_bias(
        joined.filter(pl.col("shown_at").is_not_null()).select(
            "track_id", "position", (pl.col("acts") > 0).alias("acted")
        )
    )
    # An unknown position counts as the first, whose propensity is 1.
    propensity = bias.propensity(joined["position"].fill_null(1).to_numpy().astype(np.int64))
    # Only acts are rare at low places; a track without one needs no correction.
    weight = np.where(joined["acts"].to_numpy() > 0, np.minimum(1 / propensity, MAX_WEIGHT), 1.0)
    frame = joined.with_columns(
        pl.Series("propensity", propensity, pl.Float32),
        pl.Series("weight", weight, pl.Float32),
        pl.Series("features", [_unpacked(p) for p in joined["features"]], pl.List(pl.Float32)),
        pl.col("channels").fill_null("").str.split(",").list.filter(pl.element() != ""),
        *(pl.col(name).fill_null("") for name in _TEXTS),
    )
    return Signals(frame.select(_SIGNAL_COLUMNS), bias, sets)


_TEXTS: Final = ("shown_at", "model_version", "index_version", "catalogue_version", "feature_hash")
_SIGNAL_COLUMNS: Final = (
    *("recommendation_id", "listener", "track_id", "position", "label", "acts"),
    *("propensity", "weight", "score", "channels", *_TEXTS, "features"),
)


def _unpacked(packed: bytes | None) -> list[float]:
    # Little-endian float32, as the ranker records them.
    values: list[float] = np.frombuffer(packed or b"", dtype="<f4").tolist()
    return values


def _labels(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each track acted on in a list: label, acts, listener, position.

    The last of like and dislike decides between them; otherwise the strongest act counts, and a
    skip only where nothing else was done.
    """
    key = ["recommendation_id", "track_id"]
    strength = (
        pl.when((pl.col("kind") == "play") & (pl.col("dwell_ms") < HEARD_MS))
        .then(_SHORT_PLAY)
        .otherwise(pl.col("kind").replace_strict(_STRENGTH, return_dtype=pl.Float32))
    )
    ordered = events.sort("occurred_at", "received_at", "event_id").with_columns(
        strength.cast(pl.Float32).alias("strength")
    )
    opinion = pl.col("kind").filter(pl.col("kind").is_in(["like", "dislike"])).last()
    liked = pl.col("strength").filter(pl.col("strength") > 0).max()
    return ordered.group_by(key, maintain_order=True).agg(
        pl.when(opinion == "dislike")
        .then(_STRENGTH["dislike"])
        .otherwise(pl.coalesce(liked, pl.col("strength").filter(pl.col("kind") == "skip").min()))
        .cast(pl.Float32)
        .alias("label"),
        pl.len().alias("acts"),
        pl.col("listener").first().alias("event_listener"),
        pl.col("position").drop_nulls().first().alias("event_position"),
    )


def _frame(parts: Iterator[list[tuple[Any, ...]]], schema: Mapping[str, Any]) -> pl.DataFrame:
    frames = [pl.DataFrame(rows, schema=dict(schema), orient="row") for rows in parts]
    return pl.concat([pl.DataFrame(schema=dict(schema)), *frames])


def _reading(settings: TrainingSettings, read: Callable[[Connection], Any]) -> Any:
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            return read(connection)
    finally:
        engine.dispose()


@dataclass(frozen=True)
class _Act:
    """A like, save or playlist_add without a later dislike."""

    recommendation_id: str
    listener: str
    track_id: str
    kind: str
    at: str
    received_at: str


def feedback_playlists(settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return playlists made of feedback, as events that `quintet playlists import` reads.

    What was liked, saved or added of one list, together with the track seeds that the listener
    began from, is a playlist; what one listener liked, saved or added over all lists is another.
    A track that was disliked later is in neither, nor is a group of fewer than two tracks.
    An event keeps its position from one export to the next, so that importing a later export adds
    what is new.

    Raises:
        StoreUnavailable: The database cannot be used.
    """

    def read(connection: Connection) -> list[dict[str, Any]]:
        acts = _positives(_frame(store.stream_events(connection, _BATCH), _EVENT_SCHEMA))
        places = {
            (given, track): place
            for part in store.stream_positions(connection, _BATCH)
            for given, track, place in part
        }
        seeds = {
            given: (shown_at, [seed["track_id"] for seed in listed if _is_start(seed)])
            for part in store.stream_seeds(connection, _BATCH)
            for given, shown_at, listed in part
        }
        return [*_by_list(acts, places, seeds), *_by_listener(acts)]

    found: list[dict[str, Any]] = _reading(settings, read)
    return found


def liked_lists(settings: TrainingSettings) -> dict[str, list[LikedList]]:
    """Return the lists of which something was liked, saved or added, by the listener's keyed hash.

    A track that was disliked later does not count.

    Raises:
        StoreUnavailable: The database cannot be used.
    """

    def read(connection: Connection) -> dict[str, list[LikedList]]:
        liked: dict[tuple[str, str], list[str]] = defaultdict(list)
        for act in _positives(_frame(store.stream_events(connection, _BATCH), _EVENT_SCHEMA)):
            if act.listener:
                liked[act.recommendation_id, act.listener].append(act.track_id)
        seeds = {
            given: (shown_at, [seed["track_id"] for seed in listed if _is_start(seed)])
            for part in store.stream_seeds(connection, _BATCH)
            for given, shown_at, listed in part
        }
        lists: dict[str, list[LikedList]] = defaultdict(list)
        for (given, listener), tracks in sorted(liked.items()):
            if given in seeds:
                shown_at, starts = seeds[given]
                at = int(datetime.fromisoformat(shown_at).timestamp())
                lists[listener].append(LikedList(at, starts, tracks))
        return lists

    found: dict[str, list[LikedList]] = _reading(settings, read)
    return found


def _is_start(seed: Mapping[str, Any]) -> bool:
    return "track_id" in seed and not seed.get("negative")


def _positives(events: pl.DataFrame) -> list[_Act]:
    """Return the first positive act on each track of each list, in the order received."""
    ordered = events.sort("received_at", "client", "event_id")
    disliked: dict[tuple[str, str, str], str] = {}
    for row in ordered.filter(pl.col("kind") == "dislike").iter_rows(named=True):
        key = (row["recommendation_id"], row["listener"], row["track_id"])
        disliked[key] = max(disliked.get(key, ""), row["occurred_at"])
    acts: dict[tuple[str, str], _Act] = {}
    for row in ordered.filter(pl.col("kind").is_in(POSITIVE)).iter_rows(named=True):
        given, listener, track = row["recommendation_id"], row["listener"], row["track_id"]
        if row["occurred_at"] < disliked.get((given, listener, track), ""):
            continue
        act = _Act(given, listener, track, row["kind"], row["occurred_at"], row["received_at"])
        acts.setdefault((given, track), act)
    return list(acts.values())


def _by_list(
    acts: Sequence[_Act],
    places: Mapping[tuple[str, str], int],
    seeds: Mapping[str, tuple[str, Sequence[str]]],
) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[_Act]] = defaultdict(list)
    for act in acts:
        groups[act.recommendation_id].append(act)
    for given, group in sorted(groups.items()):
        shown_at, starts = seeds.get(given, ("", ()))
        begun = dict.fromkeys(starts)
        if len(begun | {act.track_id: None for act in group}) < 2:
            continue
        for number, track in enumerate(begun):
            yield _line(given, track, "playlist_add", number - len(begun), shown_at)
        taken: set[int] = set()
        for act in group:
            if act.track_id not in begun:
                place = places.get((given, act.track_id))
                place = _free(taken, act.received_at) if place is None else place
                yield _line(given, act.track_id, act.kind, place, act.at)


def _by_listener(acts: Sequence[_Act]) -> Iterator[dict[str, Any]]:
    groups: dict[str, dict[str, _Act]] = defaultdict(dict)
    for act in acts:
        if act.listener:
            groups[act.listener].setdefault(act.track_id, act)
    for listener, group in sorted(groups.items()):
        taken: set[int] = set()
        for act in group.values() if len(group) > 1 else ():
            place = _free(taken, act.received_at)
            yield _line(store.listener_group(listener), act.track_id, act.kind, place, act.at)


_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


def _free(taken: set[int], received_at: str) -> int:
    """Return the second an event was received, since 2020, or the next that is not taken.

    Beyond any place in a list, within 32 bits until 2088, and the same in every export.
    """
    place = int((datetime.fromisoformat(received_at) - _EPOCH).total_seconds())
    while place in taken:
        place += 1
    taken.add(place)
    return place


def _line(group: str, track: str, kind: str, position: int, at: str) -> dict[str, Any]:
    return {
        "recommendation_id": group,
        "track_id": track,
        "kind": kind,
        "position": position,
        "at": at,
    }


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote: playlists and their rows."""

    playlists: int
    rows: int


def export_feedback(settings: TrainingSettings, path: Path) -> ExportReport:
    """Write playlists made of feedback as JSON lines, whole or not at all.

    Raises:
        DatasetInvalid: The file cannot be written.
        StoreUnavailable: The database cannot be used.
    """
    lines = feedback_playlists(settings)
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
            for line in lines:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault
    return ExportReport(len({line["recommendation_id"] for line in lines}), len(lines))


def feedback_info(settings: TrainingSettings) -> store.FeedbackCounts:
    """Return how much feedback there is.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    counts: store.FeedbackCounts = _reading(settings, store.feedback_counts)
    return counts


def prune_feedback(settings: TrainingSettings, days: int | None = None) -> store.Pruned:
    """Delete feedback older than some days, and what exceeds the bound of recorded lists.

    Args:
        settings: Names the database, the bound, and the days if None are given.
        days: Age at which feedback is deleted.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    kept = timedelta(days=settings.feedback_retention_days if days is None else days)
    engine = open_engine(settings.database_url)
    try:
        old = store.prune_before(engine, datetime.now(UTC) - kept)
        return old.plus(store.trim_to(engine, settings.feedback_max_bytes))
    finally:
        engine.dispose()


def listener_hash(settings: TrainingSettings, listener: str) -> str:
    """Compute the keyed hash by which the database knows a listener.

    Raises:
        DatasetInvalid: No listener can have this id, or QUINTET_LISTENER_KEY is too short.
        AccessFileInvalid: The key that names listeners cannot be read.
    """
    if not fits(LISTENER_PATTERN, listener):
        raise DatasetInvalid(f"a listener's id is {LISTENER_RULE}")
    return pseudonyms_of(settings).listener(listener)


def pseudonyms_of(settings: TrainingSettings) -> Pseudonyms:
    """Open the key by which this installation names listeners and signs ids.

    Raises:
        DatasetInvalid: QUINTET_LISTENER_KEY is too short.
        AccessFileInvalid: The key cannot be read.
    """
    try:
        return Pseudonyms.of(settings.home / "access", settings.listener_key.get_secret_value())
    except ValueError as fault:
        raise DatasetInvalid(f"QUINTET_LISTENER_KEY: {fault}") from fault


def delete_listener(settings: TrainingSettings, listener: str) -> store.Deleted:
    """Delete a listener's events, unlinks their lists, and deletes playlists made of both.

    Raises:
        DatasetInvalid: No listener can have this id, or QUINTET_LISTENER_KEY is too short.
        AccessFileInvalid: The key that names listeners cannot be read.
        StoreUnavailable: The database cannot be used.
    """
    name = listener_hash(settings, listener)
    engine = open_engine(settings.database_url)
    try:
        # Events that wait on the disk are the gateway's to store; these it then leaves out.
        until = store.stamp(datetime.now(UTC))
        forget(settings.home / "spool", name, until)
        store.remove_rejected(settings.quarantine, name)
        Uploads(settings.home).forget(name)
        with writing(engine) as connection:
            return store.delete_listener(connection, name, until)
    except OSError as fault:
        raise StoreUnavailable(f"{settings.home} cannot be written: {fault.strerror}") from fault
    finally:
        engine.dispose()
