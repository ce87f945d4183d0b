"""A published catalogue as the rivals read it: a pandas frame."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

FEATURES = [
    *("danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo", "time_signature"),
]
"""The twelve audio features, unscaled."""


def read(root: Path) -> pd.DataFrame:
    """Return id, title, artist and all attributes, one row per track."""
    from quintet_contract.attributes import ATTRIBUTES
    from quintet_modelkit.publication import current_folder

    folder = current_folder(root)
    with pa.memory_map(str(folder / "tracks.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
        frame = table.select(["track_id", "title"]).to_pandas()
        frame["artist"] = [names[0] if names else "" for names in table["artists"].to_pylist()]
    features = np.load(folder / "features.npy")
    return pd.concat([frame, pd.DataFrame(features, columns=list(ATTRIBUTES))], axis=1)
