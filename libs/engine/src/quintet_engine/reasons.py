"""Why a track is in the list: numbers first, then one sentence that says only what they show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import ATTRIBUTES, COLUMN, DIMENSIONS, dimensions_of

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative import telling
from quintet_engine.context import Context, SeedView
from quintet_engine.pair_features import tempo_distance, weighed_units, wheel_distance, wheel_places
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons, SeedKind

MOST_CONTRIBUTIONS: Final = 6
CLOSE_COSINE: Final = 0.5
"""From this cosine on a track is called close to a seed; below, the seed is only the nearest."""
SAME_TEMPO: Final = 0.08
"""Tempi within 8 % are the same range."""
ALIKE: Final = 0.25
"""Differences up to this many standard deviations are called similar."""
DIFFERENT: Final = 0.75
"""Differences from this many standard deviations on are worth naming."""
_WORDS: Final = {
    "energy": ("more energetic", "calmer", "similar energy"),
    "acousticness": ("more acoustic", "less acoustic", "equally acoustic"),
    "danceability": ("more danceable", "less danceable", "equally danceable"),
    "valence": ("happier", "sadder", "similar mood"),
    "instrumentalness": ("more instrumental", "less instrumental", ""),
    "speechiness": ("wordier", "less wordy", ""),
    "liveness": ("more of a live sound", "less of a live sound", ""),
}
_COMPARED: Final = tuple((COLUMN[name], *words) for name, words in _WORDS.items())
_SAME_OCTAVES: Final = -math.log2(1 - SAME_TEMPO)
# Adds the encoded coordinates of each attribute up: (14 coordinates, 14 attributes).
_DIMENSIONS_OF: Final = np.array(
    [[float(d in dimensions_of(name)) for name in ATTRIBUTES] for d in range(DIMENSIONS)],
    dtype=np.float32,
)


@dataclass(frozen=True)
class Comparison:
    """What can be said of a track against a reference, in words."""

    same: tuple[str, ...]
    different: tuple[str, ...]


def compare(
    track: Sequence[float],
    reference: Sequence[float],
    deviations: Sequence[float],
    *,
    octaves: float,
    steps: float,
) -> Comparison:
    """Compares raw attributes, in the order of `ATTRIBUTES`, in words.

    Tempo: within 8 %, or within 8 % of half or double. Key: the same or a neighbour on the
    circle of fifths, minor at its relative major. The rest by standard deviations of the
    catalogue: `ALIKE` and `DIFFERENT`. The strongest difference comes first.

    Args:
        track: Raw attributes of the track.
        reference: Of the seed.
        deviations: Standard deviations of the catalogue.
        octaves: `tempo_distance` of the two; NaN where a tempo is unknown.
        steps: `wheel_distance` of the two; NaN where a key is unknown.
    """
    same: list[str] = []
    ours, theirs = track[COLUMN["tempo"]], reference[COLUMN["tempo"]]
    if octaves <= _SAME_OCTAVES:
        ratio = ours / theirs
        if ratio < 0.75 or ratio > 1.5:
            same.append("double the tempo" if ratio > 1 else "half the tempo")
        elif abs(ratio - 1) <= SAME_TEMPO:
            same.append("same tempo range")
    if steps <= 1:
        same.append("compatible key")
    different: list[tuple[float, str]] = []
    for column, more, less, alike in _COMPARED:
        gap = (track[column] - reference[column]) / deviations[column]
        if abs(gap) >= DIFFERENT:
            different.append((-abs(gap), more if gap > 0 else less))
        elif abs(gap) <= ALIKE and alike:
            same.append(alike)
    return Comparison(tuple(same), tuple(text for _, text in sorted(different)))


def explain(
    context: Context,
    rows: Rows,
    contributions: NDArray[np.float64] | None,
    matrix: NDArray[np.float32],
    names: tuple[str, ...],
) -> list[Reasons]:
    """Explains rows.

    Args:
        context: The prepared query.
        rows: int64 (k,), the tracks returned.
        contributions: float64 (k, features + 1), or None where no booster ranked.
        matrix: float32 (k, features), the values the booster saw.
        names: The features' names.
    """
    writer = _Writer(context, rows)
    strongest = _strongest(contributions, np.nan_to_num(matrix), names)
    shares = ((context.catalogue.unit[rows] * context.vector) @ _DIMENSIONS_OF).tolist()
    means = context.seeds_mean.tolist()
    result = []
    for place in range(len(rows)):
        seed, similarity = writer.closest(place)
        view = context.seeds[seed]
        is_track = view.seed.kind is SeedKind.TRACK
        comparisons = zip(ATTRIBUTES, writer.raw[place], means, shares[place], strict=True)
        result.append(
            Reasons(
                writer.sentence(place, seed, similarity),
                view.seed.name if is_track else "",
                similarity if is_track else 0.0,
                strongest[place] if strongest else (),
                tuple(AudioComparison(*one) for one in comparisons),
            )
        )
    return result


class _Writer:
    """Writes the sentences of one answer; everything numeric is computed once for all rows."""

    def __init__(self, context: Context, rows: Rows) -> None:
        catalogue = context.catalogue
        self._context = context
        self._rows = rows.tolist()
        raw, tempo = catalogue.columns[rows], COLUMN["tempo"]
        self.raw: list[list[float]] = raw.tolist()
        self._references: list[list[float]] = context.seed_raw.tolist()
        self._deviations: list[float] = catalogue.deviations.tolist()
        self._octaves = tempo_distance(raw[:, tempo, None], context.seed_raw[None, :, tempo])
        self._steps = wheel_distance(
            wheel_places(raw)[:, None], wheel_places(context.seed_raw)[None, :]
        )
        self._cosines = _unit_cosines(context, rows)
        tracks = [view.seed.kind is SeedKind.TRACK for view in context.seeds]
        # A seed track is named where there is one; an artist's or genre's mean only otherwise.
        self._nameable = np.flatnonzero(tracks) if any(tracks) else np.arange(len(tracks))
        self._names = [_name(catalogue, view) for view in context.seeds]
        affinity = context.affinity
        self._told = telling.clauses(affinity, rows) if affinity is not None else []

    def closest(self, place: int) -> tuple[int, float]:
        """Returns the nearest seed worth naming, and the cosine to it."""
        cosines = self._cosines[place, self._nameable]
        best = int(np.argmax(cosines))
        return int(self._nameable[best]), float(cosines[best])

    def sentence(self, place: int, seed: int, similarity: float) -> str:
        """Writes a sentence such as: Close to 'Hotel California': same tempo range, calmer."""
        said = compare(
            self.raw[place],
            self._references[seed],
            self._deviations,
            octaves=float(self._octaves[place, seed]),
            steps=float(self._steps[place, seed]),
        )
        facts = self._relation(place, self._rows[place])
        clauses = [*said.same[: 1 if said.different else 2], *said.different[: 1 if facts else 2]]
        clauses += facts
        head = f"{'Close' if similarity >= CLOSE_COSINE else 'Nearest'} to {self._names[seed]}"
        return f"{head}: {', '.join(clauses)}." if clauses else f"{head} in overall sound."

    def _relation(self, place: int, row: int) -> list[str]:
        """Names at most one fact that ties a track to the seeds.

        Album and artist come first, then what playlists say, then genre.
        """
        context, catalogue = self._context, self._context.catalogue
        album = int(catalogue.album[row])
        if album >= 0 and context.album_weight[album] > 0:
            return ["from the same album" if len(context.seeds) == 1 else "from a seed's album"]
        for artist in catalogue.track_artists.of(row).tolist():
            if context.artist_weight[artist] > 0:
                return [f"also by {catalogue.artist_title(row, artist)}"]
        if self._told and self._told[place]:
            return [self._told[place]]
        genres = catalogue.track_genres.of(row)
        weights = context.genre_weight[genres]
        if len(genres) and weights.max() > 0:
            return [f"also {catalogue.genres[int(genres[np.argmax(weights)])]}"]
        return []


def _unit_cosines(context: Context, rows: Rows) -> NDArray[np.float32]:
    cosines = weighed_units(context, rows) @ context.seed_vectors.T
    return np.asarray(np.clip(cosines, -1.0, 1.0), dtype=np.float32)


def _strongest(
    contributions: NDArray[np.float64] | None, values: NDArray[np.float32], names: tuple[str, ...]
) -> list[tuple[FeatureContribution, ...]]:
    """Returns the strongest contributions of each row; nothing where no booster ranked."""
    if contributions is None:
        return []
    shares = contributions[:, :-1]
    order = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :MOST_CONTRIBUTIONS]
    picked = np.take_along_axis(shares, order, axis=1).tolist()
    seen = np.take_along_axis(values, order, axis=1).tolist()
    return [
        tuple(
            FeatureContribution(names[feature], share, value)
            for feature, share, value in zip(*row, strict=True)
            if share != 0
        )
        for row in zip(order.tolist(), picked, seen, strict=True)
    ]


def _name(catalogue: Catalogue, view: SeedView) -> str:
    if view.seed.kind is SeedKind.TRACK:
        return f"'{catalogue.titles(view.rows)[0]}'"
    if view.seed.kind is SeedKind.ARTIST:
        name = catalogue.artist_title(int(view.rows[0]), int(view.artists[0]))
        return f"the average sound of {name}"
    return f"the average sound of {view.seed.name}"
