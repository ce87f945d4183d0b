"""How tracks follow each other: distances in sound and taste, and facts that can be checked."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_explain import StepFact, StepKind, StepRelation, transition_sentence
from quintet_explain.facts import NEAR_TASTE
from quintet_modelkit.features import COLUMN, Encoded, Raw

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.music import wheel_distance, wheel_places
from quintet_engine.sequence import Transition

Distances = NDArray[np.float64]
SAME_ENERGY: Final = 0.25
"""Energies up to this many standard deviations apart are about the same."""
LITTLE_ENERGY: Final = 0.75
"""Below this many standard deviations a difference is called a little."""


def angles(a: Encoded, b: Encoded) -> Distances:
    """Measure the angles between unit rows as shares of half a turn, 0..1.

    Args:
        a: float32 (i, d).
        b: float32 (j, d).

    Returns:
        float64 (i, j). A row of zeros, which has no direction, is at 0.5 from all others.
    """
    cosines = np.clip(a @ b.T, -1.0, 1.0).astype(np.float64)
    return np.asarray(np.arccos(cosines) / np.pi)


def transitions(
    rows: Sequence[int] | Rows,
    catalogue: Catalogue,
    model: CollaborativeModel | None,
    language: str | None,
) -> list[Transition]:
    """Describe the steps of a sequence: k rows have k - 1.

    Args:
        rows: The tracks in order.
        catalogue: For attributes and names.
        model: For taste; None for a model without playlists.
        language: Of the sentences; None for neither sentences nor facts.
    """
    rows = np.asarray(rows, np.int64)
    if len(rows) < 2:
        return []
    units = catalogue.unit[rows]
    sound = np.diagonal(angles(units[:-1], units[1:]))
    taste = None if model is None else _taste_steps(model, rows)
    means = sound if taste is None else (sound + taste) / 2
    facts: list[tuple[StepFact, ...]] = [()] * len(sound)
    if language is not None:
        facts = _facts(rows, catalogue, taste)
    return [
        Transition(
            float(means[place]),
            float(sound[place]),
            None if taste is None else float(taste[place]),
            found,
            "" if language is None else transition_sentence(found, language),
        )
        for place, found in enumerate(facts)
    ]


def _taste_steps(model: CollaborativeModel, rows: Rows) -> Distances:
    places = model.taste.of(rows)
    return np.asarray(np.diagonal(angles(places[:-1], places[1:])))


def _facts(rows: Rows, catalogue: Catalogue, taste: Distances | None) -> list[tuple[StepFact, ...]]:
    raw = catalogue.columns[rows]
    places = wheel_places(raw)
    fits = wheel_distance(places[:-1], places[1:]) <= 1  # NaN, an unknown key, fits nothing
    found = []
    for step in range(len(rows) - 1):
        before, after = raw[step], raw[step + 1]
        near = taste is not None and np.cos(np.pi * taste[step]) >= NEAR_TASTE
        found.append(
            (
                *_tempo(before, after),
                *_key(before, after, bool(fits[step])),
                *_energy(before, after, catalogue),
                *_names(int(rows[step]), int(rows[step + 1]), catalogue),
                *(_taste_fact(taste[step]) if taste is not None and near else ()),
            )
        )
    return found


def _tempo(before: Raw, after: Raw) -> tuple[StepFact, ...]:
    """Compare tempi as they are written, in whole beats; nothing if one is unknown."""
    column = COLUMN["tempo"]
    old, new = float(before[column]), float(after[column])
    # A tempo of 0 is unknown, as Spotify writes it. NaN compares as false.
    if not (old > 0 and new > 0):
        return ()
    relation = _order(round(old), round(new))
    return (StepFact(StepKind.TEMPO, relation, old, new),)


def _order(old: float, new: float) -> StepRelation:
    if new == old:
        return StepRelation.SAME
    return StepRelation.HIGHER if new > old else StepRelation.LOWER


def _key(before: Raw, after: Raw, fits: bool) -> tuple[StepFact, ...]:
    """Name keys that are the same or fit; keys that clash are no reason."""
    key, mode = COLUMN["key"], COLUMN["mode"]
    if not fits:
        return ()
    old, new = (float(each[key]) for each in (before, after))
    old_mode, new_mode = (float(each[mode] >= 0.5) for each in (before, after))
    same = round(old) % 12 == round(new) % 12 and old_mode == new_mode
    relation = StepRelation.SAME if same else StepRelation.FITS
    return (StepFact(StepKind.KEY, relation, old, new, old_mode, new_mode),)


def _energy(before: Raw, after: Raw, catalogue: Catalogue) -> tuple[StepFact, ...]:
    column = COLUMN["energy"]
    old, new = float(before[column]), float(after[column])
    gap = (new - old) / float(catalogue.deviations[column])
    if np.isnan(gap):
        return ()
    if abs(gap) <= SAME_ENERGY:
        relation = StepRelation.SAME
    elif abs(gap) < LITTLE_ENERGY:
        relation = StepRelation.A_LITTLE_HIGHER if gap > 0 else StepRelation.A_LITTLE_LOWER
    else:
        relation = StepRelation.HIGHER if gap > 0 else StepRelation.LOWER
    return (StepFact(StepKind.ENERGY, relation, old, new),)


def _names(before: int, after: int, catalogue: Catalogue) -> tuple[StepFact, ...]:
    """Name the first artist of the later track that both share, else the first such genre."""
    shared = np.isin(catalogue.track_artists.of(after), catalogue.track_artists.of(before))
    if shared.any():
        artist = int(catalogue.track_artists.of(after)[shared][0])
        name = catalogue.artist_title(after, artist)
        return (StepFact(StepKind.ARTIST, StepRelation.BOTH, name=name),)
    genres = catalogue.track_genres.of(after)
    shared = np.isin(genres, catalogue.track_genres.of(before))
    if shared.any():
        name = catalogue.genres[int(genres[shared][0])]
        return (StepFact(StepKind.GENRE, StepRelation.BOTH, name=name),)
    return ()


def _taste_fact(distance: float) -> tuple[StepFact, ...]:
    return (StepFact(StepKind.TASTE, StepRelation.BOTH, value=float(np.cos(np.pi * distance))),)
