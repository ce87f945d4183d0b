"""What is asked and what is to be found: playlists held out, seeds drawn, the rest hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from quintet_engine.catalogue import Mask, Rows


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        playlist: Which playlist it comes from.
        seeds: What is asked with, int64 (s,).
        truth: What is to be found, int64 (t,), t ≥ 1, none of them a seed.
    """

    playlist: int
    seeds: Rows
    truth: Rows


def draw_cases(
    playlists: Sequence[Rows],
    held_out: Rows,
    seed_counts: Sequence[int],
    min_length: int,
    random: np.random.Generator,
) -> dict[int, list[Case]]:
    """Sample seeds from each held-out playlist; fewer seeds are the first of more.

    Args:
        playlists: Distinct rows of each playlist.
        held_out: Numbers of the playlists to ask about.
        seed_counts: How many seeds, each ≥ 1.
        min_length: Shorter playlists are not asked about.
        random: Where the order of a playlist comes from.

    Returns:
        Seed count to its cases. A playlist is asked about with s seeds where it has at least
        2 · s tracks, so that never less is to be found than was given.
    """
    cases: dict[int, list[Case]] = {count: [] for count in seed_counts}
    for number in held_out.tolist():
        rows = random.permutation(playlists[number])
        if len(rows) < min_length:
            continue
        for count in seed_counts:
            if len(rows) >= 2 * count:
                cases[count].append(Case(number, rows[:count], np.sort(rows[count:])))
    return cases


def draw_cold_tracks(track_count: int, share: float, random: np.random.Generator) -> Mask:
    """Return which tracks are to be unknown to all training playlists, bool (n,)."""
    cold = np.zeros(track_count, dtype=np.bool_)
    cold[random.permutation(track_count)[: round(share * track_count)]] = True
    return cold


def without(playlists: Sequence[Rows], cold: Mask) -> list[Rows]:
    """Return playlists without their cold tracks; with fewer than two left, not at all."""
    kept = [rows[~cold[rows]] for rows in playlists]
    return [rows for rows in kept if len(rows) > 1]


def cold_cases(
    playlists: Sequence[Rows],
    held_out: Rows,
    cold: Mask,
    seeds: int,
    random: np.random.Generator,
) -> list[Case]:
    """Ask with warm seeds for the cold tracks of a playlist.

    Returns:
        One case for each held-out playlist with at least so many warm tracks and a cold one.
    """
    cases = []
    for number in held_out.tolist():
        rows = random.permutation(playlists[number])
        hidden = rows[cold[rows]]
        warm = rows[~cold[rows]]
        if len(hidden) and len(warm) >= seeds:
            cases.append(Case(number, warm[:seeds], np.sort(hidden)))
    return cases
