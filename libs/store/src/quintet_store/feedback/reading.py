"""Read all stored lists and events in parts, for training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from quintet_store.feedback.names import UNDONE
from quintet_store.tables import FeatureSet, FeedbackEvent, Impression, Recommendation, table_of

_SETS: Final = table_of(FeatureSet)
_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)


def feature_sets(connection: Connection) -> dict[str, list[str]]:
    """Read the feature names of each feature set, by its hash."""
    query = select(_SETS.c.feature_hash, _SETS.c.names)
    return {str(row[0]): list(row[1]) for row in connection.execute(query)}


IMPRESSION_COLUMNS: Final = (
    "recommendation_id",
    "listener",
    "shown_at",
    "model_version",
    "index_version",
    "catalogue_version",
    "feature_hash",
    "position",
    "track_id",
    "score",
    "channels",
    "features",
)


EVENT_COLUMNS: Final = tuple(column.name for column in _EVENTS.columns)


def stream_impressions(connection: Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read all impressions with the facts of their lists, as `IMPRESSION_COLUMNS`."""
    columns = [(_LISTS if name in _LISTS.c else _SHOWN).c[name] for name in IMPRESSION_COLUMNS]
    yield from _stream(connection, select(*columns).select_from(_SHOWN.join(_LISTS)), size)


def stream_events(connection: Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read all events that were not undone, as `EVENT_COLUMNS`."""
    yield from _stream(connection, select(*_EVENTS.columns).where(_EVENTS.c.kind != UNDONE), size)


def _with_events() -> Select[Any]:
    return select(_EVENTS.c.recommendation_id)


def stream_seeds(
    connection: Connection, size: int
) -> Iterator[list[tuple[str, str, Sequence[Mapping[str, Any]]]]]:
    """Read (recommendation id, time shown, seeds) of the lists with an event."""
    query = select(_LISTS.c.recommendation_id, _LISTS.c.shown_at, _LISTS.c.seeds).where(
        _LISTS.c.recommendation_id.in_(_with_events())
    )
    for part in _stream(connection, query, size):
        yield [(str(row[0]), str(row[1]), row[2]) for row in part]


def stream_positions(connection: Connection, size: int) -> Iterator[list[tuple[str, str, int]]]:
    """Read (recommendation id, track id, position) of the lists with an event."""
    query = select(_SHOWN.c.recommendation_id, _SHOWN.c.track_id, _SHOWN.c.position).where(
        _SHOWN.c.recommendation_id.in_(_with_events())
    )
    for part in _stream(connection, query, size):
        yield [(str(row[0]), str(row[1]), int(row[2])) for row in part]


def _stream(
    connection: Connection, query: Select[Any], size: int
) -> Iterator[list[tuple[Any, ...]]]:
    # A server-side cursor: without `yield_per` the driver would hold the whole table in memory.
    result = connection.execute(query.execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [tuple(row) for row in part]
