"""A catalogue made up for tests: four songs an artist, two an album, rock and jazz in turns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from quintet_contract.attributes import ATTRIBUTES, MEASURED
from quintet_modelkit.features import COLUMN
from quintet_modelkit.publication import publish, staged
from quintet_modelkit.snapshot import IDS_SCHEMA, SCHEMA, write_snapshot


def track_id(row: int, digits: int = 3) -> str:
    """Returns the id of a row's track, such as t007."""
    return f"t{row:0{digits}d}"


def isrc_of(row: int) -> str:
    """Returns the ISRC of a row's track, such as USQTT2600007."""
    return f"USQTT26{row:05d}"


def _ids(count: int, isrcs: bool, owned: Mapping[int, str]) -> pa.Table:
    rows = [{"id": f"isrc:{isrc_of(row)}", "row": row} for row in range(count) if isrcs]
    rows += [{"id": f"source:{name}:i{row}", "row": row} for row, name in owned.items()]
    return pa.Table.from_pylist(sorted(rows, key=lambda each: str(each["id"])), schema=IDS_SCHEMA)


def publish_catalogue(
    home: Path,
    count: int,
    *,
    seed: int = 3,
    digits: int = 3,
    popular: bool = False,
    artist_tracks: int = 4,
    sources: Sequence[Mapping[str, Any]] = (),
    isrcs: bool = False,
    absent: Sequence[int] = (),
    unknown: Sequence[int] = (),
    owned: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """Publishes so many tracks in a home and returns the catalogue's version.

    Args:
        home: Where.
        count: How many tracks.
        seed: For their features.
        digits: Of their ids.
        artist_tracks: How many tracks one artist has.
        popular: Whether popularity is spread over 0..100, not 0..1.
        sources: As in the snapshot's manifest.
        isrcs: Whether tracks have ISRCs, `isrc_of`.
        absent: Rows of tracks that no source has any more.
        unknown: Rows of tracks of which nothing was measured and no popularity is known.
        owned: Rows to the name of the source that has them, each as the item `iROW`.
    """
    random = np.random.default_rng(seed)
    features = random.random((count, len(ATTRIBUTES)))
    features[:, COLUMN["tempo"]] = random.uniform(60, 180, count)
    features[:, COLUMN["duration_ms"]] = random.uniform(1e5, 4e5, count)
    features[:, COLUMN["key"]] = random.integers(0, 12, count)
    if popular:
        features[:, COLUMN["popularity"]] = random.integers(0, 101, count)
    for name in (*MEASURED, "popularity"):
        features[list(unknown), COLUMN[name]] = np.nan
    empty = dict.fromkeys(("release_date", "isrc", "cover_url", "preview_url"), "")
    artists = [row // artist_tracks for row in range(count)]
    rows = [
        empty
        | {"track_id": track_id(row, digits), "title": f"Song {row}"}
        | {"artists": [f"Artist {artists[row]}"], "artist_ids": [f"a{artists[row]}"]}
        | {"album": "Album", "album_id": f"al{row // 2}", "recording": row, "explicit": False}
        | {"genres": ["rock" if row % 8 < 4 else "jazz"], "provenance": "made", "licence": "CC0"}
        for row in range(count)
    ]
    root = home / "catalogue"
    with staged(root) as folder:
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        origins = [dict(each) for each in sources]
        ids = _ids(count, isrcs, owned)
        gone = np.array(sorted(absent), np.int32)
        version = write_snapshot(folder, table, features, origins, ids=ids, absent=gone)
        publish(folder, root, version)
    return version
