"""Matching rows of playlists by track id in bulk, whole columns at a time.

A row is matched here only if it is plain: each of its cells is one that `make_entry` would take as
it is, and its id is one of the catalogue. All other rows are left to the readers that go row by
row, so both give the same entries, and each reason for a rejection is in one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from quintet_training.datasets.catalogue_ids import CatalogueIds
from quintet_training.datasets.chunks import ORDER, Group
from quintet_training.datasets.entries import MAX_POSITION, EntryInvalid, clean_text

MATCHED: Final[dict[str, Any]] = {
    "order": pl.Int64,
    "playlist_id": pl.String,
    "playlist": pl.String,
    "kind": pl.String,
    "position": pl.Int32,
    "track_id": pl.String,
    "added_at": pl.String,
}
"""Rows whose track is known; `order` counts the rows of the file."""
LEAST_ROWS: Final = 5_000
"""For fewer rows it is not worth it to read all ids of the catalogue."""
_GROUP: Final = ("playlist_id", "playlist", "kind", "owner")
_TEXTS: Final = ("isrc", "musicbrainz_recording", "artist", "title")
_SURELY_SHORT: Final = 400
# `track_id_of` gives these as they are, and the id in these addresses.
_BARE: Final = r"^[0-9A-Za-z._~-]+$"
_ADDRESS: Final = (
    r"^(?:spotify:track:|https?://open\.spotify\.com/track/)([0-9A-Za-z]+)(?:\?[!-~]*)?$"
)
_TIME: Final = r"^[0-9A-Z:.+ -]{0,40}$"
_WHOLE: Final = r"^-?[0-9]{1,10}$"


@dataclass(frozen=True)
class Split:
    """Rows that were matched, of `MATCHED`, and whether each row of the frame is left."""

    matched: pl.DataFrame
    left: pl.Series


def split(rows: pl.DataFrame, ids: CatalogueIds, group: Group) -> Split:
    """Match the plain rows of a table whose track is in the catalogue.

    Args:
        rows: The column `order`, and cells in columns named by field.
        ids: Of the catalogue.
        group: Gives the playlist of a row, from the columns that name it.
    """
    named = rows.with_columns(
        _track_id(rows), _position(rows), _added_at(rows), _is_plain(rows).alias("__plain__")
    )
    named = _grouped(named, [name for name in _GROUP if name in rows.columns], group)
    known = ids.contain(named["__track_id__"])
    whole = pl.all_horizontal(
        pl.col("__plain__"),
        pl.col("__playlist_id__") != "",
        *(pl.col(f"__{n}__").is_not_null() for n in ("playlist", "kind", "position", "added_at")),
    )
    taken = known & named.select(whole.fill_null(value=False)).to_series()
    matched = named.filter(taken).select(
        pl.col(ORDER).cast(pl.Int64),
        *(pl.col(f"__{name}__").alias(name) for name in MATCHED if name != ORDER),
    )
    # An empty time is stored as none.
    time = pl.when(pl.col("added_at") != "").then(pl.col("added_at"))
    return Split(matched.with_columns(time.alias("added_at")).select(*MATCHED), ~taken)


def _track_id(rows: pl.DataFrame) -> pl.Expr:
    nothing = pl.lit(None, pl.String).alias("__track_id__")
    if "track_id" not in rows.columns:
        return nothing
    kind = rows.schema["track_id"]
    if kind.is_integer():
        return pl.col("track_id").cast(pl.String).alias("__track_id__")
    if kind != pl.String:
        return nothing
    text = pl.col("track_id")
    bare = pl.when(text.str.contains(_BARE)).then(text)
    return pl.coalesce(bare, text.str.extract(_ADDRESS)).alias("__track_id__")


def _position(rows: pl.DataFrame) -> pl.Expr:
    place = pl.col("position" if "position" in rows.columns else ORDER)
    kind = rows.schema.get("position", pl.Int64())
    if kind == pl.String:
        place = pl.when(place.str.contains(_WHOLE)).then(place.str.to_integer(strict=False))
    elif kind.is_float():
        whole = place.is_finite() & (place == place.floor()) & (place.abs() <= MAX_POSITION)
        place = pl.when(whole).then(place).cast(pl.Int64, strict=False)
    elif not kind.is_integer():
        return pl.lit(None, pl.Int32).alias("__position__")
    in_range = pl.when(place.is_between(-MAX_POSITION, MAX_POSITION)).then(place)
    return in_range.cast(pl.Int32).alias("__position__")


def _added_at(rows: pl.DataFrame) -> pl.Expr:
    """Give the time of plain texts, "" for none, and null where the row is not plain."""
    if "added_at" not in rows.columns or rows.schema["added_at"] == pl.Null:
        return pl.lit("").alias("__added_at__")
    text = pl.col("added_at")
    if rows.schema["added_at"] != pl.String:
        return pl.when(text.is_null()).then(pl.lit("")).alias("__added_at__")
    plain = pl.when(text.str.contains(_TIME) & (text == text.str.strip_chars())).then(text)
    return pl.coalesce(plain, pl.when(text.is_null()).then(pl.lit(""))).alias("__added_at__")


def _is_plain(rows: pl.DataFrame) -> pl.Expr:
    """Check that cells which an id makes needless would not have the row rejected."""
    checks = [pl.lit(value=True)]
    for name in _TEXTS:
        if name in rows.columns:
            text, empty = pl.col(name), pl.col(name).is_null()
            if rows.schema[name] == pl.String:
                short = text.str.len_bytes() <= _SURELY_SHORT
                empty = empty | (short & ~text.str.contains("\0", literal=True))
            checks.append(empty)
    return pl.all_horizontal(checks)


def _grouped(rows: pl.DataFrame, columns: list[str], group: Group) -> pl.DataFrame:
    """Add playlist_id, playlist and kind, cleaned as `make_entry` does; null where it rejects."""
    if any(not (rows.schema[c] == pl.String or rows.schema[c].is_integer()) for c in columns):
        nothing = [pl.lit(None, pl.String).alias(f"__{name}__") for name in _NAMED]
        return rows.with_columns(nothing)
    if not columns:
        # All rows are of one playlist.
        rows, columns = rows.with_columns(pl.lit(0).alias(_ONE)), [_ONE]
    # Few different ones, so Python's own cleaning is fast enough.
    each = rows.select(columns).unique()
    cleaned = [_cleaned(group(cells)) for cells in each.iter_rows(named=True)]
    schema = [(f"__{name}__", pl.String) for name in _NAMED]
    found = pl.DataFrame(cleaned, schema=schema, orient="row")
    wide = pl.concat([each, found], how="horizontal")
    return rows.join(wide, on=columns, how="left", nulls_equal=True, maintain_order="left")


_ONE: Final = "__one__"
_NAMED: Final = ("playlist_id", "playlist", "kind")


def _cleaned(values: Mapping[str, Any]) -> list[str | None]:
    try:
        return [clean_text(name, values.get(name)) for name in _NAMED]
    except EntryInvalid:
        return [None, None, None]
