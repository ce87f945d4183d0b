"""Catalogues in memory."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.catalogue import Catalogue
from quintet_modelkit.features import COLUMN, Standardiser
from quintet_modelkit.snapshot import SCHEMA, Snapshot


@pytest.fixture(scope="session")
def catalogue_of() -> Callable[..., Catalogue]:
    """Makes a catalogue in memory: one row for each artist named, audio of the rows if given."""

    def make(
        artists: Sequence[str],
        audio: np.ndarray | None = None,
        popularity: Sequence[float] | None = None,
        genres: Sequence[Sequence[str]] | None = None,
    ) -> Catalogue:
        count = len(artists)
        features = np.random.default_rng(0).random((count, len(ATTRIBUTES)))
        if audio is not None:
            features[:, : audio.shape[1]] = audio
        features[:, COLUMN["key"]] = 0
        features[:, COLUMN["popularity"]] = np.zeros(count) if popularity is None else popularity
        texts = dict.fromkeys(("album", "album_id", "isrc", "cover_url", "preview_url"), "")
        rows = [
            {
                **{"track_id": f"t{row}", "title": f"Song {row}", "release_date": ""},
                **{"artists": [artist] if artist else [], "artist_ids": [artist] if artist else []},
                **{"genres": list(genres[row]) if genres else [], "explicit": False},
                **{"provenance": "made", "licence": "CC0", "recording": row, **texts},
            }
            for row, artist in enumerate(artists)
        ]
        tracks = pa.Table.from_pylist(rows, schema=SCHEMA)
        row_of = {f"t{row}": row for row in range(count)}
        standardiser = Standardiser.fit(features)
        return Catalogue.of(Snapshot("cat-made", tracks, features, standardiser, {}, row_of))

    return make
