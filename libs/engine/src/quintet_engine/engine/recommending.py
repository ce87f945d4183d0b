"""The engine: one query in, one ranked and explained list out."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.bundle import Bundle

from quintet_engine import discovery, reranking
from quintet_engine.booster import BoosterFailed, Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.channels.channel import Candidates, gather, with_rows, with_unreachable
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.context import Context, prepare
from quintet_engine.correction import Correction
from quintet_engine.engine import golden as golden_request
from quintet_engine.engine.listing import outcome_of, seed_pools_of, similarities
from quintet_engine.engine.loading import Versions, load_parts, salvage_parts
from quintet_engine.engine.scoring import Scored, Scores, adjusted
from quintet_engine.exclusions import count_unknown, heard_rows
from quintet_engine.features import matrix as feature_matrix
from quintet_engine.query import (
    BOOSTER,
    LISTENING,
    MAX_SEEDS,
    Explanation,
    Pool,
    Query,
    RankedTrack,
    Ranking,
    Seed,
    SeedKind,
    SeedPool,
    check,
)
from quintet_engine.reasons import Ranked, explain
from quintet_engine.recipes import BOOTSTRAP, Recipe
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import VectorIndex

_log = logging.getLogger(__name__)
Stage = Callable[[str], AbstractContextManager[None]]
"""Makes a context manager around a named stage, for tracing and timing."""
POPULARITY_STRENGTH: Final = 0.006
"""The cost of one point of popularity from the seeds, in cosine, among equal scores."""
# Rows on which compiled code must give LightGBM's scores before it is used.
_SAMPLE: Final = 256


class Arrangement(Protocol):
    """Restricts what a list may contain, and reorders it before it is explained."""

    def allow(self, rows: RowSet) -> RowSet:
        """Remove rows from those that the query may return."""

    def arrange(self, context: Context, rows: Rows) -> Rows:
        """Choose places of the ranked rows, best first, in the order of the answer."""


class Engine:
    """Retrieves and ranks over one catalogue; safe to call from several threads at once.

    Args:
        catalogue: The catalogue to recommend from.
        index: The audio index over it.
        ranker: The booster; if None, lists are in the order of cosine and marked as degraded.
        versions: Reported with every list.
        recipe: The channels and features.
        collaborative: What was learned from playlists; for a trained model.
        without: Parts that could not be loaded, which every list names.
        correction: What was learned from listeners; None if a memory counts by the rule alone.

    Attributes:
        stage: Wraps prepare, retrieve, features, score, choose, explain and pools of each request;
            it does nothing by default.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        index: VectorIndex,
        ranker: Ranker | None,
        versions: Versions,
        recipe: Recipe = BOOTSTRAP,
        collaborative: CollaborativeModel | None = None,
        without: Sequence[str] = (),
        correction: Correction | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.index = index
        self.ranker = ranker
        self.versions = versions
        self.recipe = recipe
        self.collaborative = collaborative
        self.correction = correction
        self.without = tuple(without) or (() if ranker is not None else (BOOSTER,))
        self.stage: Stage = lambda _name: nullcontext()

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Load a bundle and prove that it answers its golden request as recorded.

        Raises:
            PublicationInvalid: A file is missing or altered, the booster was made for other
                features, or the golden request has another result.
        """
        bundle = Bundle.load(folder, verify=verify)
        engine = cls(*load_parts(bundle, folder))
        engine.catalogue.read_features()
        bundle.snapshot.release()
        engine.check_golden(bundle.golden)
        return engine

    @classmethod
    def salvage(cls, folder: Path) -> Self:
        """Load the undamaged parts of a damaged bundle; its catalogue must be undamaged.

        - Without its booster, lists are in the order of cosine.
        - Without the collaborative model, whose outputs are the booster's features, candidates come
          by audio and catalogue only, and are in the order of cosine too.
        - Without its index, the catalogue is searched row by row.
        - Without the saved forest nothing is missing: it is parsed from the booster again.
        - Without what was learned from listeners, a memory counts by the rule alone.

        Raises:
            PublicationInvalid: The manifest, the catalogue or another irreplaceable part is
                damaged; or nothing is damaged, and the results are wrong all the same.
        """
        return cls(*salvage_parts(folder))

    def check_golden(self, golden: dict[str, Any]) -> None:
        """Answer the golden request and compare the scores with the recorded ones.

        Raises:
            PublicationInvalid: They differ by more than other processors' sums may.
        """
        golden_request.check_golden(self.recommend, self.versions.model, golden)

    def golden_answer(self, seeds: Sequence[str]) -> list[tuple[str, float]]:
        """Recommend for the golden request, which starts from these tracks: ids and scores."""
        return golden_request.golden_answer(self.recommend, seeds)

    def accelerate(self) -> bool:
        """Switch to compiled code for ranking, if it gives LightGBM's scores.

        The first call in a process loads that code, or compiles it if none was kept.

        Returns:
            Whether compiled code ranks.
        """
        if self.ranker is None or not len(self.catalogue):
            return False
        # Real candidates of a real query: the comparison needs rows that occur in serving.
        seeds = self.catalogue.track_ids(np.arange(min(len(self.catalogue), 2)))
        context = self.prepare(Query(tuple(Seed(SeedKind.TRACK, name) for name in seeds)))
        candidates = self.candidates(context, self.recipe.quotas(context.query.limit, 1))
        sample = self.features(context, candidates)[:_SAMPLE]
        if self.correction is not None and len(sample):
            self.correction.accelerate()
        return bool(len(sample)) and self.ranker.accelerate(sample)

    def recommend(
        self,
        query: Query,
        *,
        max_seeds: int = MAX_SEEDS,
        arrangement: Arrangement | None = None,
    ) -> Ranking:
        """Recommend tracks; the same query always gets the same list.

        Fewer tracks than asked for come back only if no other allowed track passes deduplication
        and the artist cap, or the arrangement leaves tracks out.

        Raises:
            QueryInvalid: A rule is broken.
            SeedUnknown: Seeds are not in the catalogue.
        """
        check(query, max_seeds)
        context = self.prepare(query)
        if arrangement is not None:
            context = replace(context, allowed=arrangement.allow(context.allowed))
        familiar = None if query.discovery is None else discovery.known_artists(context)
        available = context.allowed.count
        growth = 1  # of the candidate budget, for queries whose candidates are mostly duplicates
        while True:
            scored = self._score(context, growth, familiar)
            with self.stage("choose"):
                chosen = self._choose(context, scored)
            dialled = outcome_of(query, familiar, scored.known[chosen])
            full = len(chosen) >= query.limit and not (dialled is not None and dialled.lacks_new)
            if full or len(scored.candidates.rows) >= available:
                break
            growth *= 4
        found, distinct = len(scored.candidates.rows), len(scored.order)
        unknown = count_unknown(query.filters, self.catalogue)
        pool = Pool(len(self.catalogue), available, found, distinct, unknown)
        if arrangement is not None:
            with self.stage("arrange"):
                rows = scored.candidates.rows[chosen]
                chosen = chosen[arrangement.arrange(context, rows)]
                dialled = outcome_of(query, familiar, scored.known[chosen])
        with self.stage("explain"):
            tracks = self._tracks(context, scored, chosen)
        seed_pools: tuple[SeedPool, ...] = ()
        if query.seed_pools:
            with self.stage("pools"):
                seed_pools = seed_pools_of(context)
        return Ranking(
            tracks,
            pool,
            seed_pools,
            self.versions.model,
            self.versions.index,
            self.versions.catalogue,
            scored.without,
            tuple(self.recipe.names) if query.features else (),
            dialled,
        )

    def prepare(self, query: Query) -> Context:
        """Resolve a query's seeds and filters.

        Raises:
            SeedUnknown: Seeds are not in the catalogue.
        """
        with self.stage("prepare"):
            return prepare(query, self.catalogue, self.index, self.collaborative)

    def candidates(self, context: Context, quotas: Sequence[int]) -> Candidates:
        """Run the channels for a prepared query, each up to its quota of rows."""
        with self.stage("retrieve"):
            return gather(context, self.recipe.channels, quotas)

    def features(self, context: Context, candidates: Candidates) -> NDArray[np.float32]:
        """Compute the feature matrix, float32 (candidates, features of the recipe)."""
        with self.stage("features"):
            return feature_matrix.build(context, candidates, len(self.recipe.columns))

    def _score(
        self, context: Context, growth: int, familiar: discovery.KnownArtists | None
    ) -> Scored:
        """Retrieve and score candidates, with the channels' quotas multiplied by `growth`."""
        quotas = self.recipe.quotas(context.query.limit, growth)
        candidates = self.candidates(context, quotas)
        if growth > 1:
            # Audio, the channel that grows, does not reach tracks that were not analysed.
            candidates = with_unreachable(context, candidates, max(quotas))
        known = np.zeros(len(candidates.rows), dtype=np.bool_)
        if familiar is not None:
            candidates = with_rows(candidates, discovery.familiar_rows(context, familiar))
            known = familiar.of_rows(self.catalogue, candidates.rows)
        matrix = self.features(context, candidates)
        if not len(candidates.rows):
            empty = np.empty(0)
            return Scored(candidates, matrix, empty, np.empty(0, np.int64), self.without)
        with self.stage("score"):
            relevance, without = self._relevance(matrix)
            correction = None if BOOSTER in without else self.correction
            if context.listener is None:
                # Nothing is missing of a list that no memory changes.
                without = tuple(part for part in without if part != LISTENING)
            try:
                scores, adjustment = adjusted(context, candidates, relevance, correction)
            except BoosterFailed:
                _log.exception("the booster of listeners failed")
                without = (*without, LISTENING)
                scores, adjustment = adjusted(context, candidates, relevance, None)
        closeness = self._closeness(matrix)
        order = reranking.deduplicate(candidates.rows, scores, self.catalogue.recording, closeness)
        return Scored(candidates, matrix, scores, order, without, adjustment, known)

    def _relevance(self, matrix: NDArray[np.float32]) -> tuple[Scores, tuple[str, ...]]:
        """Score rows, and name the parts missing: cosines replace a booster that fails."""
        without = self.without
        if self.ranker is not None:
            try:
                return self.ranker.scores(matrix), without
            except BoosterFailed:
                _log.exception("the booster failed")
                without = (*without, BOOSTER)
        cosine = matrix[:, self.recipe.names.index("profile_cosine")].astype(np.float64)
        return np.nan_to_num(cosine), without  # 0 for a track that was not analysed

    def _closeness(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute what decides among equal scores: cosine, and popularity like the seeds'.

        A booster made from a catalogue of unrelated tracks gives all of them the same score: then
        this is the whole order.
        """
        names = self.recipe.names
        columns = (matrix[:, names.index(n)] for n in ("profile_cosine", "popularity_gap"))
        cosine, gap = (np.where(np.isnan(each), np.float32(0), each) for each in columns)
        return np.asarray(cosine - np.float32(POPULARITY_STRENGTH) * gap, np.float32)

    def _choose(self, context: Context, scored: Scored) -> Rows:
        """Select places among the candidates, in the order of the list."""
        query, order = context.query, scored.order
        rows = scored.candidates.rows

        def pick(among: Rows | None = None, before: Rows | None = None) -> Rows:
            return reranking.choose(
                rows[order],
                scored.scores[order],
                self.catalogue,
                limit=query.limit,
                max_per_artist=query.max_per_artist,
                diversity=query.diversity,
                among=among,
                before=before,
            )

        if query.discovery is None:
            picked = pick()
        else:
            bounds = discovery.Bounds(query.discovery)
            picked = discovery.arrange(scored.known[order], bounds, query.limit, pick)
        chosen = order[picked]
        if query.flow:
            chosen = chosen[reranking.flow(rows[chosen], self.catalogue)]
        return np.asarray(chosen, dtype=np.int64)

    def _tracks(self, context: Context, scored: Scored, chosen: Rows) -> tuple[RankedTrack, ...]:
        """Describe the chosen candidates: id, score, similarity, channels, reasons, features."""
        if not len(chosen):
            return ()
        rows, matrix = scored.candidates.rows[chosen], scored.matrix[chosen]
        packed = [b""] * len(rows)
        if context.query.features:
            packed = [row.tobytes() for row in np.ascontiguousarray(matrix, dtype="<f4")]
        columns = (
            self.catalogue.track_ids(rows),
            scored.scores[chosen].tolist(),
            similarities(matrix, self.recipe.names),
            scored.candidates.channels_of(chosen),
            self._reasons(context, scored, chosen),
            packed,
            scored.known[chosen].tolist(),
            heard_rows(context.query.heard, rows, self.catalogue),
            rows.tolist(),
        )
        return tuple(RankedTrack(*fields) for fields in zip(*columns, strict=True))

    def _reasons(
        self, context: Context, scored: Scored, chosen: Rows
    ) -> Sequence[Explanation | None]:
        """Explain the chosen candidates, if the query asks for it."""
        if not context.query.reasons:
            return [None] * len(chosen)
        matrix, shares = scored.matrix[chosen], None
        if self.ranker is not None and BOOSTER not in scored.without:
            shares = self.ranker.contributions(matrix)
        rows, adjustment = scored.candidates.rows[chosen], scored.adjustment.of(chosen)
        if self.correction is not None and adjustment.columns is not None:
            adjustment = adjustment.with_parts(self.correction.parts(adjustment.columns))
        return explain(context, Ranked(rows, matrix, shares, self.recipe.names, adjustment))
