"""Read one recommended list with everything that is stored of how it was made."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from quintet_store.feedback import UNDONE
from quintet_store.tables import (
    FeatureSet,
    FeedbackEvent,
    Impression,
    Recommendation,
    Track,
    table_of,
)

_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)
_SETS: Final = table_of(FeatureSet)
_TRACKS: Final = table_of(Track)
_NAMELESS: Final = ("listener", "bytes")
_MOST_EVENTS: Final = 2000


@dataclass(frozen=True)
class RecordedTrack:
    """One place of a list.

    Attributes:
        position: From 1.
        track_id: The track.
        title: Empty if the track has left the catalogue.
        artists: Their names.
        score: The ranking score.
        channels: What retrieved it.
        origin: champion or challenger, in an interleaved list; else empty.
        features: Value by feature name; None for a missing value.
    """

    position: int
    track_id: str
    title: str
    artists: Sequence[str]
    score: float
    channels: Sequence[str]
    origin: str
    features: Mapping[str, float | None]


@dataclass(frozen=True)
class RecordedList:
    """One list: the columns of its row but for the listener, its tracks, and feedback on it."""

    facts: Mapping[str, Any]
    has_listener: bool
    tracks: Sequence[RecordedTrack]
    events: Sequence[Mapping[str, Any]]


def read_list(connection: Connection, recommendation_id: str) -> RecordedList | None:
    """Read a list by its id; None if it is not stored."""
    query = select(_LISTS).where(_LISTS.c.recommendation_id == recommendation_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    names = connection.execute(
        select(_SETS.c.names).where(_SETS.c.feature_hash == row["feature_hash"])
    ).scalar()
    facts = {name: value for name, value in row.items() if name not in _NAMELESS}
    return RecordedList(
        facts,
        bool(row["listener"]),
        _tracks(connection, recommendation_id, list(names or ())),
        _events(connection, recommendation_id),
    )


def _tracks(
    connection: Connection, recommendation_id: str, names: Sequence[str]
) -> list[RecordedTrack]:
    query = (
        select(_SHOWN, _TRACKS.c.title, _TRACKS.c.artists)
        .select_from(_SHOWN.outerjoin(_TRACKS, _TRACKS.c.track_id == _SHOWN.c.track_id))
        .where(_SHOWN.c.recommendation_id == recommendation_id)
        .order_by(_SHOWN.c.position)
    )
    return [
        RecordedTrack(
            int(row["position"]),
            str(row["track_id"]),
            str(row["title"] or ""),
            tuple(row["artists"] or ()),
            float(row["score"]),
            tuple(name for name in row["channels"].split(",") if name),
            str(row["origin"]),
            _named(names, row["features"]),
        )
        for row in connection.execute(query).mappings()
    ]


def _named(names: Sequence[str], packed: bytes) -> dict[str, float | None]:
    """Name the values of packed little-endian float32; NaN, a missing value, becomes None."""
    values = struct.unpack(f"<{len(packed) // 4}f", packed)
    return {
        name: value if math.isfinite(value) else None
        for name, value in zip(names, values, strict=False)
    }


def _events(connection: Connection, recommendation_id: str) -> list[Mapping[str, Any]]:
    columns = ("kind", "track_id", "position", "dwell_ms", "occurred_at", "received_at")
    query = (
        select(*(_EVENTS.c[name] for name in columns))
        .where(_EVENTS.c.recommendation_id == recommendation_id, _EVENTS.c.kind != UNDONE)
        .order_by(_EVENTS.c.received_at, _EVENTS.c.event_id)
        .limit(_MOST_EVENTS)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
