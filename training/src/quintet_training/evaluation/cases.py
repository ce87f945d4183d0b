"""The questions of an evaluation: seeds from held-out playlists, and the hidden tracks to find."""

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
        random: Shuffles each playlist.

    Returns:
        Seed count to its cases. A playlist is asked about with s seeds if it has at least 2 · s
        tracks, so that at least as many are to be found as were given.
    """
    cases: dict[int, list[Case]] = {count: [] for count in seed_counts}
    for number in held_out.tolist():
        # One order for all counts: sections differ by the number of seeds alone. Shuffled before
        # the length is checked, so that `min_length` does not change later playlists.
        rows = random.permutation(playlists[number])
        if len(rows) < min_length:
            continue
        for count in seed_counts:
            if len(rows) >= 2 * count:
                cases[count].append(Case(number, rows[:count], np.sort(rows[count:])))
    return cases


def draw_cold_tracks(track_count: int, share: float, random: np.random.Generator) -> Mask:
    """Choose the tracks that the second training must not see, bool (n,): a share of all."""
    cold = np.zeros(track_count, dtype=np.bool_)
    cold[random.permutation(track_count)[: round(share * track_count)]] = True
    return cold


def without(playlists: Sequence[Rows], cold: Mask) -> list[Rows]:
    """Remove cold tracks from playlists; a playlist that keeps fewer than two is dropped."""
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
