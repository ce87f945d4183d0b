"""How far the sync and the analysis of a source are, counted in the database.

Counted and not reported, so that work which a person started in a terminal shows as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select

from quintet_store.sources import Source
from quintet_store.tables import QuarantinedItem, SourceItem, TrackFeatures, table_of

_ITEMS: Final = table_of(SourceItem)
_FEATURES: Final = table_of(TrackFeatures)
_QUARANTINE: Final = table_of(QuarantinedItem)


@dataclass(frozen=True)
class Progress:
    """Steps done and in all; a total of 0 means that it is not known yet."""

    done: int
    total: int


def sync_progress(connection: Connection, source: Source) -> Progress:
    """Count the items that the last sync has met, of those that the source had.

    A first sync has no total: how many files there are is known at its end.
    """
    own = (_ITEMS.c.source == source.spec.name) & (_ITEMS.c.seen_at >= source.started_at)
    done = int(connection.execute(select(func.count()).where(own)).scalar_one())
    return Progress(done, source.present if source.synced_at else 0)


def analysis_progress(
    connection: Connection, provenance: str = "analysis"
) -> Mapping[str, Progress]:
    """Count the files that were analysed, or could not be, of all present ones, by source."""
    done = exists().where(
        _FEATURES.c.track_id == _ITEMS.c.track_id, _FEATURES.c.provenance == provenance
    )
    bad = exists().where(
        _QUARANTINE.c.source == _ITEMS.c.source,
        _QUARANTINE.c.item_id == _ITEMS.c.item_id,
        _QUARANTINE.c.stage == "analysis",
    )
    files = (_ITEMS.c.present) & (_ITEMS.c.path_key != "")
    totals = _by_source(connection, files)
    ended = _by_source(connection, files & (done | bad))
    return {name: Progress(ended.get(name, 0), total) for name, total in totals.items()}


def _by_source(connection: Connection, condition: Any) -> dict[str, int]:
    query = select(_ITEMS.c.source, func.count()).where(condition).group_by(_ITEMS.c.source)
    return {str(name): int(number) for name, number in connection.execute(query)}
