"""From a file's rows to tracks: cleaned, checked against ranges, refused with reasons."""

import ast
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import polars as pl
from quintet_contract.attributes import ATTRIBUTES, RANGES, WHOLE
from quintet_contract.limits import MAX_TEXT, MAX_TRACK_ID

from quintet_training.datasets.columns import holds_many
from quintet_training.datasets.reading import LINE, Refused

_TEXT: Final = ("track_id", "title", "artists", "album", "isrc", "genres", "provenance", "licence")
_REQUIRED_TEXT: Final = ("track_id", "title", "artists")
_FILL: Final = {"popularity": 0.0, "time_signature": 4.0}
_PITCHES: Final = {
    name: str(pitch)
    for pitch, names in enumerate(
        ("c", "c# db", "d", "d# eb", "e", "f", "f# gb", "g", "g# ab", "a", "a# bb", "b")
    )
    for name in names.split()
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "key": _PITCHES,
    "mode": {"minor": "0", "major": "1"},
    "time_signature": {f"{beats}/4": str(beats) for beats in range(12)},
}
_TRUE: Final = ("true", "1", "1.0", "yes", "y", "t", "explicit")
_FALSE: Final = ("false", "0", "0.0", "no", "n", "f", "clean", "not explicit", "")
_PARTING: Final = "\x1f"


def check_tracks(
    rows: pl.DataFrame, mapping: Mapping[str, str], provenance: str, licence: str
) -> tuple[pl.DataFrame, list[Refused]]:
    """Return tracks and rejected rows.

    Args:
        rows: Columns of the file and `LINE`.
        mapping: Field to column.
        provenance: Where the tracks come from, for rows that do not say.
        licence: Their licence, likewise.

    Returns:
        A frame with `LINE`, every text field (unknown is empty), `artists` and `genres` as
        lists of strings, `explicit` as boolean and the attributes as Float64; then the rest.
    """
    given = {"provenance": provenance, "licence": licence}
    frame = rows.select(
        pl.col(LINE),
        *(_text(rows, mapping, name, given.get(name, "")) for name in _TEXT),
        *(_url(rows, mapping, name) for name in ("cover_url", "preview_url")),
        _release_date(rows, mapping),
        *_explicit(rows, mapping),
        *(_number(rows, mapping, name) for name in ATTRIBUTES),
    )
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
    return frame.with_columns(*listed).drop("explicit_valid"), refused


def _text(rows: pl.DataFrame, mapping: Mapping[str, str], name: str, default: str) -> pl.Expr:
    column = mapping.get(name)
    if column is None:
        return pl.lit(default).alias(name)
    if name in ("artists", "genres"):
        return _names(rows, column).alias(name)
    text = pl.col(column).cast(pl.String).str.strip_chars()
    if name == "track_id":
        text = text.str.replace(r"^(?:spotify:track:|https://open\.spotify\.com/track/)", "")
    text = text.fill_null("")
    return pl.when(text == "").then(pl.lit(default)).otherwise(text).alias(name)


def _names(rows: pl.DataFrame, column: str) -> pl.Expr:
    """Return names joined by a separator no name holds: lists, their text form, or `;`."""
    if isinstance(rows.schema[column], pl.List):
        cells = pl.col(column).cast(pl.List(pl.String)).list.eval(pl.element().fill_null(""))
        return cells.list.eval(pl.element().str.strip_chars()).list.join(_PARTING).fill_null("")
    text = pl.col(column).cast(pl.String).str.strip_chars().fill_null("")
    is_list = text.str.starts_with("[") & text.str.ends_with("]")
    split = text
    if holds_many(column):
        # A name that is all separators becomes empty, and is refused as such.
        split = text.str.replace_all(r"\s*;\s*", _PARTING).str.strip_chars(_PARTING)
    listed = text.map_elements(_literal, return_dtype=pl.String, skip_nulls=False)
    if not rows.select(is_list.any()).item():
        return split
    return pl.when(is_list).then(listed).otherwise(split)


def _literal(text: str) -> str:
    """Return the strings of a list written in Python or JSON, joined; other text as it is."""
    if not (text.startswith("[") and text.endswith("]")) or len(text) > 10 * MAX_TEXT:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return text
    return _PARTING.join(name.strip() for name in value)


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


def _number(rows: pl.DataFrame, mapping: Mapping[str, str], name: str) -> pl.Expr:
    column = mapping.get(name)
    if column is None:
        return pl.lit(_FILL[name], dtype=pl.Float64).alias(name)
    cell = pl.col(column)
    if rows.schema[column] == pl.String:
        text = cell.str.strip_chars()
        empty = text.is_null() | (text == "")
        words = _WORDS.get(name)
        if words:
            lower = text.str.to_lowercase()
            text = lower.replace_strict(
                list(words), list(words.values()), default=lower, return_dtype=pl.String
            )
        value = text.cast(pl.Float64, strict=False)
    else:
        empty = cell.is_null()
        value = cell.cast(pl.Float64, strict=False)
    if name in _FILL:
        value = pl.when(empty).then(_FILL[name]).otherwise(value)
    # SQLite forgets the sign of a negative zero and PostgreSQL keeps it: nobody needs it.
    return pl.when(value == 0).then(0.0).otherwise(value).alias(name)


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
        columns[name] = pa.Column(pl.Float64, checks, nullable=False)
    columns["explicit_valid"] = pa.Column(pl.Boolean, pa.Check.eq(True, error="explicit"))
    return pa.DataFrameSchema(columns, strict=False)


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
        column = mapping.get(field if field != "explicit_valid" else "explicit")
        value = rows.item(index, column) if column is not None else None
        reason = _reason(str(field), str(check), value, frame.item(index, field))
        if reason and reason not in (kept := reasons.setdefault(lines[index], [])):
            kept.append(reason)
    return reasons


def _reason(field: str, check: str, value: object, cleaned: object) -> str:
    shown = str(value)[:40]
    if check == "explicit":
        return f"explicit: {shown!r} is neither true nor false"
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


def _refused(rows: pl.DataFrame, failures: Mapping[int, Sequence[str]]) -> list[Refused]:
    bad = rows.filter(pl.col(LINE).is_in(list(failures)))
    return [
        Refused(line, "; ".join(failures[line]), json.dumps(row, ensure_ascii=False, default=str))
        for row in bad.iter_rows(named=True)
        for line in (row.pop(LINE),)
    ]
