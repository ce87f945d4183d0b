"""How training time and memory grow: `make bench-training`.

Catalogues are made from the real one: each copy has other ids, artists and albums and its audio
moved a little. Playlists are made with the marginals of the Million Playlist Dataset: 5 to 250
tracks, 66 in the mean, and the popularity of tracks by a power law. Tracks that stand together on
real playlists are in one scene of 2,000 tracks; of a playlist's tracks 70 % are from one scene,
15 % from the next, and 15 % from all tracks. One playlist of fifty is another with a tenth of its
tracks exchanged. Each size runs in a separate process, so that the peak of memory belongs to it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # loading them is part of what is measured
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray
    from quintet_engine.catalogue import Catalogue
    from quintet_modelkit.snapshot import Snapshot
    from quintet_training.ranking import Trained

SIZES = (
    (28_000, 450),
    (28_000, 8_000),
    (165_000, 13_000),
    (165_000, 100_000),
    (2_260_000, 1_000_000),
)
SCENE = 2_000  # tracks
MEAN, LEAST, MOST = 66, 5, 250  # tracks of a playlist
WARM, QUERIES = 10, 50
# Exponents of the power laws: of a scene's tracks, of all tracks, and of scenes.
IN_SCENE, OVER_ALL, OF_SCENES = 0.8, 0.7, 0.5


def measure(tracks: int, playlists: int, data: Path, threads: int, trials: int) -> dict[str, Any]:
    """Trains once and returns seconds, MiB at the peak and facts about the training."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from quintet_training.ranking import TrainingParameters, train_model

    catalogue, members = _world(tracks, playlists, data)
    parameters = TrainingParameters(threads=threads, space_trials=trials, booster_trials=trials)
    steps: dict[str, tuple[float, float]] = {}
    current, since = "", time.monotonic()

    def on_progress(_share: float, text: str) -> None:
        nonlocal current, since
        if text != current:
            now = time.monotonic()
            seconds, most = steps.get(current, (0.0, 0.0))
            steps[current] = (seconds + now - since, max(most, peak_mib()))
            _forget_peak()
            current, since = text, now

    _forget_peak()
    started, cpu = time.monotonic(), time.process_time()
    trained = train_model(catalogue, members, parameters, on_progress)
    seconds, spent = time.monotonic() - started, time.process_time() - cpu
    on_progress(1.0, "")
    return {
        "tracks": len(catalogue),
        "playlists": len(members),
        "entries": sum(len(rows) for rows in members),
        "seconds": seconds,
        "cpu_seconds": spent,
        "peak_mib": max(most for _, most in steps.values()),
        "serving_ms": _serving_ms(catalogue, trained, members),
        "rows": trained.metrics["training_rows"],
        "trees": trained.metrics["trees"],
        "steps": {
            name: {"seconds": round(each, 1), "peak_mib": round(most)}
            for name, (each, most) in steps.items()
            if name
        },
    }


def _serving_ms(
    catalogue: "Catalogue", trained: "Trained", members: "list[NDArray[np.int64]]"
) -> float:
    """Measure the median processor time of a list of 50 for five tracks of a playlist."""
    import numpy as np
    from quintet_engine.booster import Ranker
    from quintet_engine.engine import Engine, Versions
    from quintet_engine.query import Query, Seed, SeedKind
    from quintet_engine.recipes import TRAINED

    ranker, versions = Ranker.from_text(trained.booster), Versions("bench", "", "bench")
    engine = Engine(catalogue, trained.index, ranker, versions, TRAINED, trained.learned)
    engine.accelerate()
    random = np.random.default_rng(2)
    spent = []
    for number in random.choice(len(members), WARM + QUERIES).tolist():
        rows = random.permutation(members[number])[:5]
        seeds = tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(rows))
        began = time.process_time()
        engine.recommend(Query(seeds, limit=50))
        spent.append(time.process_time() - began)
    return 1_000 * float(np.median(spent[WARM:]))


def peak_mib() -> float:
    """Read the greatest resident memory since `_forget_peak`."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _forget_peak() -> None:
    """Reset the peak: the memory that made the world is not part of training."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _world(tracks: int, playlists: int, data: Path) -> "tuple[Catalogue, list[NDArray[np.int64]]]":
    import numpy as np
    from quintet_engine.catalogue import Catalogue

    catalogue = Catalogue.of(made_snapshot(tracks, data))
    return catalogue, made_playlists(len(catalogue), playlists, np.random.default_rng(1))


def made_snapshot(tracks: int, data: Path) -> "Snapshot":
    """Make a catalogue of copies of the real one; see the text at the beginning of this file."""
    import polars as pl

    real = pl.read_parquet(data / "tracks.parquet").sort("track_id")
    lists = pl.read_parquet(data / "playlists.parquet")
    # Tracks that stand together on playlists come together.
    first = lists.group_by("track_id").agg(pl.col("playlist_id").min())
    real = real.join(first, on="track_id", how="left").sort("playlist_id", "track_id")
    return _snapshot(real, tracks)


def _snapshot(real: "pl.DataFrame", tracks: int) -> "Snapshot":
    """Make a catalogue of copies of the real one."""
    import numpy as np
    import polars as pl
    from quintet_contract.attributes import ATTRIBUTES
    from quintet_modelkit.features import COLUMN, Standardiser
    from quintet_modelkit.identity import album_id, artist_id, recording_key
    from quintet_modelkit.snapshot import SCHEMA, Snapshot

    random = np.random.default_rng(0)
    columns = real.select(
        [pl.col(name).cast(pl.Float64).fill_null(0.0) for name in ATTRIBUTES]
    ).to_numpy()
    spread = columns.std(axis=0)
    names = [
        [name.strip() for name in (artists or "").split(";") if name] for artists in real["artists"]
    ]
    titles, albums = real["name"].fill_null(""), real["album"].fill_null("")
    base = pl.DataFrame(
        {
            "id": real["track_id"],
            "title": titles,
            "artists": pl.Series(names, dtype=pl.List(pl.String)),
            "artist_ids": pl.Series(
                [[artist_id(name) for name in each] for each in names], dtype=pl.List(pl.String)
            ),
            "album": albums,
            "album_id": [
                album_id(each[0] if each else "", album)
                for each, album in zip(names, albums, strict=True)
            ],
            "release_date": real["release_date"].cast(pl.String).fill_null(""),
            "key": [
                recording_key(each[0] if each else "", title)
                for each, title in zip(names, titles, strict=True)
            ],
        }
    ).with_columns(recording=pl.col("key").rank("dense").cast(pl.Int64) - 1)
    recordings = int(base["recording"].max()) + 1  # type: ignore[arg-type]
    tables, features = [], []
    for copy in range(-(-tracks // len(real))):
        moved = columns.copy()
        for name in ("danceability", "energy", "valence", "acousticness"):
            place = COLUMN[name]
            moved[:, place] += random.normal(0, 0.1 * spread[place] * bool(copy), len(real))
        features.append(np.clip(moved, 0, None) if copy else moved)
        mark, end = (f" {copy}", f"-{copy}") if copy else ("", "")
        tables.append(
            base.select(
                pl.format("{}{}", "id", pl.lit(f"{copy:02d}")).alias("track_id"),
                "title",
                pl.col("artists").list.eval(pl.element() + mark),
                pl.col("artist_ids").list.eval(pl.element() + end),
                pl.col("album") + mark,
                pl.col("album_id") + end,
                "release_date",
                pl.lit(value=False).alias("explicit"),
                pl.lit([], dtype=pl.List(pl.String)).alias("genres"),
                *(pl.lit("").alias(name) for name in ("isrc", "cover_url", "preview_url")),
                pl.lit("resampled").alias("provenance"),
                pl.lit("unknown").alias("licence"),
                pl.col("recording") + copy * recordings,
            )
        )
    frame = pl.concat(tables).head(tracks)
    table = frame.select(SCHEMA.names).to_arrow().cast(SCHEMA).combine_chunks()
    matrix = np.concatenate(features)[:tracks]
    ids = {name: row for row, name in enumerate(frame["track_id"])}
    return Snapshot("cat-bench", table, matrix, Standardiser.fit(matrix), {}, ids)


def made_playlists(
    tracks: int, count: int, random: "np.random.Generator"
) -> "list[NDArray[np.int64]]":
    """Make playlists, each its distinct rows; see the text at the beginning of this file."""
    import numpy as np

    def power(size: int, exponent: float) -> "NDArray[np.float64]":
        return np.cumsum(np.arange(1, size + 1.0) ** -exponent)

    def draw(sums: "NDArray[np.float64]", size: int) -> "NDArray[np.int64]":
        return np.asarray(np.searchsorted(sums, random.random(size) * sums[-1]), np.int64)

    scenes = max(1, tracks // SCENE)
    width = tracks // scenes
    # Within each scene and over all tracks, any track may be the most popular one.
    within = np.stack([random.permutation(width) for _ in range(scenes)])
    anywhere = random.permutation(tracks)
    of_scene, of_all, of_scenes = (
        power(width, IN_SCENE),
        power(tracks, OVER_ALL),
        power(scenes, OF_SCENES),
    )
    made: list[NDArray[np.int64]] = []
    while len(made) < count:
        block = min(20_000, count - len(made))
        # A gamma distribution has the skew of the real lengths; a repeated track counts once.
        drawn = LEAST + random.gamma(1.4, (MEAN - LEAST) / 1.22, block)
        lengths = np.clip(drawn, LEAST, MOST).astype(np.int64)
        ends = np.cumsum(lengths)
        size = int(ends[-1])
        place = np.repeat(draw(of_scenes, block), lengths)
        kind = random.random(size)
        place = np.where(kind < 0.7, place, (place + 1) % scenes)
        rows = place * width + within[place, draw(of_scene, size)]
        rows = np.where(kind < 0.85, rows, anywhere[draw(of_all, size)])
        for number, part in enumerate(np.split(rows, ends[:-1])):
            if made and number % 50 == 0:
                copied = made[int(random.integers(len(made)))]
                kept = random.random(len(copied)) < 0.9
                part = np.concatenate((copied[kept], part[: np.count_nonzero(~kept)]))
            made.append(np.unique(part))
    return made


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--most", type=int, default=13_000, help="no size with more playlists")
    parser.add_argument("--size", help="TRACKSxPLAYLISTS; one size, as JSON")
    asked = parser.parse_args()
    if asked.size:
        tracks, playlists = (int(part) for part in asked.size.split("x"))
        sys.stdout.write(
            json.dumps(measure(tracks, playlists, asked.data, asked.threads, asked.trials))
        )
        return 0
    say(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    heads = ("tracks", "playlists", "seconds", "cpu s", "peak MiB", "rows", "a list, ms")
    say(" ".join(f"{head:>10}" for head in heads))
    for tracks, playlists in [size for size in SIZES if size[1] <= asked.most]:
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
        names = ("tracks", "playlists", "seconds", "cpu_seconds", "peak_mib", "rows", "serving_ms")
        say(" ".join(f"{found[name]:10,.0f}" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
