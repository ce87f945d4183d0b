"""Daily mixes: several lists for one listener, each of a cluster of what the listener liked.

Liked tracks are clustered by Ward's method on unit vectors of the taste space, or of sound for a
model without one. Each cluster gives a list: up to five of its tracks are the seeds, sampled by
liking with a random seed of the listener, the day and the cluster. So the mixes of one day are
always the same, and those of the next day begin from other songs.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.limits import (
    DEFAULT_HEARD_DAYS,
    MAX_HEARD_DAYS,
    MAX_LIMIT,
    MAX_LIST_NAME,
    MAX_MIXES,
    MAX_SEEDS,
)
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.engine import Engine
from quintet_engine.listening import ListenerView
from quintet_engine.query import Filters, Query, Seed, SeedKind
from quintet_modelkit.publication import current_folder
from scipy.cluster.hierarchy import fcluster, linkage

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.memories import MemoryReader, Remembered
from quintet_training.settings import TrainingSettings
from quintet_training.steps.publishing import MODELS

LEAST_LIKED: Final = 3
"""Liked tracks that a cluster needs to become a mix."""
LEAST_TRACKS: Final = 5
"""Tracks below which a mix is not worth a playlist."""
_NAMED_ARTISTS: Final = 2
_GENRE_SHARE: Final = 0.5
"""Share of a mix's tracks that a genre needs to be in its name."""


@dataclass(frozen=True)
class MixOptions:
    """How mixes are made.

    Attributes:
        mixes: Of one listener, at most, 1..`MAX_MIXES`.
        tracks: Of one mix, 5..500.
        discovery: 0..1, the dial from familiar to new; see `quintet_engine.query.Query`.
        heard_days: Days within which a heard track is left out, 1..3650.
    """

    mixes: int = 4
    tracks: int = 30
    discovery: float = 0.5
    heard_days: int = DEFAULT_HEARD_DAYS


@dataclass(frozen=True)
class Mix:
    """One mix.

    Attributes:
        number: From 1, by how much the listener likes its cluster.
        name: Number, genre and artists of its tracks.
        track_ids: Best first.
        new: Tracks by artists that the listener does not know.
    """

    number: int
    name: str
    track_ids: tuple[str, ...]
    new: int


def check_options(options: MixOptions) -> None:
    """Check the options of mixes.

    Raises:
        DatasetInvalid: One is out of its range.
    """
    for name, value, low, high in (
        ("mixes", options.mixes, 1, MAX_MIXES),
        ("tracks", options.tracks, LEAST_TRACKS, MAX_LIMIT),
        ("discovery", options.discovery, 0, 1),
        ("heard-days", options.heard_days, 1, MAX_HEARD_DAYS),
    ):
        if not low <= value <= high:
            raise DatasetInvalid(f"--{name}: must be {low} to {high}; got {value}")


class MixMaker:
    """Makes the mixes of listeners with the model that is served.

    Args:
        settings: Where models and memories are.
        options: How mixes are made, checked by `check_options`.

    Raises:
        PublicationInvalid: No model is published.
    """

    def __init__(self, settings: TrainingSettings, options: MixOptions) -> None:
        self._options = options
        self._engine = Engine.load(current_folder(settings.home / MODELS))
        self.memories = MemoryReader(settings)

    def close(self) -> None:
        """Close the database."""
        self.memories.close()

    def mixes(self, listener: str, day: date, sources: Sequence[str] = ()) -> list[Mix]:
        """Make the mixes of a listener for a day; none for one who liked too little.

        Args:
            listener: The keyed hash.
            day: What the listener did on that day (UTC) and later does not count, except for
                dislikes and bans.
            sources: Only tracks that one of these sources has; all if empty.

        Raises:
            StoreUnavailable: The database cannot be used.
        """
        as_of = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        remembered = self.memories.read_hashed(listener, self._options.heard_days, as_of)
        engine = self._engine
        view = ListenerView.of(remembered.preferences, engine.catalogue, engine.collaborative)
        if view is None:
            return []
        found, used = list[Mix](), set[str]()
        for rows in clusters(view, engine.catalogue, self._options.mixes):
            mix = self._mix(len(found) + 1, view, rows, remembered, used, (listener, day, sources))
            if mix is not None:
                found.append(mix)
                used.update(mix.track_ids)
        return found

    def _mix(
        self,
        number: int,
        view: ListenerView,
        rows: Rows,
        remembered: Remembered,
        used: Iterable[str],
        who: tuple[str, date, Sequence[str]],
    ) -> Mix | None:
        """Make one mix; None if too few tracks are left for it."""
        listener, day, sources = who
        catalogue = self._engine.catalogue
        ids = catalogue.snapshot.tracks.column("track_id")
        seeds = _sampled(view, rows, f"{listener}/{day.isoformat()}/{ids[int(rows[0])].as_py()}")
        excluded = (*remembered.disliked, *remembered.heard, *used)
        ranking = self._engine.recommend(
            Query(
                tuple(Seed(SeedKind.TRACK, ids[row].as_py()) for row in seeds),
                limit=self._options.tracks,
                reasons=False,
                discovery=self._options.discovery,
                known_tracks=remembered.known,
                preferences=remembered.preferences,
                filters=Filters(
                    excluded_tracks=frozenset(excluded),
                    excluded_artists=frozenset(remembered.banned),
                    sources=tuple(sources),
                ),
            )
        )
        tracks = ranking.tracks
        if len(tracks) < LEAST_TRACKS:
            return None
        name = name_of(number, catalogue, [track.row for track in tracks])
        new = sum(not track.known for track in tracks)
        return Mix(number, name, tuple(track.track_id for track in tracks), new)


def clusters(view: ListenerView, catalogue: Catalogue, most: int) -> list[Rows]:
    """Cluster what a listener liked, the most liked cluster first.

    Args:
        view: Of the listener.
        catalogue: Of the view.
        most: How many clusters at most.

    Returns:
        Rows of each cluster, the most liked first; at least `LEAST_LIKED` in each, unless there is
        one cluster alone. Tracks without a vector, which nobody analysed, are in none.
    """
    rows, weights = view.liked.rows, view.liked.weights
    vectors = catalogue.unit[rows] if view.model is None else view.model.taste.of(rows)
    known = np.linalg.norm(vectors, axis=1) > 0
    rows, weights, vectors = rows[known], weights[known], vectors[known]
    if len(rows) < LEAST_LIKED:
        return []
    labels = _labels(vectors.astype(np.float64), min(most, len(rows) // LEAST_LIKED))
    total = Counter[int]()
    for label, weight in zip(labels.tolist(), weights.tolist(), strict=True):
        total[label] += weight
    found = [rows[labels == label] for label in sorted(total, key=lambda n: (-total[n], n))]
    return [each for each in found if len(each) >= LEAST_LIKED] or [rows]


def _labels(vectors: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Assign rows to at most `count` clusters, numbered from 1."""
    if count <= 1:
        return np.ones(len(vectors), np.int64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(fcluster(linkage(unit, "ward"), count, "maxclust"), np.int64)


def _sampled(view: ListenerView, rows: Rows, salt: str) -> list[int]:
    """Sample the seeds of a mix by liking, without replacement.

    By the exponential method: the k greatest of log(u) / w are a weighted sample (Efraimidis and
    Spirakis, 2006).
    """
    weight_of = dict(zip(view.liked.rows.tolist(), view.liked.weights.tolist(), strict=True))
    digest = hashlib.blake2b(salt.encode(), digest_size=8).digest()
    random = np.random.default_rng(int.from_bytes(digest, "big")).random(len(rows))
    weights = np.array([weight_of[row] for row in rows.tolist()])
    order = np.argsort(-np.log(random) / weights, kind="stable")
    return [int(row) for row in rows[order[:MAX_SEEDS]]]


def name_of(number: int, catalogue: Catalogue, rows: Sequence[int]) -> str:
    """Name a mix after the genre of most of its tracks, if there is one, and its artists."""
    tracks = catalogue.snapshot.tracks
    artists = Counter[str]()
    genres = Counter[str]()
    for row in rows:
        artists.update(tracks.column("artists")[row].as_py()[:1])
        genres.update(set(tracks.column("genres")[row].as_py()))
    parts = [name for name, count in genres.most_common(1) if count >= _GENRE_SHARE * len(rows)]
    names = ", ".join(name for name, _ in artists.most_common(_NAMED_ARTISTS))
    text = f"Daily mix {number}: " + " · ".join([*parts, names])
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:MAX_LIST_NAME].strip()
