"""Audio features of tracks, by who measured them, and which value counts."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from quintet_contract.attributes import MEASURED, RANGES, WHOLE
from sqlalchemy import Connection, case, collate, delete, func, select

from quintet_store.bulk import Rows, parts, write_rows
from quintet_store.state import catalogue_changed
from quintet_store.tables import TrackFeatures, table_of

_FEATURES: Final = table_of(TrackFeatures)
PROVENANCE_ORDER: Final = (
    "import",
    "spotify-export",
    "reccobeats",
    "beets",
    "tags",
    "calibrated",
    "analysis",
)
"""Kinds of provenance, the one whose values count first. Published features come first, because
most of a catalogue has them and values of one instrument compare best with each other; then what
a listener's own library says; then what was computed here. Of one kind the newest row counts."""
MAX_PROVENANCE: Final = 207
"""Characters of a provenance: `import:` and 200; PostgreSQL indexes no longer text."""


class FeatureInvalid(ValueError):
    """Report a feature or provenance outside of what is allowed, by name and range."""


@dataclass(frozen=True)
class ChosenFeature:
    """The value of an attribute that counts for a track, and who measured it."""

    value: float
    provenance: str


def provenance_rank(provenance: str) -> int:
    """Rank a provenance by its kind, 0 for the first of `PROVENANCE_ORDER`.

    Raises:
        FeatureInvalid: Its kind is unknown, or it is too long.
    """
    kind = provenance.partition(":")[0]
    if kind not in PROVENANCE_ORDER or len(provenance) > MAX_PROVENANCE:
        raise FeatureInvalid(
            f"provenance {provenance!r:.80}: expected one of {', '.join(PROVENANCE_ORDER)}, alone "
            f"or as KIND:NAME, at most {MAX_PROVENANCE} characters"
        )
    return PROVENANCE_ORDER.index(kind)


def import_provenance(source: str) -> str:
    """Name the provenance of features that a file of tracks gave."""
    return f"import:{source}"[:MAX_PROVENANCE]


def check_features(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Check features of one track; NaN becomes None.

    Raises:
        FeatureInvalid: An attribute is unknown, out of its range, or should be whole.
    """
    checked: dict[str, float | None] = {}
    for name, value in values.items():
        if name not in MEASURED:
            raise FeatureInvalid(f"{name} is not an audio feature; those are {', '.join(MEASURED)}")
        if value is None or math.isnan(value):
            checked[name] = None
            continue
        low, high = RANGES[name]
        if not low <= value <= high:
            raise FeatureInvalid(f"{name}: {value:g} is outside {low:g} to {high:g}")
        if name in WHOLE and value != int(value):
            raise FeatureInvalid(f"{name}: {value:g} is not a whole number")
        # SQLite forgets the sign of a negative zero and PostgreSQL keeps it.
        checked[name] = float(value) + 0.0
    return checked


def put_features(
    connection: Connection,
    provenance: str,
    rows: Iterable[tuple[str, Mapping[str, float | None]]],
    now: str = "",
) -> None:
    """Store what one provenance says of tracks.

    An attribute that is not given, or None, keeps what the same provenance said before. So an
    analysis may write in steps; `delete_features` forgets.

    Args:
        connection: In a transaction.
        provenance: A kind of `PROVENANCE_ORDER`, alone or as `KIND:NAME`.
        rows: (track id, features), each track once; the tracks must exist.
        now: ISO 8601 in UTC; empty for the clock.

    Raises:
        FeatureInvalid: A value or the provenance is not allowed; nothing was written.
    """
    provenance_rank(provenance)
    now = now or datetime.now(UTC).isoformat(timespec="milliseconds")
    unknown = dict.fromkeys(MEASURED)
    values = [
        {
            **{"track_id": track_id, "provenance": provenance, "import_id": None},
            **{"updated_at": now, **unknown, **check_features(features)},
        }
        for track_id, features in rows
    ]
    if values:
        write_features(connection, values)
        catalogue_changed(connection)


def write_features(connection: Connection, rows: Rows) -> None:
    """Insert or update rows of `track_features`, (track_id, provenance) unique within them.

    Known values are never replaced by unknown ones. Within one import the first value wins, so that
    the order of a file decides; otherwise the new one.
    """
    write_rows(connection, _FEATURES, rows, _merge)


def _merge(statement: Any) -> Any:
    new = statement.excluded
    same = _FEATURES.c.import_id == new.import_id
    changes: dict[str, Any] = {
        name: case(
            (same, func.coalesce(_FEATURES.c[name], new[name])),
            else_=func.coalesce(new[name], _FEATURES.c[name]),
        )
        for name in MEASURED
    }
    changes |= {name: new[name] for name in ("import_id", "updated_at")}
    return statement.on_conflict_do_update(index_elements=["track_id", "provenance"], set_=changes)


def delete_features(
    connection: Connection, provenance: str, track_ids: Iterable[str] | None = None
) -> int:
    """Delete what one provenance says, of all tracks or of some; give the number of rows."""
    statement = delete(_FEATURES).where(_FEATURES.c.provenance == provenance)
    deleted = 0
    if track_ids is None:
        deleted = connection.execute(statement).rowcount
    else:
        for part in parts(track_ids):
            deleted += connection.execute(statement.where(_FEATURES.c.track_id.in_(part))).rowcount
    catalogue_changed(connection)
    return deleted


def features_of(
    connection: Connection, track_ids: Iterable[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Read everything known of tracks: track id → provenance → attribute → value.

    Provenances are in the order in which they count; unknown values and tracks are left out.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    columns = [_FEATURES.c[name] for name in ("track_id", "provenance", "updated_at", *MEASURED)]
    for part in parts(track_ids):
        query = select(*columns).where(_FEATURES.c.track_id.in_(part))
        for row in sorted(
            connection.execute(query), key=lambda row: counting_order(row[1], row[2])
        ):
            known = {n: float(v) for n, v in zip(MEASURED, row[3:], strict=True) if v is not None}
            found.setdefault(str(row[0]), {})[str(row[1])] = known
    return found


def chosen_features(
    connection: Connection, track_ids: Iterable[str]
) -> dict[str, dict[str, ChosenFeature]]:
    """Choose the value that counts, attribute by attribute: track id → attribute → choice.

    Unknown attributes, and tracks without any, are left out.
    """
    chosen: dict[str, dict[str, ChosenFeature]] = {}
    for track_id, by_provenance in features_of(connection, track_ids).items():
        for provenance, values in by_provenance.items():
            for name, value in values.items():
                choices = chosen.setdefault(track_id, {})
                choices.setdefault(name, ChosenFeature(value, provenance))
    return chosen


def counting_order(provenance: str, updated_at: str) -> tuple[int, tuple[int, ...], str]:
    """Make the key that sorts rows of a track so that those that count come first."""
    kind = provenance.partition(":")[0]
    # A kind that a newer program wrote counts last. Newer times first: characters inverted.
    rank = PROVENANCE_ORDER.index(kind) if kind in PROVENANCE_ORDER else len(PROVENANCE_ORDER)
    return rank, tuple(-ord(char) for char in updated_at), provenance


def stream_features(
    connection: Connection, size: int
) -> Iterator[list[tuple[str, str, str, Sequence[float | None]]]]:
    """Read (track id, provenance, time, values as `MEASURED`) by track id, in batches."""
    columns = [_FEATURES.c[name] for name in ("track_id", "provenance", "updated_at", *MEASURED)]
    key: Any = _FEATURES.c.track_id
    # PostgreSQL sorts by its locale, SQLite by code point.
    order = collate(key, "C") if connection.dialect.name == "postgresql" else key
    result = connection.execute(select(*columns).order_by(order).execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [(str(row[0]), str(row[1]), str(row[2]), tuple(row[3:])) for row in part]


def count_features(connection: Connection) -> dict[str, int]:
    """Count the tracks for which each attribute of `MEASURED` is known, by whomever."""
    known = [func.max(case((_FEATURES.c[n].is_not(None), 1), else_=0)).label(n) for n in MEASURED]
    by_track = select(*known).group_by(_FEATURES.c.track_id).subquery()
    sums = [func.coalesce(func.sum(by_track.c[name]), 0) for name in MEASURED]
    row = connection.execute(select(*sums)).one()
    return {name: int(number) for name, number in zip(MEASURED, row, strict=True)}


def count_provenances(connection: Connection) -> dict[str, int]:
    """Count the tracks that each provenance says something of."""
    query = (
        select(_FEATURES.c.provenance, func.count())
        .group_by(_FEATURES.c.provenance)
        .order_by(_FEATURES.c.provenance)
    )
    return {str(name): int(number) for name, number in connection.execute(query)}
