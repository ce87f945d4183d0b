"""Guards the speed of a recommendation without a clock: `make bench-guard`.

Measures on one made catalogue. Calls made in Python for each request, by engine, ranker and
gateway, and for a model that is swapped in, are counted by the interpreter's profiler, and so are
the bytes of answers. They are the same on every machine; more than a tenth above a recorded number
fails. And the time of a recommendation over
the time of its index search and booster, which run on the same machine in the same moment, may not
exceed a generous bound.

`--record` writes what is counted as the new record, for a change that is worth its calls.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pyarrow as pa
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_engine.booster import Ranker
from quintet_engine.build import build_bundle
from quintet_engine.catalogue import Catalogue
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, Seed, SeedKind
from quintet_engine.recipes import TRAINED
from quintet_modelkit.features import COLUMN, Standardiser
from quintet_modelkit.snapshot import SCHEMA, Snapshot, write_snapshot

from tools.bench import guarded_services

RECORD = Path(__file__).with_name("guard.json")
TRACKS, PLAYLISTS, QUERIES, TREES = 3_000, 120, 8, 100
COUNTED = {
    "calls": "calls a request, engine",
    "load_calls": "calls a model loaded",
    "ranker_calls": "calls a request, ranker with engine",
    "message_bytes": "bytes of the ranker's answer",
    "gateway_calls": "calls a request, gateway",
    "answer_bytes": "bytes of the gateway's answer",
}
GROWTH = 1.1
"""How far above the record a count may be."""
MOST_RATIO = 10.0
"""A recommendation's time over that of one search for 500 and one predict of 500 rows, at most.

This catalogue is so small that the search costs next to nothing, hence a wide bound: it is for
what turns milliseconds into tenths of seconds.
"""


def made_engine(trees: int = TREES) -> Engine:
    """Return an engine of a trained recipe on a made catalogue; the same on every machine."""
    import lightgbm
    from quintet_training.ranking import fit_learned

    random = np.random.default_rng(5)
    catalogue = _catalogue(random)
    artists = catalogue.first_artist
    lists = []
    for _ in range(PLAYLISTS):
        near = np.flatnonzero(np.abs(artists - random.integers(artists.max())) < 12)
        lists.append(np.sort(random.choice(near, min(20, len(near)), replace=False)))
    from quintet_engine.collaborative.taste import WEIGHTS

    learned = fit_learned(catalogue, lists, WEIGHTS, 5)
    index = FaissIndex.build(catalogue.unit, seed=5)
    versions = Versions("guard", "guard", "guard")
    bare = Engine(catalogue, index, None, versions, TRAINED, learned)
    matrices = [features_of(bare, query) for query in queries_of(catalogue)]
    rows = np.concatenate(matrices)
    wanted = rows @ random.normal(size=rows.shape[1]) + random.normal(size=len(rows))
    settings = {"objective": "regression", "num_leaves": 31, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(rows, wanted, feature_name=list(TRAINED.names))
    booster = lightgbm.train({**settings, "seed": 5}, data, trees)
    ranker = Ranker.from_text(booster.model_to_string())
    engine = Engine(catalogue, index, ranker, versions, TRAINED, learned)
    assert engine.accelerate()
    return engine


def written(engine: Engine, root: Path) -> Path:
    """Return the folder of an engine as it would be published."""
    snapshot, folder = root / "catalogue", root / "model"
    snapshot.mkdir()
    folder.mkdir()
    write_snapshot(snapshot, engine.catalogue.snapshot.tracks, engine.catalogue.snapshot.features)
    assert isinstance(engine.index, FaissIndex)
    assert engine.ranker is not None
    build_bundle(
        folder,
        snapshot,
        Catalogue.of(Snapshot.load(snapshot)),
        engine.index,
        engine.ranker.booster.model_to_string(),
        version="guard",
        kind=TRAINED.kind,
        facts={},
        collaborative=engine.collaborative,
    )
    return folder


def features_of(engine: Engine, query: Query) -> Any:
    context = engine.prepare(query)
    found = engine.candidates(context, engine.recipe.quotas(query.limit, 1))
    return engine.features(context, found)


def queries_of(catalogue: Catalogue) -> list[Query]:
    random = np.random.default_rng(6)
    drawn = [random.choice(len(catalogue), 5, replace=False) for _ in range(QUERIES)]
    return [
        Query(tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(rows)), limit=50)
        for rows in drawn
    ]


def _catalogue(random: np.random.Generator) -> Catalogue:
    features = np.empty((TRACKS, len(ATTRIBUTES)))
    for name in ATTRIBUTES:
        low, high = RANGES[name]
        features[:, COLUMN[name]] = random.uniform(low, min(high, 600_000), TRACKS)
    artists = np.sort(random.integers(0, TRACKS // 6, TRACKS)).tolist()
    rows = [
        {
            "track_id": f"t{row:05d}",
            "title": f"Song {row}",
            "artists": [f"Artist {artist}"],
            "artist_ids": [f"a{artist}"],
            "album": f"Album {artist}",
            "album_id": f"al{artist}-{row % 2}",
            "release_date": f"{1970 + artist % 50}-01-01",
            "explicit": False,
            "genres": [("rock", "jazz", "techno")[artist % 3]],
            "recording": row,
            **dict.fromkeys(("isrc", "cover_url", "preview_url", "licence"), ""),
            "provenance": "made",
        }
        for row, artist in enumerate(artists)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    row_of = {f"t{row:05d}": row for row in range(TRACKS)}
    return Catalogue.of(
        Snapshot("cat-made", table, features, Standardiser.fit(features), {}, row_of)
    )


def count_calls(work: Callable[[], object]) -> int:
    """Return how many calls of Python and C functions the interpreter sees in some work."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def calls_per_request(engine: Engine) -> int:
    """Return the median calls of a request, warm."""
    queries = queries_of(engine.catalogue)
    for query in queries:
        engine.recommend(query)
    return int(statistics.median(count_calls(partial(engine.recommend, q)) for q in queries))


def calls_per_load(engine: Engine) -> int:
    """Return the calls of loading a model and accelerating it, once all code is compiled."""
    with tempfile.TemporaryDirectory() as root:
        folder = written(engine, Path(root))
        Engine.load(folder).accelerate()
        return count_calls(lambda: Engine.load(folder).accelerate())


def ratio_to_floor(engine: Engine, rounds: int = 5) -> float:
    """Return the median, over rounds, of a recommendation's time over the floor's."""
    import lightgbm

    assert engine.ranker is not None
    booster = lightgbm.Booster(model_str=engine.ranker.booster.model_to_string())
    queries = queries_of(engine.catalogue)
    rows = np.ascontiguousarray(np.concatenate([features_of(engine, q) for q in queries])[:500])
    vectors = np.ascontiguousarray(engine.catalogue.unit[:QUERIES])

    def floor(place: int) -> None:
        engine.index.search(vectors[place : place + 1], 500)
        booster.predict(rows, num_threads=1)

    ratios = []
    for _ in range(rounds):
        whole = statistics.median(_times(lambda p: engine.recommend(queries[p])))
        ratios.append(whole / statistics.median(_times(floor)))
    return statistics.median(ratios)


def _times(call: Callable[[int], object]) -> list[float]:
    times = []
    for place in range(QUERIES):
        began = time.perf_counter()
        call(place)
        times.append(time.perf_counter() - began)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep the count as the new record")
    asked = parser.parse_args()
    engine = made_engine()
    counted = {
        "calls": calls_per_request(engine),
        "load_calls": calls_per_load(engine),
        **guarded_services.counted(engine, queries_of(engine.catalogue)),
    }
    if asked.record:
        RECORD.write_text(json.dumps(counted) + "\n", encoding="utf-8")
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    bounds = {name: int(GROWTH * record[name]) for name in counted}
    ratio = ratio_to_floor(engine)
    for name, of in COUNTED.items():
        sys.stdout.write(f"{of}: {counted[name]}, at most {bounds[name]}\n")
    sys.stdout.write(f"ratio recommendation / floor: {ratio:.1f}, at most {MOST_RATIO:g}\n")
    within = all(counted[name] <= bound for name, bound in bounds.items())
    return 0 if within and ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
