"""Imports made-up playlists against a large catalogue and prints time, rates and peak memory.

Run: `python -m tools.bench.import_playlists [TRACKS [ROWS]]`. A third of the rows names
tracks by id, a third by exact artist and title, a third by a misspelt title.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from quintet_training import datasets
from quintet_training.settings import TrainingSettings

from tools.bench.import_million import peak_mib, write_rows


def write_slice(path: Path, tracks: int, rows: int) -> None:
    """Write a Million Playlist Dataset slice with 100 tracks a playlist."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"playlists": [')
        for pid in range(rows // 100):
            listed = [_track(tracks, pid * 100 + place, place) for place in range(100)]
            stream.write(", " if pid else "")
            json.dump({"pid": pid, "name": f"list {pid}", "tracks": listed}, stream)
        stream.write("]}")


def _track(tracks: int, row: int, place: int) -> dict[str, object]:
    # A prime stride visits the catalogue evenly; every 49th id is a repeated row of another.
    number = row * 7919 % tracks
    number -= number % 50 // 49
    title = f"A song with number {number}"
    return {
        "pos": place,
        "track_uri": f"{number:022d}" if row % 3 == 0 else "unknown",
        "artist_name": f"Artist {number % 90_000}",
        "track_name": title if row % 3 == 1 else title.replace("song", "sog"),
    }


def main() -> None:
    """Measures one import of playlists."""
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    with tempfile.TemporaryDirectory() as folder:
        catalogue, path = Path(folder) / "tracks.csv", Path(folder) / "mpd.slice.json"
        write_rows(catalogue, tracks)
        write_slice(path, tracks, rows)
        settings = TrainingSettings(home=Path(folder) / "home", database_url="")
        datasets.import_catalogue(settings, datasets.preview(catalogue))
        before, start = peak_mib(), time.perf_counter()
        report = datasets.import_playlists(settings, path)
        took = time.perf_counter() - start
        sys.stdout.write(
            f"{report.counts}\n{ {way.value: n for way, n in report.matched.items()} }\n"
            f"{took:.1f} s, {rows / took:,.0f} rows/s, "
            f"peak {peak_mib():.0f} MiB ({before:.0f} MiB by the catalogue's import)\n"
        )


if __name__ == "__main__":
    main()
