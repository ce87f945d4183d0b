"""JSON files within bounds: their structure, their records one by one, and records as a table.

A file may be one document, an array, or one value per line; each reader takes all three.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import ijson
import polars as pl
from quintet_text.bounded_json import BoundedStream, Bounds, JsonRefused, json_lines
from quintet_text.decoding import HEAD, NotText, encoding_of, open_text

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.json_bounds import within
from quintet_training.datasets.tables import BATCH_ROWS, LINE, Batch, Refused, TableFile

# A slice of the Million Playlist Dataset has 35 MB; a listen of ListenBrainz takes about 1 kB.
BOUNDS: Final = Bounds(total=512 * 1024**2)
_LINE_BOUNDS: Final = Bounds(total=1024**2)
_MAX_ITEM: Final = 64 * 1024**2
"""Bytes between two items: one is held in memory, as objects of several times that."""
_HEAD_EVENTS: Final = 20_000
"""Events of the parser that show the structure: some thousand records."""
_SAMPLE: Final = 200
_MAX_COLUMNS: Final = 200
_MAX_SHOWN: Final = 1000
# Where an object of an object holds its own text: Last.fm's "#text", Spotify's "name".
_TEXTS: Final = ("#text", "name")


@dataclass(frozen=True)
class Shape:
    """The structure of a JSON file, as far as its beginning shows.

    Attributes:
        paths: Keys, joined by dots, in their order; "item" stands for the items of an array.
        lines: Whether the file holds one value per line.
        array: Whether the file is one array.
    """

    paths: Mapping[str, None]
    lines: bool
    array: bool

    def has(self, *paths: str) -> bool:
        """Check whether all these paths occur."""
        return all(path in self.paths for path in paths)

    def records(self, *keys: str) -> str | None:
        """Find the prefix of the objects that have all these keys; None if there are none."""
        for prefix in self.prefixes():
            if self.has(*(f"{prefix}.{key}" if prefix else key for key in keys)):
                return prefix
        return None

    def prefixes(self) -> list[str]:
        """List the prefixes of records: "" for lines and single objects, then those of arrays."""
        arrays = [path for path in self.paths if path == "item" or path.endswith(".item")]
        return ["", *arrays]

    def keys(self, prefix: str) -> list[str]:
        """List the keys of the objects at a prefix."""
        start = f"{prefix}." if prefix else ""
        rest = (path.removeprefix(start) for path in self.paths if path.startswith(start))
        return [key for key in rest if "." not in key]


@contextmanager
def document(path: Path) -> Iterator[IO[bytes]]:
    """Open a JSON file, and turn what its parser rejects into one line.

    Raises:
        DatasetInvalid: It is damaged, beyond its bounds, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            yield stream
    except JsonRefused as fault:
        raise DatasetInvalid(f"{path}: {fault}; such JSON is not read") from fault
    except NotText as fault:
        raise DatasetInvalid(f"{path}: {fault}; name its encoding with --encoding") from fault
    except (ijson.JSONError, UnicodeError, ValueError, OverflowError) as fault:
        if isinstance(fault, DatasetInvalid):
            raise
        raise DatasetInvalid(f"{path}: damaged JSON") from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


class _ItemStream:
    """A bounded stream that also bounds each item, which the decoder builds in memory."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = BoundedStream(stream, BOUNDS, encoding)
        self._since = 0

    def read(self, size: int = -1) -> bytes:
        """Read as `BoundedStream.read`, unless the item that is being read has become too large."""
        data = self._stream.read(size)
        self._since += len(data)
        if self._since > _MAX_ITEM:
            raise JsonRefused(f"one item of more than {_MAX_ITEM:,} bytes")
        return data

    def item_done(self) -> None:
        """Begin to count the next item."""
        self._since = 0

    def tell(self) -> int:
        """Give how many bytes of the file have been read."""
        return self._stream.tell()


def shape_of(path: Path, encoding: str = "") -> Shape:
    """Read the structure of a JSON file from its beginning.

    Raises:
        DatasetInvalid: It is beyond its bounds or not text.
    """
    paths: dict[str, None] = {}
    first, values, depth, lines = "", 0, 0, False
    with document(path) as stream:
        events = ijson.parse(_ItemStream(stream, encoding), use_float=True, multiple_values=True)
        try:
            for prefix, event, value in itertools.islice(events, _HEAD_EVENTS):
                first = first or event
                if event == "map_key":
                    paths.setdefault(f"{prefix}.{value}" if prefix else value)
                elif prefix.endswith("item"):
                    paths.setdefault(prefix)
                values += depth == 0
                depth += event.startswith("start_") - event.startswith("end_")
        except (ijson.JSONError, JsonRefused):
            # One damaged line, or a document that is damaged as a whole. Lines show which: each is
            # a value by itself.
            sample = list(_values_of_lines(path, encoding))
            keys = [key for value in sample if isinstance(value, dict) for key in value]
            # A parser of documents refuses some values that a line may be, such as long integers.
            are_values = not any(isinstance(value, JsonRefused) for value in sample)
            lines = bool(keys) or (are_values and bool(sample))
            if not lines and not paths:
                raise
            paths |= dict.fromkeys(keys)
    return Shape(paths, lines or values > 1, first == "start_array" and values == 1)


def _values_of_lines(path: Path, encoding: str) -> Iterator[Any]:
    """Decode the first lines, each a value or why it is refused."""
    with open_text(path, encoding, errors="surrogateescape") as lines:
        for _, value in itertools.islice(json_lines(lines, _LINE_BOUNDS), _SAMPLE):
            yield value


def items_at(path: Path, prefix: str, encoding: str = "") -> Iterator[tuple[Any, float]]:
    """Decode the values at a prefix one by one, each with the share of the file read, 0..1.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    if (whole := _whole(path, prefix, encoding)) is not None:
        yield from ((value, place / len(whole)) for place, value in enumerate(whole, 1))
        return
    size = max(path.stat().st_size, 1)
    with document(path) as stream:
        bounded = _ItemStream(stream, encoding)
        for value in ijson.items(bounded, prefix, use_float=True, multiple_values=True):
            bounded.item_done()
            yield value, min(bounded.tell() / size, 1.0)


def _whole(path: Path, prefix: str, encoding: str) -> list[Any] | None:
    """Decode an ordinary file at once, twenty times as fast as by a stream that checks each byte.

    Returns:
        The items of the array at a prefix; None if the file is anything but a document of moderate
        size in UTF-8 with one such array: the stream reads it, or says what is wrong.
    """
    key = prefix.removesuffix(".item")
    with document(path):
        if key == prefix or "." in key or path.stat().st_size > _MAX_ITEM:
            return None
        data = path.read_bytes()
        if not encoding_of(data[:HEAD], encoding).startswith("utf-8"):
            return None
    if data.count(f'"{key}"'.encode()) != 1 or not within(data, BOUNDS):
        return None
    try:
        found = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    items = found.get(key) if isinstance(found, dict) else None
    return items if isinstance(items, list) else None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def records_of(
    path: Path, prefix: str, lines: bool, encoding: str = ""
) -> Iterator[tuple[int, Any | JsonRefused, float]]:
    """Decode records one by one: (line or item from 1, value or why it is rejected, share).

    Args:
        path: The file.
        prefix: Where the records are; "" for lines.
        lines: Whether there is one value per line: a damaged one does not end the reading then.
        encoding: What the user named; empty for none.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    if not lines:
        values = items_at(path, prefix, encoding)
        yield from ((number, value, share) for number, (value, share) in enumerate(values, 1))
        return
    size, read = max(path.stat().st_size, 1), 0
    with document(path), open_text(path, encoding, errors="surrogateescape") as stream:
        for number, value in json_lines(stream, _LINE_BOUNDS):
            read = max(read, stream.buffer.tell()) if hasattr(stream, "buffer") else size
            yield number, value, min(read / size, 1.0)


def open_json(path: Path, encoding: str = "") -> TableFile:
    """Open the records of a JSON file as a table of texts, one row per record.

    Nested objects become separate columns ("track.name"). Of several arrays the one whose
    objects have the most keys is the table.

    Raises:
        DatasetInvalid: It holds no objects, is damaged, or is beyond its bounds.
    """
    shape = shape_of(path, encoding)
    prefix = (
        ""
        if shape.lines
        else max(shape.prefixes()[1:], key=lambda p: len(shape.keys(p)), default="")
    )
    columns: dict[str, None] = {}
    records = records_of(path, prefix, shape.lines, encoding)
    for _, value, _ in itertools.islice(records, _SAMPLE):
        columns |= dict.fromkeys(flattened(value)) if isinstance(value, dict) else {}
    if not columns:
        raise DatasetInvalid(f"{path}: the JSON holds no records, which are objects of an array")
    names = list(columns)[:_MAX_COLUMNS]
    return TableFile(
        path,
        names,
        lambda wanted: _batches(records_of(path, prefix, shape.lines, encoding), wanted),
    )


def flattened(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of an object and of the objects inside of it, by keys joined with dots.

    Lists of objects become lists of their names.
    """
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            name = next((value[text] for text in _TEXTS if isinstance(value.get(text), str)), None)
            flat |= {key: name} if name is not None else {}
            flat |= {f"{key}.{inner}": each for inner, each in flattened(value).items()}
        elif isinstance(value, list):
            flat[key] = [each.get("name") if isinstance(each, dict) else each for each in value]
        else:
            flat[key] = value
    return flat


def _batches(records: Iterable[tuple[int, Any, float]], wanted: Iterable[str]) -> Iterator[Batch]:
    names = list(wanted)
    schema = {LINE: pl.Int64, **dict.fromkeys(names, pl.String)}
    records = iter(records)
    while part := list(itertools.islice(records, BATCH_ROWS)):
        good, refused = [], []
        for number, value, _ in part:
            if isinstance(value, dict):
                flat = flattened(value)
                good.append([number, *(_cell(flat.get(name)) for name in names)])
            else:
                reason = str(value) if isinstance(value, JsonRefused) else "not a JSON object"
                refused.append(Refused(number, f"line: {reason}", text_of(value)))
        yield Batch(pl.DataFrame(good, schema=schema, orient="row"), refused, part[-1][2])


def text_of(value: object) -> str:
    """Give the text of a value that is rejected, for the quarantine."""
    return value.text if isinstance(value, JsonRefused) else str(value)[:_MAX_SHOWN]


def _cell(value: Any) -> str | None:
    """Write a value as the text that a cell of a CSV file would hold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else str(value)
