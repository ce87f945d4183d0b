"""Trains the bootstrap booster: LambdaRank on groups that the catalogue itself holds.

Until playlists are imported nobody has said which tracks belong together, but the catalogue
has: an artist's tracks, an album's tracks, a genre's tracks. Each group is asked for as a
listener would: up to five of its tracks are seeds, retrieval finds candidates as it does when
serving, and the candidates of the same group are the relevant ones; the rest are hard negatives.

What made the group would give the answer away: in an artist's group "by the same artist" is the
label itself. So in each group the features and channels that state its own relation, or one that
implies it, are hidden (missing values), and the booster has to recognise the group by everything
else. From a genre's group it learns the value of an artist, from an artist's group that of genre
and audio. Popularity is never a label, and the booster may not split on anything made of
it: no listener asked for what is merely popular.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Groups, Rows
from quintet_engine.engine import Engine
from quintet_engine.query import MAX_SEEDS, Query, Seasonal, Seed, SeedKind, Variants
from quintet_engine.recipes import BOOTSTRAP

# By kind of group, the features that state its relation. An album implies its artist, so a group of
# either kind hides both.
_HIDDEN: Final = {
    "artist": ("artist_share", "album_share", "artist_closeness", "album_closeness"),
    "album": ("artist_share", "album_share", "artist_closeness", "album_closeness"),
    "genre": ("genre_share", "genre_cosine", "genre_closeness"),
}
# Popularity and what contains it: the channel `genre` ranks by popularity. `seed_agreement` is
# equal for all candidates of a query, so a split on it orders nothing.
_NO_SPLIT: Final = ("popularity", "popularity_gap", "genre_closeness", "seed_agreement")


@dataclass(frozen=True)
class BootstrapParameters:
    """What decides the bootstrap booster besides the catalogue.

    Attributes:
        seed: For sampling and training.
        groups: How many groups of each kind are asked for at most; bounds the time.
        candidates: The candidate budget of each.
        rounds: Trees.
        leaves: Leaves a tree.
        learning_rate: Shrinkage.
    """

    seed: int = 7
    groups: int = 160
    candidates: int = 120
    rounds: int = 60
    leaves: int = 15
    learning_rate: float = 0.1

    def facts(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return asdict(self)


@dataclass(frozen=True)
class RankingRows:
    """Training rows: features float32 (r, f), labels int32 (r,), rows a query int32 (q,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int32]
    sizes: NDArray[np.int32]


def bootstrap_rows(
    engine: Engine,
    parameters: BootstrapParameters,
    progress: Callable[[float], None] | None = None,
) -> RankingRows:
    """Build training rows: ask for sampled groups and label the candidates that retrieval finds.

    Args:
        engine: Of the catalogue, without a booster.
        parameters: The random seed, and bounds on groups and candidates.
        progress: Receives the completed share, 0..1.

    Returns:
        Rows by group. A catalogue of unrelated tracks gives two rows of zeros.
    """
    random = np.random.default_rng(parameters.seed)
    groups = _sample_groups(engine.catalogue, parameters.groups, random)
    blocks: list[tuple[NDArray[np.float32], NDArray[np.int32]]] = []
    for done, (kind, members) in enumerate(groups):
        block = _ask(engine, kind, members, parameters.candidates, random)
        if block is not None:
            blocks.append(block)
        if progress is not None:
            progress((done + 1) / len(groups))
    if not blocks:
        # Unrelated tracks have nothing to learn from; a constant booster keeps their order.
        width = len(BOOTSTRAP.names)
        nothing = np.zeros((2, width), dtype=np.float32)
        return RankingRows(nothing, np.zeros(2, dtype=np.int32), np.array([2], dtype=np.int32))
    return RankingRows(
        np.concatenate([features for features, _ in blocks]),
        np.concatenate([labels for _, labels in blocks]),
        np.array([len(labels) for _, labels in blocks], dtype=np.int32),
    )


def train_booster(rows: RankingRows, parameters: BootstrapParameters) -> str:
    """Train by LambdaRank; the same rows and parameters give the same text, byte for byte."""
    data = lightgbm.Dataset(
        rows.features,
        label=rows.labels,
        group=rows.sizes,
        feature_name=list(BOOTSTRAP.names),
        free_raw_data=True,
    )
    free = [0.0 if name in _NO_SPLIT else 1.0 for name in BOOTSTRAP.names]
    settings = {
        "objective": "lambdarank",
        "num_leaves": parameters.leaves,
        "learning_rate": parameters.learning_rate,
        # 20 is LightGBM's default; a small catalogue would get trees without a split.
        "min_data_in_leaf": 20 if len(rows.labels) > 2_000 else 1,
        # Gains are multiplied by it: with 0 a feature is never the best split.
        "feature_contri": free,
        "monotone_constraints": list(BOOTSTRAP.monotone),
        # Relevance is binary.
        "label_gain": [0, 1],
        "lambdarank_truncation_level": 50,
        "seed": parameters.seed,
        # Sums of histograms depend on the number of threads. LightGBM's documentation of
        # `deterministic` asks for one fixed layout: otherwise it times both and takes the faster.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return str(lightgbm.train(settings, data, parameters.rounds).model_to_string())


def _sample_groups(
    catalogue: Catalogue, most: int, random: np.random.Generator
) -> list[tuple[str, Rows]]:
    """Sample groups of each kind; genres, which are few and large, are drawn again and again."""
    chosen: list[tuple[str, Rows]] = []
    kinds: tuple[tuple[str, Groups, bool], ...] = (
        ("artist", catalogue.artist_tracks, False),
        ("album", catalogue.album_tracks, False),
        ("genre", catalogue.genre_tracks, True),
    )
    for kind, groups, again in kinds:
        # One track as a seed, another to find.
        able = np.flatnonzero(groups.sizes() >= 2)
        if len(able):
            count = most if again else min(most, len(able))
            for group in random.choice(able, count, replace=again).tolist():
                chosen.append((kind, groups.of(group)))
    return chosen


def _ask(
    engine: Engine, kind: str, members: Rows, budget: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]] | None:
    """Build the rows of one group: features float32 (r, f), labels int32 (r,).

    None if retrieval found no track of the group, or only such.
    """
    catalogue = engine.catalogue
    # Two releases of one recording as seed and answer would be trivial to match.
    _, first = np.unique(catalogue.recording[members], return_index=True)
    distinct = members[np.sort(first)]
    if len(distinct) < 2:
        return None
    # At least half of the group remains to be found.
    count = min(MAX_SEEDS, len(distinct) // 2)
    seeds = random.choice(distinct, count, replace=False)
    names = catalogue.track_ids(seeds)
    # Groups hold other versions and seasonal songs, so these are candidates too.
    query = Query(
        tuple(Seed(SeedKind.TRACK, name) for name in names),
        variants=Variants.ALLOW,
        seasonal=Seasonal.ALLOW,
    )
    context = engine.prepare(query)
    quotas = [max(1, int(channel.quota * budget)) for channel in engine.recipe.channels]
    candidates = engine.candidates(context, quotas)
    labels = np.isin(candidates.rows, members).astype(np.int32)
    # LambdaRank learns from pairs of a relevant and an irrelevant row; here there is none.
    if not 0 < labels.sum() < len(labels):
        return None
    features = engine.features(context, candidates)
    features[:, [BOOTSTRAP.names.index(name) for name in _HIDDEN[kind]]] = np.nan
    return features, labels
