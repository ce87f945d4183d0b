"""From a file's rows to tracks: cleaned, checked against ranges, refused with reasons."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

import polars as pl
from quintet_contract.attributes import ATTRIBUTES, NULLABLE, RANGES, WHOLE
from quintet_contract.limits import MAX_TEXT, MAX_TRACK_ID
from quintet_text.credits import split_credit
from quintet_text.lists import is_empty_list, single_name, split_list
from quintet_text.normal_form import normalise
from quintet_text.track_ids import ID_RULE, is_address, is_valid_id, track_id_of

from quintet_training.datasets.columns import IDS, holds_many
from quintet_training.datasets.tables import LINE, Refused
from quintet_training.datasets.units import LEAST_MS, Scale, value_of

_TEXT: Final = ("track_id", "title", "artists", "album", *IDS, "genres", "provenance", "licence")
_NAMES: Final = ("title", "album")
_REQUIRED_TEXT: Final = ("track_id", "title", "artists")
# Spreadsheets write truth values in their own language: German, French, Spanish, Italian, Korean.
_TRUE: Final = (
    *("true", "1", "1.0", "yes", "y", "t", "explicit"),
    *("wahr", "ja", "vrai", "oui", "verdadero", "verdadeiro", "sí", "si", "vero", "참"),
)
_FALSE: Final = (
    *("false", "0", "0.0", "no", "n", "f", "clean", "not explicit", ""),
    *("falsch", "nein", "faux", "non", "falso", "거짓", "nan", "none", "null"),
)
# No name holds ASCII's "unit separator", so that lists travel through text checks as one text.
_PARTING: Final = "\x1f"
_SEPARATORS: Final[Mapping[str, str]] = {"artists": ";", "genres": ";|,"}
"""A comma may be part of an artist's name ("Tyler, The Creator"), hardly ever of a genre's."""
# Nearly all ids: the rest is judged by `is_valid_id`, text by text.
_PLAIN_ID: Final = r"^[0-9A-Za-z](?:[0-9A-Za-z_.~-]*[0-9A-Za-z_~-])?$"


def check_tracks(
    rows: pl.DataFrame,
    mapping: Mapping[str, str],
    provenance: str,
    licence: str,
    scales: Mapping[str, Scale] | None = None,
) -> tuple[pl.DataFrame, list[Refused]]:
    """Return tracks and rejected rows.

    Args:
        rows: Columns of the file and `LINE`.
        mapping: Field to column.
        provenance: Where the tracks come from, for rows that do not say.
        licence: Their licence, likewise.
        scales: Field to the unit of its column, where that is not the catalogue's.

    Returns:
        A frame with `LINE`, every text field (unknown is empty), `artists` and `genres` as
        lists of strings, `explicit` as boolean and the attributes as Float64, null where the file
        has no value of one of `NULLABLE`; then the rest.
    """
    given = {"provenance": provenance, "licence": licence}
    frame = rows.select(
        pl.col(LINE),
        *(_text(rows, mapping, name, given.get(name, "")) for name in _TEXT),
        *(_url(rows, mapping, name) for name in ("cover_url", "preview_url")),
        _release_date(rows, mapping),
        *_explicit(rows, mapping),
        *(_number(rows, mapping, name, (scales or {}).get(name, Scale())) for name in ATTRIBUTES),
    )
    frame = _with_ids(frame)
    frame = frame.with_columns(_valid_ids(frame))
    failures = _failures(frame, rows, mapping)
    if failures:
        refused = _refused(rows, failures)
        frame = frame.filter(~pl.col(LINE).is_in(list(failures)))
    else:
        refused = []
    listed = [
        pl.col(name).str.split(_PARTING).list.filter(pl.element() != "").alias(name)
        for name in ("artists", "genres")
    ]
    return frame.with_columns(*listed).drop("explicit_valid", "track_id_valid"), refused


def _text(rows: pl.DataFrame, mapping: Mapping[str, str], name: str, default: str) -> pl.Expr:
    column = mapping.get(name)
    if column is None:
        return pl.lit(default).alias(name)
    if name in _SEPARATORS:
        return _names(rows, column, name).alias(name)
    text = pl.col(column).cast(pl.String).str.strip_chars()
    if name == "track_id":
        # Few cells are addresses: only those pay for a call of Python.
        address = text.str.contains("(?i)spotify")
        named = text.map_elements(track_id_of, return_dtype=pl.String)
        text = pl.when(address).then(named).otherwise(text) if _any(rows, address) else text
    if name in _NAMES:
        # Likewise: whole objects of a web API in cells.
        an_object = text.str.starts_with("{")
        single = text.map_elements(single_name, return_dtype=pl.String)
        text = pl.when(an_object).then(single).otherwise(text) if _any(rows, an_object) else text
    text = text.fill_null("")
    return pl.when(text == "").then(pl.lit(default)).otherwise(text).alias(name)


def _with_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Make the ids of rows without one, from title, artists and album.

    Rows of one name then are one track, in whatever file they are.
    """
    named = (pl.col("track_id") == "") & (pl.col("title") != "") & (pl.col("artists") != "")
    if not frame.select(named.any()).item():
        return frame
    names = pl.concat_str("artists", "title", "album", separator=_PARTING)
    made = names.map_elements(_id_of_names, return_dtype=pl.String)
    return frame.with_columns(pl.when(named).then(made).otherwise("track_id").alias("track_id"))


def _id_of_names(names: str) -> str:
    *artists, title, album = map(normalise, names.split(_PARTING))
    text = _PARTING.join((" ".join(artists), title, album))
    return f"name-{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def _any(rows: pl.DataFrame, condition: pl.Expr) -> bool:
    return bool(rows.select(condition.fill_null(value=False).any()).item())


def _valid_ids(frame: pl.DataFrame) -> pl.Series:
    """Separate ids that can be named everywhere, in URLs, lists and files, from others."""
    ids = frame.get_column("track_id")
    plain = ids.str.contains(_PLAIN_ID)
    odd = ids.filter(~plain).unique()
    # Empty and long ones have their own reasons.
    bad = [text for text in odd if text and len(text) <= MAX_TRACK_ID and not _is_id(text)]
    return (~ids.is_in(bad)).alias("track_id_valid")


def _is_id(text: str) -> bool:
    # What is an address still names an artist, an album or a playlist.
    return is_valid_id(text) and not is_address(text)


def _names(rows: pl.DataFrame, column: str, field: str) -> pl.Expr:
    """Join names by a separator that no name holds: of lists, their text form, or separated."""
    if isinstance(rows.schema[column], pl.List):
        cells = pl.col(column).cast(pl.List(pl.String)).list.eval(pl.element().fill_null(""))
        return cells.list.eval(pl.element().str.strip_chars()).list.join(_PARTING).fill_null("")
    text = pl.col(column).cast(pl.String).fill_null("")
    separators = _SEPARATORS[field] if field == "genres" or holds_many(column) else ""
    # A few thousand different cells occur a million times.
    texts = rows.select(text.alias("cell").unique()).get_column("cell").to_list()
    joined = [_PARTING.join(_split(each, separators, field)) for each in texts]
    return text.replace_strict(texts, joined, return_dtype=pl.String)


@lru_cache(maxsize=100_000)
def _split(cell: str, separators: str, field: str) -> list[str]:
    if separators and "\\," in cell:
        return split_credit(cell)  # Exportify's way to write a comma of a name
    return split_list(cell, separators, placeholders=field == "genres")


def _url(rows: pl.DataFrame, mapping: Mapping[str, str], name: str) -> pl.Expr:
    """Return https addresses; anything else is left empty, for pages would follow it."""
    text = _text(rows, mapping, name, "")
    fits = text.str.contains(r"^https://[^\s\x00]+$") & (text.str.len_chars() <= 2048)
    return pl.when(fits).then(text).otherwise(pl.lit("")).alias(name)


def _release_date(rows: pl.DataFrame, mapping: Mapping[str, str]) -> pl.Expr:
    """Return YYYY, YYYY-MM or YYYY-MM-DD; anything else is left empty."""
    text = _text(rows, mapping, "release_date", "")
    date = text.str.extract(
        r"^([12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?)(?:\.0|[T ].*)?$"
    )
    return date.fill_null("").alias("release_date")


def _explicit(rows: pl.DataFrame, mapping: Mapping[str, str]) -> list[pl.Expr]:
    text = _text(rows, mapping, "explicit", "").str.to_lowercase()
    return [
        text.is_in(_TRUE).alias("explicit"),
        text.is_in((*_TRUE, *_FALSE)).alias("explicit_valid"),
    ]


def _number(rows: pl.DataFrame, mapping: Mapping[str, str], name: str, scale: Scale) -> pl.Expr:
    column = mapping.get(name)
    if column is None:
        return pl.lit(None, dtype=pl.Float64).alias(name)
    cells = rows.get_column(column)
    if cells.dtype == pl.String:
        values = _parsed(cells.str.strip_chars().fill_null(""), name, scale)
    else:
        values = cells.cast(pl.Float64, strict=False).fill_nan(None) * scale.factor
    if name == "mode" and column == mapping.get("key"):
        # A key without its mode, such as "8" among "8A", leaves the mode unknown.
        values = values.fill_nan(None)
    value = pl.lit(values)
    # SQLite forgets the sign of a negative zero and PostgreSQL keeps it: nobody needs it.
    return pl.when(value == 0).then(0.0).otherwise(value).alias(name)


def _parsed(cells: pl.Series, name: str, scale: Scale) -> pl.Series:
    """Read texts as numbers: plain ones at once, each other text by the rules of `units`."""
    values = cells.cast(pl.Float64, strict=False).fill_nan(None) * scale.factor
    odd = (values.is_null() | _is_short(values, name)) & (cells != "")
    if not odd.any():
        return values
    texts = cells.filter(odd).unique().to_list()
    # Placeholders such as "nan" and "none" are no value. A text that names no number becomes NaN,
    # which the checks reject.
    read = [None if is_empty_list(text) else _value(text, name, scale) for text in texts]
    found = cells.replace_strict(texts, read, default=None, return_dtype=pl.Float64)
    return pl.select(pl.when(pl.lit(odd)).then(pl.lit(found)).otherwise(pl.lit(values))).to_series()


def _value(text: str, name: str, scale: Scale) -> float:
    value = value_of(text, name, scale)
    return math.nan if value is None else value


def _is_short(values: pl.Series, name: str) -> pl.Series:
    if name != "duration_ms":
        return pl.Series([False]).new_from_index(0, len(values))
    return (values > 0) & (values < LEAST_MS)


@cache
def _schema() -> Any:
    # Loaded on use: pandera takes seconds, which only an import should pay.
    import pandera.polars as pa

    no_nul = pa.Check(_without_nul, error="nul")
    columns = {
        name: pa.Column(
            pl.String,
            [
                pa.Check.str_length(
                    1 if name in _REQUIRED_TEXT else 0,
                    MAX_TRACK_ID if name == "track_id" else MAX_TEXT,
                    error="length",
                ),
                no_nul,
            ],
        )
        for name in _TEXT
    }
    for name, (low, high) in RANGES.items():
        checks = [pa.Check.in_range(low, high, error="range")]
        if name in WHOLE:
            checks.append(pa.Check(_whole, error="whole"))
        if name in _LEAST:
            checks.append(pa.Check(_in_unit, error="unit"))
        columns[name] = pa.Column(pl.Float64, checks, nullable=name in NULLABLE)
    columns["explicit_valid"] = pa.Column(pl.Boolean, pa.Check.eq(True, error="explicit"))
    columns["track_id_valid"] = pa.Column(pl.Boolean, pa.Check.eq(True, error="id"))
    return pa.DataFrameSchema(columns, strict=False)


# Smallest value above zero that can be meant: below it the cell is in another unit.
_LEAST: Final[Mapping[str, float]] = {"duration_ms": LEAST_MS, "popularity": 1.0}


def _in_unit(data: Any) -> pl.LazyFrame:
    value = pl.col(data.key)
    return data.lazyframe.select((value <= 0) | (value >= _LEAST[data.key]) | ~value.is_finite())  # type: ignore[no-any-return]


def _whole(data: Any) -> pl.LazyFrame:
    value = pl.col(data.key)
    return data.lazyframe.select((value == value.floor()) | ~value.is_finite())  # type: ignore[no-any-return]


def _without_nul(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(~pl.col(data.key).str.contains("\0", literal=True))  # type: ignore[no-any-return]


def _failures(
    frame: pl.DataFrame, rows: pl.DataFrame, mapping: Mapping[str, str]
) -> dict[int, list[str]]:
    """Return line to reasons, for rows that break the schema."""
    import pandera.errors

    try:
        _schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        cases = broken.failure_cases.select("index", "column", "check").unique(maintain_order=True)
    else:
        return {}
    lines = frame.get_column(LINE)
    reasons: dict[int, list[str]] = {}
    for index, field, check in cases.iter_rows():
        column = mapping.get(str(field).removesuffix("_valid"))
        value = rows.item(index, column) if column is not None else None
        reason = _reason(str(field), str(check), value, frame.item(index, field))
        if reason and reason not in (kept := reasons.setdefault(lines[index], [])):
            kept.append(reason)
    return reasons


def _reason(field: str, check: str, value: object, cleaned: object) -> str:
    shown = str(value)[:40]
    if check == "explicit":
        return f"explicit: {shown!r} is neither true nor false"
    if check == "id":
        kind = "the address of something else than a track" if is_address(shown) else "not an id"
        return (
            f"track_id: {shown!r} is {kind}; ids are {ID_RULE}; read another column as the id "
            "with --map COLUMN=track_id"
        )
    if check == "unit":
        return _unit_reason(field, shown)
    if check == "nul":
        return f"{field}: holds a NUL character"
    if check == "length":
        limit = MAX_TRACK_ID if field == "track_id" else MAX_TEXT
        return f"{field}: longer than {limit} characters" if cleaned else f"{field}: empty"
    if value is None or not str(value).strip():
        return f"{field}: missing"
    if cleaned is None or cleaned != cleaned:
        return f"{field}: {shown!r} is not a number"
    if check == "whole":
        return f"{field}: {shown} is not a whole number"
    low, high = RANGES[field]
    return f"{field}: {shown} is outside {low:g} to {high:g}"


def _unit_reason(field: str, shown: str) -> str:
    if field == "duration_ms":
        return (
            f"duration_ms: {shown} is less than a second; write milliseconds, or 3:35, or name "
            "the column duration_s where it holds seconds"
        )
    return f"popularity: {shown} is between 0 and 1; popularity runs from 0 to 100"


def _refused(rows: pl.DataFrame, failures: Mapping[int, Sequence[str]]) -> list[Refused]:
    bad = rows.filter(pl.col(LINE).is_in(list(failures)))
    return [
        Refused(line, "; ".join(failures[line]), json.dumps(row, ensure_ascii=False, default=str))
        for row in bad.iter_rows(named=True)
        for line in (row.pop(LINE),)
    ]
