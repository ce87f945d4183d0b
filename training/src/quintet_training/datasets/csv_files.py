"""Reading CSV as spreadsheets and exporters write it: separators, quotes, encodings, line ends."""

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import polars as pl
from quintet_text.decoding import NotText, open_text

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.tables import BATCH_ROWS, LINE, Batch, Refused, TableFile

# No honest row is longer; a quote that never closes would otherwise swallow the file.
_MAX_CELL: Final = 131_072
_HEAD_CHARACTERS: Final = 65_536
_SEPARATORS: Final = ",;\t|"
# Excel reads, and writes on demand, a first line that names the separator.
_SEPARATOR_LINE: Final = re.compile(r'\s*"?sep=(?P<sign>.|\\t)"?\s*', re.IGNORECASE)
# MySQL and some exporters write a quote inside a quoted cell as \" instead of "".
_ESCAPED_QUOTE: Final = re.compile(r'[^",;\t|\\\r\n]\\"[^,;\t|\r\n]')


@dataclass(frozen=True)
class Dialect:
    """How the cells of one file are separated.

    Attributes:
        separator: The sign between two cells.
        escape: The sign before a quote inside of quotes; None where quotes are doubled.
        skipped: Lines before the header.
    """

    separator: str
    escape: str | None
    skipped: int

    def reader(self, lines: Iterator[str]) -> Any:
        """Read records; blanks before a cell do not count, so that a quote after one opens it."""
        return csv.reader(
            lines, delimiter=self.separator, escapechar=self.escape, skipinitialspace=True
        )


def open_csv(path: Path, encoding: str = "", header: Sequence[str] = ()) -> TableFile:
    """Open a CSV file.

    Args:
        path: The file.
        encoding: What the user named; empty for what the file says, else UTF-8.
        header: Names of the columns of a file without a header; else the first line has them.

    Raises:
        DatasetInvalid: It is not text in this encoding, or cannot be read.
    """
    with _text(path, encoding) as stream:
        start = stream.read(_HEAD_CHARACTERS)
    dialect = _dialect_of(start)
    with _text(path, encoding) as stream:
        records = _Records(stream, dialect)
        first = next((cells for _, cells, _ in records if cells), None) or []
    columns = _distinct(header or first)
    skip = not header
    return TableFile(
        path, columns, lambda wanted: _batches(path, encoding, dialect, columns, wanted, skip)
    )


def _dialect_of(start: str) -> Dialect:
    lines = start.splitlines()
    place = next((number for number, line in enumerate(lines) if line.strip()), 0)
    first = lines[place] if lines else ""
    # Doubled quotes leave no doubt, so that a backslash is then only a character.
    escape = "\\" if _ESCAPED_QUOTE.search(start) and not re.search(r'\w""\w', start) else None
    if (named := _SEPARATOR_LINE.fullmatch(first)) is not None:
        sign = named["sign"].replace("\\t", "\t")
        return Dialect(sign, escape, place + 1)

    def width(separator: str) -> int:
        # The header decides: names of columns hold separators only inside of quotes.
        try:
            return len(next(Dialect(separator, escape, 0).reader(iter([first])), []))
        except csv.Error:
            return 0

    return Dialect(max(_SEPARATORS, key=width), escape, 0)


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[IO[str]]:
    try:
        with open_text(path, encoding, newline="") as stream:
            yield stream
    except NotText as fault:
        raise DatasetInvalid(
            f"{path}: {fault}; name its encoding with --encoding, for example cp1252 for a "
            "spreadsheet of Western Europe"
        ) from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _distinct(header: Sequence[str]) -> list[str]:
    """Name columns apart; columns without a name at the end, as of a trailing comma, are none."""
    cells = [cell.strip() for cell in header]
    while cells and not cells[-1]:
        cells.pop()
    seen: dict[str, int] = {}
    names = []
    for name in cells:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


class _Records:
    """Records of a CSV stream as (first line, cells, raw text); cells None where unreadable.

    A record over several lines whose number of cells is wrong is most often a stray quote: its
    lines are then read one by one, so that one bad row does not take its neighbours with it.
    """

    def __init__(self, stream: IO[str], dialect: Dialect) -> None:
        self._stream = stream
        self._dialect = dialect
        self._lines: list[str] = []
        self._held = 0
        self._width: int | None = None
        self.characters = 0

    def _feed(self) -> Iterator[str]:
        for line in self._stream:
            self._lines.append(line)
            self._held += len(line)
            self.characters += len(line)
            # Eight cells of the greatest length: more is a quote that never closes.
            if self._held > 8 * _MAX_CELL:
                raise csv.Error("row too long")
            yield line

    def __iter__(self) -> Iterator[tuple[int, list[str] | None, str]]:
        csv.field_size_limit(_MAX_CELL)
        for _ in range(self._dialect.skipped):
            self._stream.readline()
        feed = self._feed()
        number = 1 + self._dialect.skipped
        reader = self._dialect.reader(feed)
        while True:
            cells: list[str] | None
            self._lines, self._held = [], 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                cells = None
                feed = self._feed()
                reader = self._dialect.reader(feed)
            self._width = self._width or (len(cells) if cells else None)
            lines = self._lines
            if len(lines) > 1 and (cells is None or len(cells) != self._width):
                yield from self._one_by_one(number, lines)
            else:
                yield number, cells, "".join(lines)
            number += len(lines)

    def _one_by_one(
        self, number: int, lines: Sequence[str]
    ) -> Iterator[tuple[int, list[str] | None, str]]:
        for offset, line in enumerate(lines):
            try:
                cells: list[str] = next(self._dialect.reader(iter([line])), [])
            except csv.Error:
                yield number + offset, None, line
            else:
                yield number + offset, cells, line


def _batches(
    path: Path,
    encoding: str,
    dialect: Dialect,
    columns: Sequence[str],
    wanted: Sequence[str],
    skip_first: bool = True,
) -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    places = [columns.index(name) for name in wanted]
    schema = {LINE: pl.Int64, **dict.fromkeys(wanted, pl.String)}
    with _text(path, encoding) as stream:
        records = _Records(stream, dialect)
        rows = ((line, cells, raw) for line, cells, raw in records if cells is None or cells)
        if skip_first:
            next(rows, None)
        while part := list(itertools.islice(rows, BATCH_ROWS)):
            good: list[list[object]] = []
            refused: list[Refused] = []
            for line, cells, raw in part:
                if cells is not None and _fits(cells, len(columns)):
                    good.append([line, *(cells[place] for place in places)])
                else:
                    refused.append(Refused(line, _ragged(cells, len(columns)), raw))
            # Characters never outnumber bytes, so the share stays below one until the end.
            share = min(records.characters / size, 1.0)
            yield Batch(pl.DataFrame(good, schema=schema, orient="row"), refused, share)


def _fits(cells: Sequence[str], width: int) -> bool:
    """Check the number of cells; empty ones beyond the last column hold nothing to lose."""
    return len(cells) >= width and not any(cell.strip() for cell in cells[width:])


def _ragged(cells: list[str] | None, width: int) -> str:
    if cells is None:
        return "row: not readable as CSV"
    return f"row: {len(cells)} cells where the header has {width}"
