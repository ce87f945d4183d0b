"""One seed as the rows, artists, albums and genres that it stands for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from quintet_engine.catalogue import Rows
from quintet_engine.query import Seed

NO_ROWS: Final[Rows] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SeedView:
    """One seed resolved in the catalogue.

    Attributes:
        seed: As in the query.
        rows: The rows it stands for: one for a track, all of an artist or a genre.
        artists: Artist numbers of a track or an artist; none for a genre.
        albums: Album numbers; none for an artist or a genre.
        genres: Genre numbers.
    """

    seed: Seed
    rows: Rows
    artists: Rows
    albums: Rows
    genres: Rows
