"""Explains a track: numbers first, then one sentence that says only what the numbers show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN, DIMENSIONS, Raw, dimensions_of

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.reasons import playlist_phrases
from quintet_engine.context import Context, SeedView
from quintet_engine.features.content import weighted_units
from quintet_engine.features.music import tempo_distance, wheel_distance, wheel_places
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons, Seed, SeedKind

MOST_CONTRIBUTIONS: Final = 6
"""How many feature contributions a track has at most, the strongest."""
CLOSE_COSINE: Final = 0.5
"""From this cosine on, a track is called close to a seed; below, the seed is only the nearest."""
SAME_TEMPO: Final = 0.08
"""Tempi within 8 % are the same range."""
ALIKE: Final = 0.25
"""Differences up to this many standard deviations are called similar."""
DIFFERENT: Final = 0.75
"""Differences from this many standard deviations on are worth naming."""
# Attribute → the phrase for more of it, for less of it, and for the same; "" is never said.
_WORDS: Final = {
    "energy": ("more energetic", "calmer", "similar energy"),
    "acousticness": ("more acoustic", "less acoustic", "equally acoustic"),
    "danceability": ("more danceable", "less danceable", "equally danceable"),
    "valence": ("happier", "sadder", "similar mood"),
    "instrumentalness": ("more instrumental", "less instrumental", ""),
    "speechiness": ("wordier", "less wordy", ""),
    "liveness": ("more of a live sound", "less of a live sound", ""),
}
_COMPARED: Final = [COLUMN[name] for name in _WORDS]
# `SAME_TEMPO` in octaves, as `tempo_distance` measures.
_SAME_OCTAVES: Final = -math.log2(1 - SAME_TEMPO)
# Sums the encoded coordinates of each attribute (key has two): (14 coordinates, 14 attributes).
_DIMENSIONS_OF: Final = np.array(
    [[float(d in dimensions_of(name)) for name in ATTRIBUTES] for d in range(DIMENSIONS)],
    dtype=np.float32,
)


@dataclass(frozen=True)
class SoundComparison:
    """Phrases that compare a track with a reference: in common, and different."""

    same: tuple[str, ...]
    different: tuple[str, ...]


def compare(
    gaps: Sequence[float], *, ratio: float, octaves: float, steps: float
) -> SoundComparison:
    """Describe in words how a track differs from a reference.

    Tempo: within 8 %, or within 8 % of half or double. Key: the same or a neighbour on the circle
    of fifths, minor at its relative major. The rest by standard deviations of the catalogue:
    `ALIKE` and `DIFFERENT`. The strongest difference comes first.

    Args:
        gaps: Track minus reference in standard deviations, one for each attribute of `_WORDS`.
        ratio: Of their tempi; NaN if one is unknown.
        octaves: `tempo_distance` of the two; NaN likewise.
        steps: `wheel_distance` of the two; NaN if a key is unknown.
    """
    same: list[str] = []
    # NaN compares as false, so an unknown tempo or key is not mentioned.
    if octaves <= _SAME_OCTAVES:
        if ratio < 0.75 or ratio > 1.5:
            same.append("double the tempo" if ratio > 1 else "half the tempo")
        elif abs(ratio - 1) <= SAME_TEMPO:
            same.append("same tempo range")
    if steps <= 1:
        same.append("compatible key")
    different: list[tuple[float, str]] = []
    for gap, (more, less, alike) in zip(gaps, _WORDS.values(), strict=True):
        size = abs(gap)
        if size >= DIFFERENT:
            different.append((-size, more if gap > 0 else less))
        elif size <= ALIKE and alike:
            same.append(alike)
    return SoundComparison(tuple(same), tuple(text for _, text in sorted(different)))


def explain(
    context: Context,
    rows: Rows,
    contributions: NDArray[np.float64] | None,
    matrix: NDArray[np.float32],
    names: tuple[str, ...],
) -> list[Reasons]:
    """Explain rows.

    Args:
        context: The prepared query.
        rows: int64 (k,), the tracks returned.
        contributions: float64 (k, features + 1), or None if no booster ranked.
        matrix: float32 (k, features), the values the booster saw.
        names: The features' names.
    """
    catalogue, raw = context.catalogue, context.catalogue.columns[rows]
    writer = _Writer(context, rows, raw)
    strongest = _strongest(contributions, np.nan_to_num(matrix), names)
    shares = (catalogue.unit[rows] * context.vector) @ _DIMENSIONS_OF
    means, sentences = context.seeds_mean.tolist(), writer.sentences()
    result = []
    for place, (values, parts) in enumerate(zip(raw.tolist(), shares.tolist(), strict=True)):
        seed, similarity = writer.closest(place)
        is_track = seed.kind is SeedKind.TRACK
        result.append(
            Reasons(
                sentences[place],
                seed.name if is_track else "",
                similarity if is_track else 0.0,
                strongest[place] if strongest else (),
                tuple(map(AudioComparison, ATTRIBUTES, values, means, parts)),
            )
        )
    return result


class _Writer:
    """Writes the sentences of one list; everything numeric is computed once for all rows."""

    def __init__(self, context: Context, rows: Rows, raw: Raw) -> None:
        catalogue, affinity, tempo = context.catalogue, context.affinity, COLUMN["tempo"]
        self._context = context
        self._rows = rows.tolist()
        nearest, self._cosines = _closest(context, rows)
        self._nearest: list[int] = nearest.tolist()
        reference = context.seed_raw[nearest]
        octaves = tempo_distance(raw[:, tempo], reference[:, tempo])
        with np.errstate(divide="ignore", invalid="ignore"):  # an unknown tempo is 0
            ratio = raw[:, tempo] / reference[:, tempo]
        steps = wheel_distance(wheel_places(raw), wheel_places(reference))
        gaps = ((raw - reference) / catalogue.deviations)[:, _COMPARED]
        self._compared = list(
            zip(gaps.tolist(), ratio.tolist(), octaves.tolist(), steps.tolist(), strict=True)
        )
        self._names = [_name(catalogue, view) for view in context.seeds]
        album = catalogue.album[rows]
        self._seed_album = ((album >= 0) & (context.album_weight[album] > 0)).tolist()
        artists = catalogue.track_artists.greatest(rows, context.artist_weight)
        self._seed_artist = (artists > 0).tolist()
        self._playlist_phrases = playlist_phrases(affinity, rows) if affinity is not None else []

    def closest(self, place: int) -> tuple[Seed, float]:
        """Find the nearest seed worth naming, and the cosine to it."""
        return self._context.seeds[self._nearest[place]].seed, self._cosines[place]

    def sentences(self) -> list[str]:
        """Write one sentence per row, such as: Close to 'Hotel California': same tempo range."""
        return [
            self._sentence(place, compare(gaps, ratio=ratio, octaves=octaves, steps=steps))
            for place, (gaps, ratio, octaves, steps) in enumerate(self._compared)
        ]

    def _sentence(self, place: int, comparison: SoundComparison) -> str:
        """Join the phrases of one row: at most three, of which at most two differences."""
        relations = self._relation(place, self._rows[place])
        phrases = [
            *comparison.same[: 1 if comparison.different else 2],
            *comparison.different[: 1 if relations else 2],
            *relations,
        ]
        near = "Close" if self._cosines[place] >= CLOSE_COSINE else "Nearest"
        head = f"{near} to {self._names[self._nearest[place]]}"
        return f"{head}: {', '.join(phrases)}." if phrases else f"{head} in overall sound."

    def _relation(self, place: int, row: int) -> list[str]:
        """Name at most one relation between a track and the seeds.

        Album and artist come first, then playlists, then genre.
        """
        context, catalogue = self._context, self._context.catalogue
        if self._seed_album[place]:
            return ["from the same album" if len(context.seeds) == 1 else "from a seed's album"]
        if self._seed_artist[place]:
            artists = catalogue.track_artists.of(row)
            first = int(artists[np.argmax(context.artist_weight[artists] > 0)])
            return [f"also by {catalogue.artist_title(row, first)}"]
        if self._playlist_phrases and self._playlist_phrases[place]:
            return [self._playlist_phrases[place]]
        genres = catalogue.track_genres.of(row)
        weights = context.genre_weight[genres]
        if len(genres) and weights.max() > 0:
            return [f"also {catalogue.genres[int(genres[np.argmax(weights)])]}"]
        return []


def _closest(context: Context, rows: Rows) -> tuple[Rows, list[float]]:
    """Find the place of the nearest seed worth naming for each row, and the cosine to it.

    Seed tracks are named if there are any; an artist's or genre's mean only otherwise.
    """
    tracks = [view.seed.kind is SeedKind.TRACK for view in context.seeds]
    nameable = np.flatnonzero(tracks) if any(tracks) else np.arange(len(tracks))
    cosines = weighted_units(context, rows) @ context.seed_vectors[nameable].T
    greatest = np.clip(cosines.max(axis=1), -1.0, 1.0)
    return nameable[cosines.argmax(axis=1)], greatest.tolist()


def _strongest(
    contributions: NDArray[np.float64] | None, values: NDArray[np.float32], names: tuple[str, ...]
) -> list[tuple[FeatureContribution, ...]]:
    """Select the strongest contributions of each row; an empty list if no booster ranked."""
    if contributions is None:
        return []
    shares = contributions[:, :-1]
    sizes, most = -np.abs(shares), min(MOST_CONTRIBUTIONS, shares.shape[1])
    # Partition first: sorting only the few greatest takes a fraction of the time.
    first = np.argpartition(sizes, most - 1, axis=1)[:, :most]
    by_size = np.argsort(np.take_along_axis(sizes, first, axis=1), axis=1, kind="stable")
    order = np.take_along_axis(first, by_size, axis=1)
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
    """Name a seed in a sentence."""
    if view.seed.kind is SeedKind.TRACK:
        return f"'{catalogue.titles(view.rows)[0]}'"
    if view.seed.kind is SeedKind.ARTIST:
        name = catalogue.artist_title(int(view.rows[0]), int(view.artists[0]))
        return f"the average sound of {name}"
    return f"the average sound of {view.seed.name}"
