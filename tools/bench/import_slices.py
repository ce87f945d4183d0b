"""Speed and memory of importing slices of the Million Playlist Dataset: `make bench-slices`.

The data set has 1,000 JSON files of 1,000 playlists each, with 66 million rows of 2.26 million
tracks; a file has about 33 MB. Slices are made with its keys, its indentation and its marginals:
5 to 250 tracks a playlist, 66 on average, and the popularity of tracks by a power law. The command
`quintet playlists import` reads some files at a time; these are written before it and deleted after
it, so that the disk need not hold all of them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quintet_training import datasets
from quintet_training.settings import TrainingSettings

from tools.bench.import_bench import write_catalogue
from tools.bench.training_bench import made_playlists

PLAYLISTS = 1_000
_TRACK = """
                {{
                    "pos": {place},
                    "artist_name": "Artist {artist}",
                    "track_uri": "spotify:track:{track:022d}",
                    "artist_uri": "spotify:artist:{artist:022d}",
                    "track_name": "A song with number {track}",
                    "album_uri": "spotify:album:{album:022d}",
                    "duration_ms": 200000,
                    "album_name": "Album {album}"
                }}"""

_PLAYLIST = """
        {{
            "name": "list {pid}",
            "collaborative": "false",
            "pid": {pid},
            "modified_at": 1493424000,
            "num_tracks": {count},
            "tracks": [{tracks}
            ]
        }}"""


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, processor seconds, and MiB at the peak."""

    seconds: float
    processor: float
    peak: float


def write_slice(path: Path, first: int, members: "list[NDArray[np.int64]]") -> int:
    """Write playlists numbered from `first` as a slice, and return the number of rows."""
    parts = []
    for pid, rows in enumerate(members, first):
        tracks = ",".join(
            _TRACK.format(place=place, track=track, artist=track % 90_000, album=track % 200_000)
            for place, track in enumerate(rows.tolist())
        )
        parts.append(_PLAYLIST.format(pid=pid, count=len(rows), tracks=tracks))
    text = '{\n    "info": {\n        "generated_on": "made"\n    },\n    "playlists": ['
    path.write_text(text + ",".join(parts) + "\n    ]\n}", encoding="utf-8")
    return sum(len(rows) for rows in members)


def run(home: Path, *arguments: str) -> Cost:
    """Run the command `quintet` to its end."""
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("quintet")), *arguments]
    process = subprocess.Popen(
        command, env={**os.environ, "QUINTET_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with exit code {process.returncode}")
    spent = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - began, spent, usage.ru_maxrss / 1024)


def say(name: str, rows: int, cost: Cost) -> None:
    rates = (rows / cost.seconds, rows / cost.processor)
    sys.stdout.write(
        f"{name:<18} {rows:>11,} {cost.seconds:>8.1f} {rates[0]:>9,.0f} {cost.processor:>8.1f} "
        f"{rates[1]:>10,.0f} {cost.peak:>8,.0f}  load {os.getloadavg()[0]:.1f}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Import all slices into a new home, some files in each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=2_260_000)
    parser.add_argument("--slices", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=50, help="files of one command")
    parser.add_argument("--home", type=Path, help="keep catalogue and playlists here")
    asked = parser.parse_args()
    sys.stdout.write(
        f"{'import':<18} {'rows':>11} {'seconds':>8} {'rows/s':>9} {'cpu s':>8} "
        f"{'rows/cpu s':>10} {'peak MiB':>8}\n"
    )
    with tempfile.TemporaryDirectory(dir=asked.home and asked.home.parent) as made:
        folder = Path(made)
        home = asked.home or folder / "home"
        if datasets.catalogue_info(TrainingSettings(home=home)).tracks < asked.tracks:
            tracks = folder / "tracks.parquet"
            write_catalogue(tracks, asked.tracks)
            say("catalogue", asked.tracks, run(home, "catalog", "import", str(tracks)))
        total, rows = Cost(0.0, 0.0, 0.0), 0
        for first in range(0, asked.slices, asked.at_once):
            numbers = range(first, min(first + asked.at_once, asked.slices))
            files = [folder / f"mpd.slice.{n * 1000}-{n * 1000 + 999}.json" for n in numbers]
            count = 0
            for number, path in zip(numbers, files, strict=True):
                random = np.random.default_rng((1, number))
                members = made_playlists(asked.tracks, PLAYLISTS, random)
                members = [random.permutation(each) for each in members]
                count += write_slice(path, number * PLAYLISTS, members)
            cost = run(home, "playlists", "import", *map(str, files), "--source", "made")
            say(f"slices {numbers.stop:,}", count, cost)
            for path in files:
                path.unlink()
            rows += count
            total = Cost(
                total.seconds + cost.seconds,
                total.processor + cost.processor,
                max(total.peak, cost.peak),
            )
        say("all slices", rows, total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
