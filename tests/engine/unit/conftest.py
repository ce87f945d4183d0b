"""Small catalogues made in memory; no files."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.catalogue import Catalogue
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_modelkit.features import COLUMN, Standardiser
from quintet_modelkit.snapshot import SCHEMA, Snapshot

GENRES = ("rock", "jazz", "techno")


def random_features(count: int, random: np.random.Generator) -> np.ndarray:
    raw = random.random((count, len(ATTRIBUTES)))
    raw[:, COLUMN["duration_ms"]] = random.integers(60_000, 600_000, count)
    raw[:, COLUMN["key"]] = random.integers(-1, 12, count)
    raw[:, COLUMN["mode"]] = random.integers(0, 2, count)
    raw[:, COLUMN["loudness"]] = random.uniform(-40, 0, count)
    raw[:, COLUMN["popularity"]] = random.integers(0, 101, count)
    raw[:, COLUMN["tempo"]] = random.uniform(60, 190, count)
    raw[:, COLUMN["time_signature"]] = random.integers(3, 6, count)
    return raw


def make_catalogue(count: int = 300, seed: int = 0) -> Catalogue:
    random = np.random.default_rng(seed)
    features = random_features(count, random)
    artists = random.integers(0, max(2, count // 5), count)
    guests = random.random(count) < 0.2
    rows = []
    for row, artist in enumerate(artists.tolist()):
        names = [f"Artist {artist}"] + ([f"Artist {artist + 1}"] if guests[row] else [])
        if row == count - 1:
            # Has no track as first artist, and the greatest number.
            names.append("Artist guest")
        rows.append(
            {
                "track_id": f"t{row:05d}",
                "title": f"Song {row}",
                "artists": names,
                "artist_ids": [name.replace("Artist ", "a") for name in names],
                "album": f"Album {artist}",
                "album_id": f"al{artist}-{row % 2}" if row % 7 else "",
                "release_date": "" if row % 3 else f"{1970 + row % 50}-01-01",
                "explicit": bool(random.random() < 0.2),
                "genres": [GENRES[artist % 3]] if row % 11 else [],
                "isrc": "",
                "provenance": "made",
                "licence": "CC0",
                "cover_url": "",
                "preview_url": "",
                # Every tenth track is another release of the one before it.
                "recording": row - 1 if row % 10 == 9 else row,
            }
        )
    tracks = pa.Table.from_pylist(rows, schema=SCHEMA)
    row_of = {f"t{row:05d}": row for row in range(count)}
    standardiser = Standardiser.fit(features)
    return Catalogue.of(Snapshot("cat-made", tracks, features, standardiser, {}, row_of))


def make_engine(catalogue: Catalogue) -> Engine:
    index = FaissIndex.build(catalogue.unit, seed=1)
    return Engine(catalogue, index, None, Versions("m", "i", "c"))


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return make_catalogue()


@pytest.fixture(scope="session")
def engine(catalogue) -> Engine:
    return make_engine(catalogue)


@pytest.fixture(scope="session")
def catalogue_of() -> Callable[[int, int], Catalogue]:
    return make_catalogue


@pytest.fixture(scope="session")
def engine_of() -> Callable[[Catalogue], Engine]:
    return make_engine
