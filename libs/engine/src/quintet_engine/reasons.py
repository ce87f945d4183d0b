"""Why a track is in the list: numbers first, then one sentence that says only what they show."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import ATTRIBUTES, COLUMN, Raw, dimensions_of

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context, SeedView
from quintet_engine.pair_features import tempo_distance, wheel_distance, wheel_place
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


@dataclass(frozen=True)
class Comparison:
    """What can be said of a track against a reference, in words."""

    same: tuple[str, ...]
    different: tuple[str, ...]


def compare(track: Raw, reference: Raw, deviations: Raw) -> Comparison:
    """Compares raw attributes (14,) in words.

    Tempo: within 8 %, or within 8 % of half or double. Key: the same or a neighbour on the
    circle of fifths, minor at its relative major. The rest by standard deviations of the
    catalogue: `ALIKE` and `DIFFERENT`. The strongest difference comes first.
    """
    same: list[str] = []
    tempo = COLUMN["tempo"]
    ours, theirs = track[tempo], reference[tempo]
    octaves = float(tempo_distance(np.array([ours]), np.array([theirs]))[0])
    if ours > 0 and theirs > 0:
        if abs(ours / theirs - 1) <= SAME_TEMPO:
            same.append("same tempo range")
        elif octaves <= np.log2(1 + SAME_TEMPO):
            same.append("double the tempo" if ours > theirs else "half the tempo")
    steps = wheel_distance(wheel_place(track[None, :]), wheel_place(reference[None, :]))[0]
    if steps <= 1:
        same.append("compatible key")
    different: list[tuple[float, str]] = []
    for name, (more, less, alike) in _WORDS.items():
        gap = float((track[COLUMN[name]] - reference[COLUMN[name]]) / deviations[COLUMN[name]])
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
    cosines = _unit_cosines(context, rows)
    shares = context.catalogue.unit[rows] * context.vector
    raw = context.catalogue.columns[rows]
    tracks = np.array([view.seed.kind is SeedKind.TRACK for view in context.seeds])
    result = []
    for place, row in enumerate(rows.tolist()):
        # A seed track is named where there is one; an artist's or genre's mean only otherwise.
        among = np.flatnonzero(tracks) if tracks.any() else np.arange(len(tracks))
        seed = int(among[np.argmax(cosines[place, among])])
        closest = context.seeds[seed]
        similarity = float(cosines[place, seed])
        is_track = closest.seed.kind is SeedKind.TRACK
        result.append(
            Reasons(
                _sentence(context, row, seed, similarity),
                closest.seed.name if is_track else "",
                similarity if is_track else 0.0,
                _strongest(contributions, matrix, names, place),
                _comparisons(raw[place], context.seeds_mean, shares[place]),
            )
        )
    return result


def _unit_cosines(context: Context, rows: Rows) -> NDArray[np.float32]:
    weighed = context.catalogue.encoded[rows] * context.profile.weights
    norms = np.linalg.norm(weighed, axis=1, keepdims=True)
    cosines = (weighed / np.where(norms > 0, norms, 1.0)) @ context.seed_vectors.T
    return np.asarray(np.clip(cosines, -1.0, 1.0), dtype=np.float32)


def _strongest(
    contributions: NDArray[np.float64] | None,
    matrix: NDArray[np.float32],
    names: tuple[str, ...],
    place: int,
) -> tuple[FeatureContribution, ...]:
    if contributions is None:
        return ()
    shares = contributions[place, :-1]
    order = np.argsort(-np.abs(shares), kind="stable")[:MOST_CONTRIBUTIONS]
    return tuple(
        FeatureContribution(names[i], float(shares[i]), float(np.nan_to_num(matrix[place, i])))
        for i in order.tolist()
        if shares[i] != 0
    )


def _comparisons(raw: Raw, means: Raw, shares: NDArray[np.float32]) -> tuple[AudioComparison, ...]:
    return tuple(
        AudioComparison(
            name,
            float(raw[column]),
            float(means[column]),
            float(shares[list(dimensions_of(name))].sum()),
        )
        for column, name in enumerate(ATTRIBUTES)
    )


def _sentence(context: Context, row: int, seed: int, similarity: float) -> str:
    """Writes "Close to 'Hotel California': same tempo range, more acoustic." from real numbers."""
    catalogue, view = context.catalogue, context.seeds[seed]
    reference = context.seed_raw[seed]
    said = compare(catalogue.columns[row], reference, catalogue.deviations)
    facts = _relation(context, row)
    clauses = [*said.same[: 1 if said.different else 2], *said.different[: 1 if facts else 2]]
    clauses += facts
    opening = "Close to" if similarity >= CLOSE_COSINE else "Nearest seed"
    head = f"{opening} {_name(catalogue, view)}"
    if opening != "Close to":
        head = f"{opening} is {_name(catalogue, view)}"
    return f"{head}: {', '.join(clauses)}." if clauses else f"{head} in overall sound."


def _name(catalogue: Catalogue, view: SeedView) -> str:
    if view.seed.kind is SeedKind.TRACK:
        return f"'{catalogue.titles(view.rows)[0]}'"
    if view.seed.kind is SeedKind.ARTIST:
        name = catalogue.artist_title(int(view.rows[0]), int(view.artists[0]))
        return f"the average sound of {name}"
    return f"the average sound of {view.seed.name}"


def _relation(context: Context, row: int) -> list[str]:
    """Names at most one fact that ties a track to the seeds: album, artist, then genre."""
    catalogue = context.catalogue
    album = int(catalogue.album[row])
    if album >= 0 and context.album_weight[album] > 0:
        return ["from the same album" if len(context.seeds) == 1 else "from a seed's album"]
    for artist in catalogue.track_artists.of(row).tolist():
        if context.artist_weight[artist] > 0:
            return [f"also by {catalogue.artist_title(row, artist)}"]
    return []
