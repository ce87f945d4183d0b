"""The map of the catalogue: every track is a point, and similar tracks are close together.

The axes are the first two principal components of the encoded features. They are deterministic,
fast and linear, so a direction has the same meaning everywhere on the map.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_modelkit.features import is_analysed
from quintet_modelkit.snapshot import Snapshot

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
Points = NDArray[np.float32]


def write_map(folder: Path, snapshot: Snapshot) -> None:
    """Write the map of a snapshot as an Arrow IPC file."""
    raw = np.asarray(snapshot.features)
    analysed = is_analysed(raw)
    # A track that was not analysed has no place: NaN.
    points = np.full((len(raw), 2), np.nan, np.float32)
    points[analysed] = plane(snapshot.standardiser.transform(raw[analysed]))
    tracks = snapshot.tracks
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


def plane(encoded: NDArray[np.float32]) -> Points:
    """Project features onto their first two principal components.

    Args:
        encoded: float32 (n, d), encoded features.

    Returns:
        float32 (n, 2), centred, each column of unit variance, or 0 if nothing varies. The sign of a
        component is set by its largest loading, so that equal catalogues give equal maps.
    """
    if not len(encoded):
        return np.zeros((0, 2), dtype=np.float32)
    centred = encoded.astype(np.float64) - encoded.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(centred)))
    # `eigh` sorts ascending; the largest two are last.
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(2)])
    scale = np.sqrt(np.maximum(values[::-1][:2], 0.0))
    # Below this, the variance is rounding error; dividing by it would scatter the points.
    scale = np.where(scale > 1e-9, scale, np.inf)
    return np.asarray(centred @ axes / scale, dtype=np.float32)


def _one(column: Any) -> Any:
    merged = column.combine_chunks()
    return pa.concat_arrays(merged.chunks) if isinstance(merged, pa.ChunkedArray) else merged


def _firsts(column: Any) -> Any:
    """Take the first text of each list; an empty text for an empty list."""
    return pa.array([texts[0] if texts else "" for texts in column.to_pylist()], pa.string())
