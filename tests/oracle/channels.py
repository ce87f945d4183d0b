"""The channels of a trained model in NumPy and SciPy, for comparison with the compiled ones."""

from collections.abc import Mapping

import numpy as np
from quintet_engine.collaborative.space import ALL_KINDS, TRACK, PlaylistSpace
from quintet_engine.collaborative.tokens import KINDS, Tokens
from quintet_engine.context import Context
from quintet_engine.vectors import Hits

RIDGE, BY_TRACK, BY_ARTIST, BY_CONTEXT = range(4)


def kernels(space: PlaylistSpace, tokens: Tokens, seeds, shares) -> dict[str, np.ndarray]:
    """The cosine of some seeds to every playlist, by kind of token, (p,)."""
    length = float(np.linalg.norm(shares)) or 1.0
    shared = np.asarray(space.holders[seeds].T @ shares).ravel()
    found = {TRACK: shared / (length * np.sqrt(np.maximum(space.lengths, 1.0)))}
    for kind in KINDS:
        row = np.sqrt(np.asarray(tokens.kinds[kind][seeds].T @ shares).ravel())
        row /= max(float(np.linalg.norm(row)), 1e-9)
        found[kind] = np.asarray(space.rows[kind].T @ row).ravel()
    return found


def ridge_weights(space: PlaylistSpace, cosines: Mapping[str, np.ndarray]) -> np.ndarray:
    """Every playlist's weight by kernel ridge regression, (p,)."""
    return space.inverse @ sum(space.weights[kind] * cosines[kind] for kind in ALL_KINDS)


def weights(space: PlaylistSpace, cosines: Mapping[str, np.ndarray]) -> np.ndarray:
    """The playlists' weights in each view, (p, 4)."""
    context = (cosines["year"] * cosines["audio"] * (0.2 + cosines["word"])) ** 2
    views = (cosines[TRACK], cosines["artist"] ** 2, context)
    scaled = [view / view.sum() if view.sum() > 1e-9 else view for view in views]
    return np.stack((ridge_weights(space, cosines), *scaled), axis=1)


def scores(context: Context, channel: str) -> np.ndarray:
    """Each row's score in a channel, (n,); NaN where the channel cannot find it."""
    affinity = context.trained_affinity
    tokens, space = affinity.model.tokens, affinity.model.space
    listed = np.diff(space.holders.indptr) > 0
    by_view = space.holders @ affinity.weights
    sound = tokens.sound_units @ affinity.sound
    if channel == "playlists":
        found = np.where(listed & (by_view[:, RIDGE] > 0), by_view[:, RIDGE], np.nan)
    elif channel == "together":
        found = np.where(by_view[:, BY_TRACK] > 0, by_view[:, BY_TRACK] + 1e-3 * sound, np.nan)
    elif channel == "related":
        of_artists = np.append(space.rows["artist"] @ affinity.weights[:, RIDGE], 0)
        favoured = of_artists[tokens.artist]
        popularity = 0.3 + context.catalogue.popularity / 100
        found = np.where(favoured > 0, favoured * popularity * (1 + 0.5 * sound), np.nan)
    else:
        found = _content(context)
    return np.where(context.allowed.mask, found, np.nan)


def _content(context: Context) -> np.ndarray:
    affinity = context.trained_affinity
    tokens, space, pool = (
        affinity.model.tokens,
        affinity.model.space,
        affinity.model.content,
    )
    total = 0.5 * pool.popularity.astype(np.float64)
    for kind, matrix in (
        ("year", tokens.kinds["year"]),
        ("audio", tokens.kinds["audio"]),
        ("word", tokens.words_of(np.arange(len(context.catalogue)))),
    ):
        of_tokens = space.rows[kind] @ affinity.weights[:, BY_CONTEXT].astype(np.float64)
        values = np.asarray(matrix[pool.rows] @ of_tokens).ravel()
        total += (values - values.mean()) / (values.std() + 1e-9)
    found = np.full(len(context.catalogue), np.nan)
    found[pool.rows] = total
    return found


def united(hits: list[Hits]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of all channels, ascending, and their closeness, (channels, c)."""
    rows = np.unique(np.concatenate([hit.rows for hit in hits]))
    closeness = np.zeros((len(hits), len(rows)), np.float32)
    for channel, hit in enumerate(hits):
        closeness[channel, np.searchsorted(rows, hit.rows)] = 1 / (1 + np.arange(len(hit.rows)))
    return rows, closeness
