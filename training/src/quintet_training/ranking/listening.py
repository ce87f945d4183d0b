"""Learns from listeners: a correction of the rule by which a memory moves tracks.

A query is the beginning of a session, or the seeds of a list, with the memory as it was before.
Queries are split by time into `BLOCKS`. What the candidates of a block are found and described by
has learned only from playlists that were complete before the block began; of those without a time,
near-duplicates of its queries are left out. The booster of the seeds that scores them is fitted on
the playlists that are known to every block. The last block stops the correction early, and decides
whether it is better than the rule. So nothing that came after a query in time reaches it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Mask
from quintet_engine.correction import COLUMNS, FEATURE_HASH, LEARNED_NAMES, learned_columns
from quintet_engine.engine import Engine, standardised
from quintet_engine.listening import pair_features, pulls_of
from quintet_engine.query import Filters, Query, Seasonal, Seed, SeedKind, Variants

from quintet_training.datasets.listener_cases import ListenerCase
from quintet_training.datasets.listener_queries import ALWAYS, ListenerQueries
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.ranking.fitting import BoosterParameters, Fitter, importances, ndcg
from quintet_training.ranking.folds import FoldEngines
from quintet_training.ranking.rows import TrainingRows, kept_rows

LEAST_QUERIES: Final = 100
"""With fewer queries nothing is learned: the rule alone counts."""
BLOCKS: Final = 5
LEAST_PLAYLISTS: Final = 20
"""Playlists that must have been complete before a block; earlier blocks are left out."""
CUT: Final = 50
"""Places by which NDCG compares the correction with the rule: the default length of a list."""
PARAMETERS: Final = BoosterParameters(
    rounds=200,
    patience=25,
    learning_rate=0.05,
    leaves=7,
    least_rows=100,
    # There are twelve features: each tree may use any.
    feature_share=1.0,
    row_share=0.8,
    l2=10.0,
    truncation=CUT,
)
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Learned:
    """What was learned from listeners.

    Attributes:
        text: The correction in LightGBM's text form; empty if the rule alone counts.
        facts: For the manifest: numbers of queries, the threshold, NDCG@50 on the last block
            without a memory, by the rule and with the correction.
    """

    text: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Listening:
    """One training from listeners.

    Attributes:
        engines: Fits engines on playlists; its folds are not used.
        queries: Of listeners, and when the playlists of `engines` were complete.
        negatives: Negatives kept of a training query.
        threads: LightGBM's.
    """

    engines: FoldEngines
    queries: ListenerQueries
    negatives: int
    threads: int

    def learn(self, base: Callable[[Mask], Ranker | None], on_progress: OnProgress) -> Learned:
        """Fit the correction, and keep it if it is better than the rule on the last block.

        Args:
            base: Fits the booster of the seeds on the rows of some playlists, bool (playlists,);
                None if they have too few.
            on_progress: Receives the completed share, 0..1.
        """
        if len(self.queries.cases) < LEAST_QUERIES:
            return _rule_alone()
        blocks = [
            (known, cases)
            for known, cases in self._blocks()
            if np.count_nonzero(known) >= LEAST_PLAYLISTS
        ]
        # The last block only decides, so two are needed.
        ranker = None
        if len(blocks) > 1:
            ranker = base(np.logical_and.reduce([known for known, _ in blocks]))
        if ranker is None:
            return _rule_alone()
        made = []
        for number, (known, cases) in enumerate(blocks):
            engine = self.engines.fitted_on(known)
            is_last = number == len(blocks) - 1
            rows = [self._rows(engine, ranker, case, whole=is_last) for case in cases]
            made.append([each for each in rows if each is not None])
            on_progress((number + 1) / (len(blocks) + 1))
        training, held = [query for block in made[:-1] for query in block], made[-1]
        if len(training) + len(held) < LEAST_QUERIES or not (training and held):
            return _rule_alone()
        return self._fit(training, held)

    def _blocks(self) -> list[tuple[Mask, Sequence[ListenerCase]]]:
        """Split the queries by time; each block with the playlists that may be known to it."""
        cases, playlists = self.queries.cases, self.engines.playlists
        complete = np.asarray(self.queries.complete)
        asked = [np.union1d(case.seeds, case.truth) for case in cases]
        groups = near_duplicates([*playlists, *asked], len(self.engines.catalogue))
        of_playlist, of_case = groups[: len(playlists)], groups[len(playlists) :]
        blocks: list[tuple[Mask, Sequence[ListenerCase]]] = []
        for places in np.array_split(np.arange(len(cases)), BLOCKS):
            undated = (complete == ALWAYS) & ~np.isin(of_playlist, of_case[places])
            dated = (complete != ALWAYS) & (complete < cases[int(places[0])].at)
            blocks.append((undated | dated, [cases[place] for place in places.tolist()]))
        return blocks

    def _rows(
        self, engine: Engine, ranker: Ranker, case: ListenerCase, *, whole: bool
    ) -> "_QueryRows | None":
        """Make the rows of one query; None if retrieval found nothing to learn from."""
        catalogue = engine.catalogue
        query = Query(
            tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(case.seeds)),
            variants=Variants.ALLOW,
            seasonal=Seasonal.ALLOW,
            filters=Filters(excluded_tracks=frozenset(catalogue.track_ids(case.excluded))),
            preferences=case.preferences,
        )
        context = engine.prepare(query)
        candidates = engine.candidates(context, engine.recipe.quotas(0, 1))
        relevant = np.isin(candidates.rows, case.truth)
        view = context.listener
        if view is None or not 0 < relevant.sum() < len(relevant):
            return None
        relevance = standardised(ranker.scores(engine.features(context, candidates)))
        pair = pair_features(view, catalogue, candidates.rows)
        pulls = pulls_of(view, pair)
        columns = learned_columns(view, pair, relevance)
        kept = np.arange(len(relevant))
        if not whole:
            random = np.random.default_rng((self.engines.seed, 8, case.at, int(case.seeds[0])))
            kept = kept_rows(relevant, self.negatives, random)
        return _QueryRows(
            columns[kept],
            relevant[kept].astype(np.int8),
            relevance[kept],
            (relevance + sum(pulls.values()))[kept],
        )

    def _fit(self, training: Sequence["_QueryRows"], held: Sequence["_QueryRows"]) -> Learned:
        """Fit on all blocks but the last, which stops it, and compare it there with the rule."""
        fitter = Fitter(
            LEARNED_NAMES,
            [column.monotone for column in COLUMNS],
            self.engines.seed,
            self.threads,
            CUT,
        )
        last = _stacked(held)
        fit = fitter.fit(PARAMETERS, _stacked(training), last)
        assert last.start is not None
        ruled = ndcg(last.start, last, CUT)
        facts = {
            "queries": len(training),
            "validation_queries": len(held),
            "least_queries": LEAST_QUERIES,
            "feature_names": list(LEARNED_NAMES),
            "feature_hash": FEATURE_HASH,
            "ndcg_50_without_memory": ndcg(np.concatenate([q.relevance for q in held]), last, CUT),
            "ndcg_50_by_rule": ruled,
            "ndcg_50_learned": fit.ndcg,
            "trees": fit.rounds,
            "importances": importances(fit.text),
        }
        if fit.ndcg <= ruled:
            return Learned("", {**facts, "queries": 0, "trees": 0, "importances": {}})
        return Learned(fit.text, facts)


@dataclass(frozen=True)
class _QueryRows:
    """Rows of one query: columns, labels, and scores without the memory and by the rule."""

    columns: NDArray[np.float32]
    relevant: NDArray[np.int8]
    relevance: NDArray[np.float64]
    ruled: NDArray[np.float64]


def _stacked(queries: Sequence[_QueryRows]) -> TrainingRows:
    """Join the rows of queries; boosting starts from the scores by the rule."""
    return TrainingRows(
        np.concatenate([query.columns for query in queries]),
        np.concatenate([query.relevant for query in queries]),
        np.array([len(query.relevant) for query in queries], np.int32),
        start=np.concatenate([query.ruled for query in queries]),
    )


def _rule_alone() -> Learned:
    return Learned("", {"queries": 0, "least_queries": LEAST_QUERIES})
