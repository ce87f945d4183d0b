"""Imports a made-up CSV of a million tracks and prints time, peak memory and file sizes.

Run: `python -m tools.bench.import_million [ROWS]`. State goes to a temporary folder; set
QUINTET_DATABASE_URL to measure PostgreSQL instead of SQLite.
"""

import csv
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_training import datasets
from quintet_training.settings import TrainingSettings


def write_rows(path: Path, rows: int) -> None:
    """Write a CSV of tracks with distinct ids, one row in fifty under an id met before."""
    random = np.random.default_rng(7)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ("track_id", "artists", "album_name", "track_name", "track_genre", *ATTRIBUTES)
        )
        for start in range(0, rows, 10_000):
            count = min(10_000, rows - start)
            columns = [random.uniform(*RANGES[name], count).round(5) for name in ATTRIBUTES]
            values = np.stack(columns, axis=1)
            for name in ("key", "mode", "time_signature"):
                place = ATTRIBUTES.index(name)
                values[:, place] = values[:, place].round()
            for offset in range(count):
                number = start + offset - (start + offset) % 50 // 49
                writer.writerow(
                    (
                        f"{number:022d}",
                        f"Artist {number % 90_000};Guest {number % 7_000}",
                        f"Album {number % 200_000}",
                        f"A song with number {number}",
                        f"genre {number % 100}",
                        *values[offset].tolist(),
                    )
                )


def main() -> None:
    """Measures one import and its publication."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.csv"
        write_rows(path, rows)
        url = os.environ.get("QUINTET_DATABASE_URL", "")
        settings = TrainingSettings(home=Path(folder) / "home", database_url=url)
        start = time.perf_counter()
        report = datasets.import_catalogue(settings, datasets.preview(path))
        imported = time.perf_counter()
        imported_peak = peak_mib()
        version = datasets.publish_catalogue(settings)
        published = time.perf_counter()
        sys.stdout.write(
            f"{report.counts}\n{path.stat().st_size / 1e6:.0f} MB of CSV\n"
            f"import {imported - start:.1f} s, peak {imported_peak:.0f} MiB\n"
            f"publish {version} {published - imported:.1f} s, peak {peak_mib():.0f} MiB\n"
        )


def peak_mib() -> float:
    """Return the largest resident set of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
