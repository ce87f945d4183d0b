"""The ids of a whole catalogue, to look many up at once."""

from typing import Final

import numpy as np
import polars as pl
from quintet_store import playlists as store
from sqlalchemy import Connection

_BATCH: Final = 100_000
_SEED: Final = 7


class CatalogueIds:
    """All track ids, sorted by their hash: about 70 bytes a track, and a binary search per id.

    Args:
        ids: Text, each id once.
    """

    def __init__(self, ids: pl.Series) -> None:
        hashes = ids.hash(_SEED).to_numpy()
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._ids = ids.gather(order)

    @classmethod
    def read(cls, connection: Connection) -> "CatalogueIds":
        """Read the ids from the database.

        Raises:
            StoreUnavailable: The database failed.
        """
        batches = store.stream_track_ids(connection, _BATCH)
        parts = [pl.Series(batch, dtype=pl.String) for batch in batches]
        return cls(pl.concat([pl.Series("track_id", [], pl.String), *parts]))

    def __len__(self) -> int:
        """Return the number of tracks."""
        return len(self._ids)

    def contain(self, ids: pl.Series) -> pl.Series:
        """Check for each text whether it is an id; false also for null.

        Of two ids with one hash only one is found, so false does not prove that there is no track.
        """
        if not len(self._ids) or not len(ids):
            return pl.repeat(False, len(ids), dtype=pl.Boolean, eager=True)
        places = np.searchsorted(self._hashes, ids.hash(_SEED).to_numpy())
        found = self._ids.gather(np.minimum(places, len(self._ids) - 1))
        return (found == ids).fill_null(value=False)
