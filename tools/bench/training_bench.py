"""How training time and memory grow: `make bench-training`.

Catalogues and playlists are made from the real ones by resampling: each copy of the catalogue has
other ids, artists and albums and its audio moved a little; a playlist goes to one copy, a fifth of
its tracks staying in the first, as hits do. Each size runs in a separate process, so that the
peak of memory belongs to it.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loading them is part of what is measured
    import numpy as np
    from numpy.typing import NDArray
    from quintet_engine.catalogue import Catalogue

SIZES = ((28_000, 450), (28_000, 8_000), (165_000, 13_000), (165_000, 100_000))


def measure(tracks: int, playlists: int, data: Path, threads: int, trials: int) -> dict[str, float]:
    """Trains once and returns seconds, MiB at the peak and facts about the training."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from quintet_training.ranking import TrainingParameters, train_model

    catalogue, members = _world(tracks, playlists, data)
    parameters = TrainingParameters(threads=threads, space_trials=trials, booster_trials=trials)
    steps: dict[str, float] = {}
    current, since = "", time.monotonic()

    def on_progress(_share: float, text: str) -> None:
        nonlocal current, since
        if text != current:
            now = time.monotonic()
            steps[current] = steps.get(current, 0.0) + now - since
            current, since = text, now

    started, cpu = time.monotonic(), time.process_time()
    trained = train_model(catalogue, members, parameters, on_progress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "tracks": len(catalogue),
        "playlists": len(members),
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": peak,
        "rows": trained.metrics["training_rows"],
        "trees": trained.metrics["trees"],
        **{f"step: {name}": seconds for name, seconds in steps.items() if name},
    }


def _world(tracks: int, playlists: int, data: Path) -> "tuple[Catalogue, list[NDArray[np.int64]]]":
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from quintet_contract.attributes import ATTRIBUTES
    from quintet_engine.catalogue import Catalogue
    from quintet_modelkit.features import COLUMN, Standardiser
    from quintet_modelkit.identity import album_id, artist_id, recording_key
    from quintet_modelkit.snapshot import SCHEMA, Snapshot

    random = np.random.default_rng(0)
    real = pl.read_parquet(data / "tracks.parquet").sort("track_id")
    lists = pl.read_parquet(data / "playlists.parquet")
    count = len(real)
    copies = -(-tracks // count)
    columns = real.select(
        [pl.col(name).cast(pl.Float64).fill_null(0.0) for name in ATTRIBUTES]
    ).to_numpy()
    spread = columns.std(axis=0)
    rows, features = [], []
    recordings: dict[str, int] = {}
    for copy in range(copies):
        moved = columns.copy()
        for name in ("danceability", "energy", "valence", "acousticness"):
            place = COLUMN[name]
            moved[:, place] += random.normal(0, 0.1 * spread[place] * bool(copy), count)
        features.append(np.clip(moved, 0, None) if copy else moved)
        mark = f" {copy}" if copy else ""
        for item in real.iter_rows(named=True):
            names = [name.strip() + mark for name in (item["artists"] or "").split(";") if name]
            first = names[0] if names else ""
            album = (item["album"] or "") + mark
            key = recording_key(first, item["name"] or "")
            rows.append(
                {
                    "track_id": f"{item['track_id']}{copy:02d}",
                    "title": item["name"] or "",
                    "artists": names,
                    "artist_ids": [artist_id(name) for name in names],
                    "album": album,
                    "album_id": album_id(first, album),
                    "release_date": str(item["release_date"] or ""),
                    "explicit": False,
                    "genres": [],
                    **dict.fromkeys(("isrc", "cover_url", "preview_url"), ""),
                    "provenance": "resampled",
                    "licence": "unknown",
                    "recording": recordings.setdefault(key, len(recordings)),
                }
            )
    table = pa.Table.from_pylist(rows[:tracks], schema=SCHEMA)
    matrix = np.concatenate(features)[:tracks]
    ids = {name: row for row, name in enumerate(table["track_id"].to_pylist())}
    snapshot = Snapshot("cat-bench", table, matrix, Standardiser.fit(matrix), {}, ids)
    row_of = {name: row for row, name in enumerate(real["track_id"])}
    grouped = lists.group_by("playlist_id", maintain_order=True).agg("track_id")["track_id"]
    known = [np.array([row_of[name] for name in names]) for names in grouped.to_list()]
    made: list[np.ndarray] = []
    while len(made) < playlists:
        for members in known:
            offset = int(random.integers(copies)) * count
            away = np.where(random.random(len(members)) < 0.2, members, members + offset)
            made.append(np.unique(away[away < tracks]))
    return Catalogue.of(snapshot), made[:playlists]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--size", help="TRACKSxPLAYLISTS; one size, as JSON")
    asked = parser.parse_args()
    if asked.size:
        tracks, playlists = (int(part) for part in asked.size.split("x"))
        sys.stdout.write(
            json.dumps(measure(tracks, playlists, asked.data, asked.threads, asked.trials))
        )
        return 0
    say(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    say(f"{'tracks':>8} {'playlists':>9} {'seconds':>8} {'cpu s':>7} {'peak MiB':>9} {'rows':>9}")
    for tracks, playlists in SIZES:
        found = json.loads(
            subprocess.run(
                [
                    *(sys.executable, __file__, "--size", f"{tracks}x{playlists}"),
                    *("--data", str(asked.data), "--threads", str(asked.threads)),
                    *("--trials", str(asked.trials)),
                ],
                check=True,
                capture_output=True,
                text=True,
                timeout=6 * 3600,
            ).stdout
        )
        say(
            f"{found['tracks']:8,.0f} {found['playlists']:9,.0f} {found['seconds']:8.0f} "
            f"{found['cpu_seconds']:7.0f} {found['peak_mib']:9,.0f} {found['rows']:9,.0f}",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
