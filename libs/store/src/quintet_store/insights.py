"""Summarise the lists of a period: catalogue coverage, artists' shares and approval by model."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, distinct, func, select

from quintet_store.feedback import UNDONE, stamp
from quintet_store.tables import FeedbackEvent, Impression, Recommendation, Track, table_of

_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)
_TRACKS: Final = table_of(Track)
APPROVAL: Final = ("like", "save", "playlist_add")
"""Kinds of events that approve a track."""
# Artists are in JSON, so that SQL cannot group by them: the most shown tracks stand for all.
_MOST_TRACKS: Final = 5000
_Z: Final = 1.959964
"""The 97.5th percentile of the normal distribution: intervals hold 95 %."""


@dataclass(frozen=True)
class ArtistShare:
    """An artist's share of all places in lists, from 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class ModelOutcome:
    """Count the approval of one model's lists.

    Attributes:
        model: The model's version.
        lists: How many lists it gave.
        approved: In how many of them a track was liked, saved or put on a playlist.
        low: Lower end of the 95 % interval of approved / lists.
        high: Upper end.
    """

    model: str
    lists: int
    approved: int
    low: float
    high: float


@dataclass(frozen=True)
class Insights:
    """Summarise the lists of a period.

    Attributes:
        lists: How many were given.
        impressions: How many places they had in all.
        tracks_shown: How many different tracks stood on them.
        artists: The most recommended artists, of the 5,000 most recommended tracks.
        events: Feedback by kind.
        models: Outcomes by model, the one with the most lists first.
    """

    lists: int
    impressions: int
    tracks_shown: int
    artists: Sequence[ArtistShare]
    events: Mapping[str, int]
    models: Sequence[ModelOutcome]


def insights_since(connection: Connection, since: datetime, most_artists: int = 10) -> Insights:
    """Summarise the lists shown and the feedback received since a time."""
    start = stamp(since)
    different = func.count(distinct(_SHOWN.c.track_id))
    impressions, tracks = connection.execute(_recent([func.count(), different], start)).one()
    models = _models(connection, start)
    kinds = connection.execute(
        select(_EVENTS.c.kind, func.count())
        .where(_EVENTS.c.received_at >= start, _EVENTS.c.kind != UNDONE)
        .group_by(_EVENTS.c.kind)
    )
    return Insights(
        sum(model.lists for model in models),
        int(impressions),
        int(tracks),
        _artists(connection, start, int(impressions), most_artists),
        {str(kind): int(count) for kind, count in kinds},
        models,
    )


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share; 0 to 1 for a count of 0.

    Source of the formula: E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22 (1927), 209-212.
    """
    if not count:
        return 0.0, 1.0
    share = successes / count
    scale = 1 + _Z**2 / count
    centre = (share + _Z**2 / (2 * count)) / scale
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def _recent(columns: Sequence[ColumnElement[Any]], start: str) -> Select[Any]:
    shown = select(*columns).select_from(_SHOWN.join(_LISTS))
    return shown.where(_LISTS.c.shown_at >= start)


def _artists(connection: Connection, start: str, impressions: int, most: int) -> list[ArtistShare]:
    counted = func.count().label("places")
    top = (
        _recent([_SHOWN.c.track_id, counted], start)
        .group_by(_SHOWN.c.track_id)
        .order_by(counted.desc(), _SHOWN.c.track_id)
        .limit(_MOST_TRACKS)
        .subquery()
    )
    rows = connection.execute(
        select(_TRACKS.c.artists, top.c.places).join(top, top.c.track_id == _TRACKS.c.track_id)
    )
    places: Counter[str] = Counter()
    for artists, count in rows:
        places.update(dict.fromkeys(artists, int(count)))
    ordered = sorted(places.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [ArtistShare(name, count / impressions) for name, count in ordered]


def _models(connection: Connection, start: str) -> list[ModelOutcome]:
    given = connection.execute(
        select(_LISTS.c.model_version, func.count())
        .where(_LISTS.c.shown_at >= start)
        .group_by(_LISTS.c.model_version)
    )
    approved = connection.execute(
        select(_LISTS.c.model_version, func.count(distinct(_LISTS.c.recommendation_id)))
        .join(_EVENTS, _EVENTS.c.recommendation_id == _LISTS.c.recommendation_id)
        .where(_LISTS.c.shown_at >= start, _EVENTS.c.kind.in_(APPROVAL))
        .group_by(_LISTS.c.model_version)
    )
    liked = {str(model): int(count) for model, count in approved}
    outcomes = [
        ModelOutcome(
            str(model), int(count), liked.get(model, 0), *wilson(liked.get(model, 0), int(count))
        )
        for model, count in given
    ]
    return sorted(outcomes, key=lambda outcome: (-outcome.lists, outcome.model))


@dataclass(frozen=True)
class Approval:
    """Count the approval of one model's lists in one hour or day.

    Attributes:
        begin: Start of the hour or day, ISO 8601 in UTC.
        model: The model's version.
        lists: How many lists it gave then.
        approved: In how many of these a track was liked, saved or put on a playlist since.
    """

    begin: str
    model: str
    lists: int
    approved: int


@dataclass(frozen=True)
class Trend:
    """Approval and feedback by hour or day.

    Attributes:
        unit: "hour" or "day".
        approval: By time and model, in order of time.
        events: Start of the hour or day, kind of feedback, count; in order of time.
    """

    unit: str
    approval: Sequence[Approval]
    events: Sequence[tuple[str, str, int]]


def trend_since(connection: Connection, since: datetime, unit: str) -> Trend:
    """Count approval by model, and feedback by kind, for each hour or day since a time.

    Args:
        connection: Reads.
        since: Start of the period.
        unit: "hour" or "day".
    """
    start = stamp(since)
    # Times are text: the first characters name the hour, or the day.
    length, rest = {"hour": (13, ":00:00+00:00"), "day": (10, "T00:00:00+00:00")}[unit]
    begin = func.substr(_LISTS.c.shown_at, 1, length)
    given = _counted(connection, begin, start, approved=False)
    liked = _counted(connection, begin, start, approved=True)
    received = func.substr(_EVENTS.c.received_at, 1, length)
    kinds = connection.execute(
        select(received, _EVENTS.c.kind, func.count())
        .where(_EVENTS.c.received_at >= start, _EVENTS.c.kind != UNDONE)
        .group_by(received, _EVENTS.c.kind)
        .order_by(received, _EVENTS.c.kind)
    )
    return Trend(
        unit,
        [
            Approval(f"{moment}{rest}", model, count, liked.get((moment, model), 0))
            for (moment, model), count in sorted(given.items())
        ],
        [(f"{moment}{rest}", str(kind), int(count)) for moment, kind, count in kinds],
    )


def _counted(
    connection: Connection, begin: ColumnElement[Any], start: str, *, approved: bool
) -> dict[tuple[str, str], int]:
    """Count lists by time and model; only the approved ones, if wanted."""
    query = select(begin, _LISTS.c.model_version, func.count(distinct(_LISTS.c.recommendation_id)))
    if approved:
        same = _EVENTS.c.recommendation_id == _LISTS.c.recommendation_id
        query = query.join(_EVENTS, same).where(_EVENTS.c.kind.in_(APPROVAL))
    grouped = query.where(_LISTS.c.shown_at >= start).group_by(begin, _LISTS.c.model_version)
    return {(str(at), str(model)): int(n) for at, model, n in connection.execute(grouped)}
