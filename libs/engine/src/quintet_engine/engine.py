"""The engine: one query in, one ranked and explained list out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.bundle import Bundle
from quintet_modelkit.features import feature_hash
from quintet_modelkit.publication import PublicationInvalid

from quintet_engine import pair_features, postrank, reasons
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.channels import CHANNELS, Candidates, Channel, gather, target_distance
from quintet_engine.context import Context, SeedView, prepare
from quintet_engine.index import VectorIndex
from quintet_engine.query import (
    MAX_SEEDS,
    Pool,
    Query,
    RankedTrack,
    Ranking,
    Seed,
    SeedKind,
    SeedPool,
    SeedUnknown,
    check,
)

Scores = NDArray[np.float64]
TARGET_STRENGTH: Final = 3.0
"""What one standard deviation away from the targets costs, in standard deviations of score."""
NEGATIVE_STRENGTH: Final = 1.0
"""What a cosine of 1 to a negative seed costs, in standard deviations of score."""
GOLDEN_TOLERANCE: Final = 1e-3
"""How far a golden score may lie from the recorded one: other processors sum in other orders."""
_LEAST_BUDGET: Final = 200
_SEED_POOL: Final = 200
_GOLDEN_LIMIT: Final = 20
INDEX_FILE: Final = "index.faiss"
BOOSTER_FILE: Final = "booster.txt"


@dataclass(frozen=True)
class Versions:
    """The versions an engine reports."""

    model: str
    index: str
    catalogue: str


@dataclass(frozen=True)
class _Scored:
    """Candidates with what they were ranked by."""

    candidates: Candidates
    matrix: NDArray[np.float32]
    scores: Scores
    order: Rows


class Engine:
    """Retrieves and ranks over one catalogue; safe to call from several threads at once.

    Args:
        catalogue: What is recommended from.
        index: The audio index over it.
        ranker: The booster; cosine order and a degraded answer where None.
        versions: Reported with every answer.
        channels: The retrieval channels.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        index: VectorIndex,
        ranker: Ranker | None,
        versions: Versions,
        channels: Sequence[Channel] = CHANNELS,
    ) -> None:
        self.catalogue = catalogue
        self.index = index
        self.ranker = ranker
        self.versions = versions
        self.channels = tuple(channels)

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Loads a bundle and proves that it answers as it did when it was made.

        Raises:
            PublicationInvalid: A file is missing or altered, the booster was made for other
                features, or the golden request comes out otherwise.
        """
        bundle = Bundle.load(folder, verify=verify)
        manifest = bundle.manifest
        expected = feature_hash(pair_features.NAMES)
        if manifest["feature_hash"] != expected:
            raise PublicationInvalid(
                f"{folder.name}: made for features {manifest['feature_hash'][:12]}, "
                f"this program has {expected[:12]}"
            )
        catalogue = Catalogue.of(bundle.snapshot)
        facts: dict[str, Any] = manifest["index"]
        try:
            index = VectorIndex.load(
                folder / INDEX_FILE,
                catalogue.unit,
                nprobe=int(facts["nprobe"]),
                recall=float(facts["recall"]),
            )
            ranker = Ranker.from_text((folder / BOOSTER_FILE).read_text(encoding="utf-8"))
        except (ValueError, OSError) as fault:
            raise PublicationInvalid(f"{folder.name}: {fault}") from fault
        if ranker.names != pair_features.NAMES:
            raise PublicationInvalid(f"{folder.name}: the booster has other features")
        versions = Versions(
            str(manifest["model_version"]),
            str(manifest["index_version"]),
            str(manifest["catalogue_version"]),
        )
        engine = cls(catalogue, index, ranker, versions)
        engine.check_golden(bundle.golden)
        return engine

    def check_golden(self, golden: dict[str, Any]) -> None:
        """Answers the golden request and compares.

        Raises:
            PublicationInvalid: A score differs by more than `GOLDEN_TOLERANCE`.
        """
        try:
            got = np.array([score for _, score in self.golden_answer(golden["seeds"])])
            want = np.array([score for _, score in golden["tracks"]], dtype=np.float64)
        except (KeyError, TypeError, ValueError, SeedUnknown) as fault:
            raise PublicationInvalid(
                f"{self.versions.model}: the golden request cannot be answered: {fault}"
            ) from fault
        if got.shape != want.shape or not np.allclose(got, want, rtol=0, atol=GOLDEN_TOLERANCE):
            raise PublicationInvalid(
                f"{self.versions.model}: the golden request comes out otherwise than recorded"
            )

    def golden_answer(self, seeds: Sequence[str]) -> list[tuple[str, float]]:
        """Returns the ids and scores of the golden request, which starts from these tracks."""
        tracks = tuple(Seed(SeedKind.TRACK, name) for name in seeds)
        ranking = self.recommend(Query(tracks, limit=_GOLDEN_LIMIT, reasons=False))
        return [(track.track_id, track.score) for track in ranking.tracks]

    def recommend(self, query: Query, *, max_seeds: int = MAX_SEEDS) -> Ranking:
        """Answers a query; the same query always gets the same list.

        Fewer tracks than asked come back only when no allowed track is left that duplicates
        and the artist cap admit.

        Raises:
            QueryInvalid: A rule is broken.
            SeedUnknown: The catalogue lacks a seed.
        """
        check(query, max_seeds)
        context = prepare(query, self.catalogue, self.index)
        available = int(np.count_nonzero(context.allowed))
        budget = max(2 * query.limit, _LEAST_BUDGET)
        while True:
            scored = self._score(context, budget)
            chosen = self._choose(context, scored)
            if len(chosen) >= query.limit or len(scored.candidates.rows) >= available:
                break
            budget *= 4
        pool = Pool(len(self.catalogue), available, len(scored.candidates.rows), len(scored.order))
        degraded = () if self.ranker is not None else ("booster",)
        return Ranking(
            self._tracks(context, scored, chosen),
            pool,
            self._seed_pools(context),
            self.versions.model,
            self.versions.index,
            self.versions.catalogue,
            degraded,
        )

    def candidates(self, context: Context, budget: int) -> Candidates:
        """Runs the channels for a prepared query."""
        return gather(context, self.channels, budget)

    def _score(self, context: Context, budget: int) -> _Scored:
        candidates = self.candidates(context, budget)
        matrix = pair_features.build(context, candidates)
        if not len(candidates.rows):
            empty = np.empty(0)
            return _Scored(candidates, matrix, empty, np.empty(0, np.int64))
        relevance = (
            self.ranker.scores(matrix)
            if self.ranker is not None
            else matrix[:, pair_features.NAMES.index("profile_cosine")].astype(np.float64)
        )
        scores = _adjusted(context, candidates, matrix, relevance)
        order = postrank.collapse(candidates.rows, scores, self.catalogue.recording)
        return _Scored(candidates, matrix, scores, order)

    def _choose(self, context: Context, scored: _Scored) -> Rows:
        """Returns places among the candidates, in the order to return them."""
        query, order = context.query, scored.order
        rows = scored.candidates.rows
        picked = postrank.choose(
            rows[order],
            scored.scores[order],
            self.catalogue,
            limit=query.limit,
            max_per_artist=query.max_per_artist,
            diversity=query.diversity,
        )
        chosen = order[picked]
        if query.flow:
            chosen = chosen[postrank.flow(rows[chosen], self.catalogue)]
        return np.asarray(chosen, dtype=np.int64)

    def _tracks(self, context: Context, scored: _Scored, chosen: Rows) -> tuple[RankedTrack, ...]:
        if not len(chosen):
            return ()
        rows, matrix = scored.candidates.rows[chosen], scored.matrix[chosen]
        similarity = np.clip(self.catalogue.unit[rows] @ context.vector, -1.0, 1.0)
        tracks = [
            RankedTrack(track_id, float(score), float(cosine), scored.candidates.channels_of(place))
            for track_id, score, cosine, place in zip(
                self.catalogue.track_ids(rows),
                scored.scores[chosen],
                similarity,
                chosen.tolist(),
                strict=True,
            )
        ]
        if not context.query.reasons:
            return tuple(tracks)
        shares = None if self.ranker is None else self.ranker.contributions(matrix)
        why = reasons.explain(context, rows, shares, matrix, pair_features.NAMES)
        return tuple(replace(track, reasons=one) for track, one in zip(tracks, why, strict=True))

    def _seed_pools(self, context: Context) -> tuple[SeedPool, ...]:
        """Counts, for each seed, the tracks near it: in all, allowed, and without duplicates."""
        most = min(len(self.catalogue), max(_SEED_POOL, context.query.limit))
        near = self.index.search(context.seed_vectors, most)
        return tuple(
            self._seed_pool(context, view, hits.rows)
            for view, hits in zip(context.seeds, near, strict=True)
        )

    def _seed_pool(self, context: Context, view: SeedView, near: Rows) -> SeedPool:
        own = view.rows if view.seed.kind is SeedKind.TRACK else np.empty(0, np.int64)
        near = near[~np.isin(near, own)]
        allowed = near[context.allowed[near]]
        distinct = len(np.unique(self.catalogue.recording[allowed]))
        return SeedPool(view.seed, len(near), len(allowed), distinct)


def _adjusted(
    context: Context, candidates: Candidates, matrix: NDArray[np.float32], relevance: Scores
) -> Scores:
    """Blends in what the booster never saw in training: targets and negative seeds.

    Without either, the score is the booster's. Otherwise relevance is put in units of its own
    standard deviation over the candidates, and `TARGET_STRENGTH` times the mean distance to the
    targets and `NEGATIVE_STRENGTH` times the cosine to the nearest negative seed are taken off.
    """
    if not context.query.targets and not context.negatives:
        return relevance
    spread = float(relevance.std())
    scores = (relevance - relevance.mean()) / (spread if spread > 1e-9 else 1.0)
    if context.query.targets:
        scores = scores - TARGET_STRENGTH * target_distance(context, candidates.rows)
    if context.negatives:
        nearest = matrix[:, pair_features.NAMES.index("negative_cosine")]
        scores = scores - NEGATIVE_STRENGTH * np.maximum(nearest, 0.0)
    return np.asarray(scores, dtype=np.float64)
