"""Read audio features from a published snapshot, by track, artist or genre."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_contract.seeds import Seed, SeedKind
from quintet_modelkit.features import Raw, Standardiser, tracks_to_average
from quintet_modelkit.publication import PublicationInvalid, followed_version
from quintet_modelkit.snapshot import Snapshot
from quintet_servicekit.follower import Follower
from quintet_text.normal_form import by_form, normalise

from quintet_profile.domain import FeatureCatalogue


@dataclass(frozen=True)
class _Groups:
    """Rows by name, as compressed sparse rows: name i has rows[starts[i]:starts[i + 1]]."""

    index: Mapping[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "_Groups":
        """Group the rows of a list<string> column by their strings."""
        lists = column.combine_chunks()
        parents = lists.value_parent_indices().to_numpy(zero_copy_only=False)
        encoded = lists.flatten().dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        names = encoded.dictionary.to_pylist()
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(names))
        starts = np.concatenate(([0], np.cumsum(counts)))
        return cls({name: code for code, name in enumerate(names)}, starts, parents[order])

    def find(self, name: str) -> NDArray[np.int64] | None:
        """Find the tracks to average for a name; None if no track has it."""
        code = self.index.get(name)
        if code is None:
            return None
        return tracks_to_average(self.rows[self.starts[code] : self.starts[code + 1]])


class SnapshotFeatures:
    """The features of a snapshot, with its tracks grouped by artist and by genre."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._groups = {
            SeedKind.ARTIST: _Groups.of(snapshot.tracks.column("artist_ids")),
            SeedKind.GENRE: _Groups.of(snapshot.tracks.column("genres")),
        }
        self._genre_forms = by_form(self._groups[SeedKind.GENRE].index)
        # The columns of texts are no longer needed; only features and ids are read from here on.
        snapshot.release()

    @property
    def version(self) -> str:
        """The catalogue version."""
        return self._snapshot.version

    @property
    def standardiser(self) -> Standardiser:
        """The standardiser that was fitted on this catalogue."""
        return self._snapshot.standardiser

    def rows(self, seed: Seed) -> Raw | None:
        """Raw attributes (k, 14) of the tracks that a seed stands for; None if it is unknown."""
        if seed.kind is SeedKind.TRACK:
            row = self._snapshot.find(seed.name)
            return None if row is None else np.asarray(self._snapshot.features[row : row + 1])
        name = seed.name if seed.kind is SeedKind.ARTIST else self._genre(seed.name)
        rows = self._groups[seed.kind].find(name)
        return None if rows is None else np.asarray(self._snapshot.features[rows])

    def _genre(self, name: str) -> str:
        """Find the catalogue's spelling of a genre, as the ranker does; else the name itself."""
        if name in self._groups[SeedKind.GENRE].index:
            return name
        return self._genre_forms.get(normalise(name), name)

    def track(self, track_id: str) -> Raw | None:
        """Raw attributes (14,) of a track; None if it is unknown."""
        row = self._snapshot.find(track_id)
        return None if row is None else np.asarray(self._snapshot.features[row])


def follow_catalogue(root: Path, interval: float) -> Follower[FeatureCatalogue]:
    """Build the follower of the snapshots published in a folder."""
    return Follower[FeatureCatalogue](
        "catalogue",
        lambda: followed_version(root),
        lambda version: SnapshotFeatures(Snapshot.load(root / version)),
        interval,
        expected=(PublicationInvalid,),
    )
