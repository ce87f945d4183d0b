"""Speed and memory of importing playlists by id: `make bench-import`.

The catalogue is made up. Playlists follow the marginals of the real ones: popularity of tracks by
a power law, 5 to 250 tracks a playlist, 66 on average. Each import runs in a separate process, so
that the peak of memory belongs to it. The last import of each size is a thousand more playlists.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from quintet_training import datasets
from quintet_training.settings import TrainingSettings

MEAN = 66
SIZES = (2_000_000, 10_000_000)
_EXPONENT = 0.75
_PART = 1_000_000


def write_catalogue(path: Path, tracks: int) -> None:
    """Write tracks of which only names and durations are known."""
    numbers = pl.int_range(tracks, eager=True)
    pl.DataFrame(
        {
            "track_id": numbers.cast(pl.String).str.zfill(22),
            "title": "A song with number " + numbers.cast(pl.String),
            "artists": "Artist " + (numbers % 90_000).cast(pl.String),
            "duration_ms": pl.repeat(200_000, tracks, eager=True),
        }
    ).write_parquet(path)


def write_playlists(path: Path, tracks: int, rows: int, first: int, seed: int) -> None:
    """Write a table of playlists, numbered from `first`, in parts of bounded memory."""
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    order = random.permutation(tracks)
    writer, number = None, first
    for start in range(0, rows, _PART):
        count = min(_PART, rows - start)
        sizes = np.clip(random.lognormal(3.85, 0.8, count // 20), 5, 250).astype(np.int64)
        sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
        owners = np.repeat(np.arange(len(sizes)), sizes)[:count] + number
        starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        places = np.arange(len(owners)) - np.repeat(starts, np.diff(np.r_[starts, len(owners)]))
        # Inverse transform of a power law: rank ~ u^(1 / (1 - exponent)).
        ranks = (tracks * random.random(len(owners)) ** (1 / (1 - _EXPONENT))).astype(np.int64)
        table = pl.DataFrame(
            {
                "playlist_id": "made:" + pl.Series(owners).cast(pl.String),
                "position": pl.Series(places),
                "track_id": pl.Series(order[ranks]).cast(pl.String).str.zfill(22),
            }
        ).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        number = int(owners[-1]) + 1
    if writer is not None:
        writer.close()


def write_slice(path: Path, tracks: int, rows: int) -> None:
    """Write a slice as the Million Playlist Dataset has it."""
    table = path.with_suffix(".parquet")
    write_playlists(table, tracks, rows, 0, seed=5)
    grouped = pl.read_parquet(table).group_by("playlist_id", maintain_order=True).agg("track_id")
    table.unlink()
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"info": {"generator": "made"}, "playlists": [')
        for pid, (_, listed) in enumerate(grouped.iter_rows()):
            members = [
                {
                    "pos": place,
                    "artist_name": f"Artist {int(name) % 90_000}",
                    "track_uri": f"spotify:track:{name}",
                    "artist_uri": f"spotify:artist:{int(name) % 90_000:022d}",
                    "track_name": f"A song with number {int(name)}",
                    "album_uri": f"spotify:album:{name}",
                    "duration_ms": 200_000,
                    "album_name": f"Album {int(name) % 200_000}",
                }
                for place, name in enumerate(listed)
            ]
            stream.write(",\n" if pid else "")
            json.dump({"name": f"list {pid}", "pid": pid, "tracks": members}, stream)
        stream.write("]}")


def measure(home: Path, path: Path) -> dict[str, float]:
    """Import one file and return rows, seconds, processor seconds and the peak in MiB."""
    settings = TrainingSettings(home=home)
    started, cpu = time.monotonic(), time.process_time()
    report = datasets.import_playlists(settings, path, source="made")
    return {
        "rows": report.counts.rows_stored,
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _measured(home: Path, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tools.bench.import_bench", "--file", str(path)]
    done = subprocess.run(
        [*command, "--home", str(home)], check=True, capture_output=True, text=True, timeout=7200
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _say(name: str, found: dict[str, float]) -> None:
    rate, work = (found["rows"] / found[key] for key in ("seconds", "cpu_seconds"))
    sys.stdout.write(
        f"{name:<24} {found['rows']:>11,.0f} {found['seconds']:>8.1f} {rate:>9,.0f} "
        f"{found['cpu_seconds']:>8.1f} {work:>9,.0f} {found['peak_mib']:>9,.0f}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Measure each size in a new home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=500_000)
    parser.add_argument("--rows", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--home", type=Path, help="Keep the catalogue here, for later runs.")
    parser.add_argument("--file", type=Path, help="Import one file, and print JSON.")
    asked = parser.parse_args()
    if asked.file:
        sys.stdout.write(json.dumps(measure(asked.home, asked.file)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        base = asked.home or Path(folder) / "home"
        _catalogue(base, Path(folder), asked.tracks)
        sys.stdout.write(
            f"{asked.tracks:,} tracks\n{'file':<24} {'rows':>11} {'seconds':>8} {'rows/s':>9} "
            f"{'cpu s':>8} {'rows/cpu s':>10} {'peak MiB':>8}\n"
        )
        first = 0
        path = Path(folder) / "playlists.parquet"
        for number, rows in enumerate(asked.rows):
            write_playlists(path, asked.tracks, rows, first, seed=number)
            _say("Parquet", _measured(base, path))
            first += rows
        write_playlists(path, asked.tracks, 1_000 * MEAN, first, seed=99)
        _say("a thousand playlists more", _measured(base, path))
        piece = Path(folder) / "mpd.slice.json"
        write_slice(piece, asked.tracks, 1_000 * MEAN)
        _say("Million Playlist slice", _measured(base, piece))
    return 0


def _catalogue(home: Path, folder: Path, tracks: int) -> None:
    settings = TrainingSettings(home=home)
    if datasets.catalogue_info(settings).tracks < tracks:
        path = folder / "tracks.parquet"
        write_catalogue(path, tracks)
        datasets.import_catalogue(settings, datasets.preview(path))


if __name__ == "__main__":
    sys.exit(main())
