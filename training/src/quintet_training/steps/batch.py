"""Recommending for many lists at once, through the engine that serves."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from quintet_contract.limits import DEFAULT_HEARD_DAYS, MAX_HEARD_DAYS
from quintet_contract.options import Heard
from quintet_engine.engine import Engine
from quintet_engine.query import (
    MAX_LIMIT,
    Filters,
    Query,
    QueryInvalid,
    Seasonal,
    Seed,
    SeedKind,
    Variants,
)
from quintet_files import PRIVATE_MODE, replacing
from quintet_modelkit.publication import current_folder
from quintet_text.bounded_json import Bounds, JsonRefused, json_lines
from quintet_text.decoding import open_text

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.memories import MemoryReader, Remembered
from quintet_training.settings import TrainingSettings
from quintet_training.steps.publishing import MODELS

MAX_BATCH_SEEDS: Final = 100
"""More than the five of a request: evaluations ask with up to 25."""
_BOUNDS: Final = Bounds(depth=8, total=1024**2)
"""Of one line: 100 addresses of tracks take 10 kB."""
_FORM: Final = '{"id": ..., "seed_tracks": ["...", ...]}'


@dataclass(frozen=True)
class BatchReport:
    """What a batch did: lines written, of these with an error, and unknown seeds met."""

    lines: int
    failed: int
    unknown_seeds: int


@dataclass(frozen=True)
class BatchOptions:
    """What applies to every line; see `quintet_engine.query.Query`.

    No artist cap and no dial by default: batches are made for measuring.
    """

    limit: int = MAX_LIMIT
    max_per_artist: int = 0
    variants: Variants = Variants.EXCLUDE
    seasonal: Seasonal = Seasonal.EXCLUDE
    heard: Heard = Heard.EXCLUDE
    heard_days: int = DEFAULT_HEARD_DAYS
    discovery: float | None = None


class BatchInvalid(ValueError):
    """A batch cannot be run at all: its limit or its files are wrong."""


def batch_recommend(
    settings: TrainingSettings,
    in_path: Path,
    out_path: Path,
    options: BatchOptions | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> BatchReport:
    """Recommend for each line of a JSON-lines file, through the engine that serves.

    Each line `{"id", "seed_tracks": [...]}` gives `{"id", "tracks": [...]}` at the same place.
    A seed is a track id, or any other id of a track, such as an ISRC or a URI. Seeds the catalogue
    lacks are listed as `unknown_seeds` and the rest are used; a line without a usable seed, or that
    is not of this form, gives `"tracks": []` and an `error` that names its number. A line may name
    a `listener`, whose memory then counts as in a request.

    Args:
        settings: Where models and memories are.
        in_path: Read line by line.
        out_path: Replaced whole once all is written; a failed run leaves it as it was.
        options: What applies to every line.
        progress: Receives the bytes read and the bytes in all, after each line.

    Raises:
        BatchInvalid: The limit is out of range, a file cannot be read or written, or has no line.
        PublicationInvalid: No model is published.
    """
    options = options or BatchOptions()
    if not 1 <= options.limit <= MAX_LIMIT:
        raise BatchInvalid(f"limit must be 1 to {MAX_LIMIT}; got {options.limit}")
    if not in_path.is_file():
        raise BatchInvalid(f"{in_path} is not a file")
    if not out_path.parent.is_dir():
        raise BatchInvalid(f"{out_path.parent} is not a folder")
    if not 1 <= options.heard_days <= MAX_HEARD_DAYS:
        raise BatchInvalid(f"heard_days must be 1 to {MAX_HEARD_DAYS}; got {options.heard_days}")
    engine = Engine.load(current_folder(settings.home / MODELS))
    lines = failed = unknown = 0
    with (
        closing(MemoryReader(settings)) as memories,
        # Lists are made from listeners' playlists, so only the owner may read them.
        replacing(out_path, PRIVATE_MODE) as temporary,
        temporary.open("w", encoding="utf-8") as stream,
    ):
        for answer in _answers(engine, memories, in_path, options, progress):
            lines += 1
            failed += "error" in answer
            unknown += len(answer.get("unknown_seeds", ()))
            stream.write(json.dumps(answer, ensure_ascii=False) + "\n")
        if not lines:
            raise BatchInvalid(f"{in_path} has no line of the form {_FORM}")
    return BatchReport(lines, failed, unknown)


def _answers(
    engine: Engine,
    memories: MemoryReader,
    in_path: Path,
    options: BatchOptions,
    progress: Callable[[int, int], None] | None,
) -> Iterator[dict[str, Any]]:
    # Bytes, not lines: counting lines would read the file twice.
    total = in_path.stat().st_size
    # Bytes that are no text damage their own line only.
    with open_text(in_path, errors="surrogateescape") as stream:
        for number, asked in json_lines(stream, _BOUNDS):
            yield _answer(engine, memories, asked, number, options)
            if progress is not None:
                progress(_read(stream, total), total)


def _read(stream: IO[str], total: int) -> int:
    """Count the bytes read so far; a text in memory has been read whole."""
    buffer = getattr(stream, "buffer", None)
    return total if buffer is None else int(buffer.tell())


def _answer(
    engine: Engine, memories: MemoryReader, asked: Any, number: int, options: BatchOptions
) -> dict[str, Any]:
    """Answer one line; a line that cannot be answered gives an `error` instead of an exception."""
    try:
        seeds = asked["seed_tracks"]
        if not isinstance(seeds, list) or not all(isinstance(seed, str) for seed in seeds):
            raise TypeError
    except (KeyError, TypeError):
        why = f" ({asked})" if isinstance(asked, JsonRefused) else ""
        message = f"line {number}: not a JSON object of the form {_FORM}{why}"
        return {"id": None, "tracks": [], "line": number, "error": message}
    answer: dict[str, Any] = {"id": asked.get("id"), "tracks": []}
    find = engine.catalogue.snapshot.find
    known = [name for name in seeds if find(name) is not None]
    unknown = [seed for seed in seeds if find(seed) is None]
    if unknown:
        answer["unknown_seeds"] = unknown
    if seeds and not known:
        return {**answer, "line": number, "error": f"line {number}: no seed is in the catalogue"}
    try:
        remembered = _remembered(memories, asked.get("listener"), options)
    except DatasetInvalid as fault:
        return {**answer, "line": number, "error": f"line {number}: {fault}"}
    left_out = remembered.heard if options.heard is Heard.EXCLUDE else ()
    query = Query(
        tuple(Seed(SeedKind.TRACK, seed) for seed in known),
        limit=options.limit,
        max_per_artist=options.max_per_artist,
        variants=options.variants,
        seasonal=options.seasonal,
        reasons=False,
        discovery=options.discovery,
        known_tracks=remembered.known if options.discovery is not None else (),
        filters=Filters(
            excluded_tracks=frozenset((*remembered.disliked, *left_out)),
            excluded_artists=frozenset(remembered.banned),
        ),
        preferences=remembered.preferences,
        heard=frozenset(remembered.heard) if options.heard is Heard.LESS else frozenset(),
    )
    try:
        ranking = engine.recommend(query, max_seeds=MAX_BATCH_SEEDS)
    except QueryInvalid as fault:
        return {**answer, "line": number, "error": f"line {number}: {fault}"}
    # Heard tracks come last: without `less` none is marked.
    tracks = sorted(ranking.tracks, key=lambda track: track.heard)
    if ranking.discovery is not None:
        answer |= {"new": ranking.discovery.new, "known": ranking.discovery.known}
    return {**answer, "tracks": [track.track_id for track in tracks]}


def _remembered(memories: MemoryReader, listener: object, options: BatchOptions) -> Remembered:
    """Read the memory of a line's listener; an empty one if the line names none."""
    if listener is None:
        return Remembered()
    if not isinstance(listener, str):
        raise DatasetInvalid("listener is not text")
    return memories.read(listener, 0 if options.heard is Heard.ALLOW else options.heard_days)
