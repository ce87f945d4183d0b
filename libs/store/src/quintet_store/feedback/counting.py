"""Count the stored feedback."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, distinct, func, select

from quintet_store.feedback.names import UNDONE
from quintet_store.tables import FeedbackEvent, Impression, Recommendation, table_of

_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)


@dataclass(frozen=True)
class FeedbackCounts:
    """Count the stored feedback.

    Attributes:
        events: By kind.
        recommendations: Lists recorded.
        impressions: Tracks shown in them.
        listeners: Different listeners with a list or an event.
        oldest: Time of the oldest list or event; empty without any.
    """

    events: Mapping[str, int]
    recommendations: int
    impressions: int
    listeners: int
    oldest: str


def feedback_counts(connection: Connection) -> FeedbackCounts:
    """Count the stored feedback, its listeners and its age."""
    kinds = select(_EVENTS.c.kind, func.count()).where(_EVENTS.c.kind != UNDONE)
    kinds = kinds.group_by(_EVENTS.c.kind).order_by(_EVENTS.c.kind)
    both = select(_LISTS.c.listener).union(select(_EVENTS.c.listener)).subquery()
    people = select(func.count(distinct(both.c.listener))).where(both.c.listener != "")
    first = [
        connection.execute(select(func.min(column))).scalar()
        for column in (_LISTS.c.shown_at, _EVENTS.c.received_at)
    ]
    return FeedbackCounts(
        {str(kind): int(count) for kind, count in connection.execute(kinds)},
        _count(connection, _LISTS),
        _count(connection, _SHOWN),
        int(connection.execute(people).scalar_one()),
        min((str(moment) for moment in first if moment), default=""),
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
