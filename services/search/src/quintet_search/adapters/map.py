"""The map of the catalogue: every track is a point, and similar tracks are close together."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from quintet_modelkit.features import is_analysed
from quintet_modelkit.snapshot import Snapshot

from quintet_search.adapters.regions import layout

FILE: Final = "map.arrow"
SCHEMA: Final = pa.schema(
    [
        ("track_id", pa.string()),
        ("title", pa.string()),
        ("artist", pa.dictionary(pa.int32(), pa.string())),
        ("genre", pa.dictionary(pa.int32(), pa.string())),
        ("x", pa.float32()),
        ("y", pa.float32()),
    ]
)


def write_map(folder: Path, snapshot: Snapshot) -> None:
    """Write the map of a snapshot as an Arrow IPC file."""
    raw = np.asarray(snapshot.features)
    analysed = is_analysed(raw)
    # A track that was not analysed has no place: NaN.
    points = np.full((len(raw), 2), np.nan, np.float32)
    tracks = snapshot.tracks
    genres = tracks.column("genres").to_pylist()
    placed = [genres[row] for row in np.flatnonzero(analysed)]
    points[analysed] = layout(snapshot.standardiser.transform(raw[analysed]), placed)
    columns = [
        _one(tracks.column("track_id")),
        _one(tracks.column("title")),
        # Names repeat: as a dictionary they take a fraction of the bytes that browsers download.
        _firsts(tracks.column("artists")).dictionary_encode(),
        _firsts(tracks.column("genres")).dictionary_encode(),
        pa.array(points[:, 0]),
        pa.array(points[:, 1]),
    ]
    table = pa.Table.from_arrays([c.cast(f.type) for c, f in zip(columns, SCHEMA, strict=True)],
                                 schema=SCHEMA)  # fmt: skip
    with pa.OSFile(str(folder / FILE), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_table(table)


def _one(column: Any) -> Any:
    merged = column.combine_chunks()
    return pa.concat_arrays(merged.chunks) if isinstance(merged, pa.ChunkedArray) else merged


def _firsts(column: Any) -> Any:
    """Take the first text of each list; an empty text for an empty list."""
    return pa.array([texts[0] if texts else "" for texts in column.to_pylist()], pa.string())
