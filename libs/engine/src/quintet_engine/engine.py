"""The engine: one query in, one ranked and explained list out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.bundle import Bundle
from quintet_modelkit.publication import PublicationInvalid, damaged_files

from quintet_engine import discovery, reranking
from quintet_engine.booster import BoosterFailed, Ranker
from quintet_engine.booster_text import MAX_BYTES
from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.channels.channel import (
    Candidates,
    gather,
    target_distance,
    with_rows,
    with_unreachable,
)
from quintet_engine.collaborative import model as collaborative_model
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.context import Context, prepare
from quintet_engine.correction import FILE as LISTENING_FILE
from quintet_engine.correction import Correction, learned_columns
from quintet_engine.exclusions import count_unknown, heard_rows
from quintet_engine.features import matrix as feature_matrix
from quintet_engine.features.weighting import weighted_units
from quintet_engine.forest import files as forest_files
from quintet_engine.index import FaissIndex
from quintet_engine.listening import pair_features, pulls_of
from quintet_engine.query import (
    BOOSTER,
    INDEX,
    LISTENING,
    MAX_SEEDS,
    TASTE,
    Discovery,
    Explanation,
    Pool,
    Query,
    RankedTrack,
    Ranking,
    Seasonal,
    Seed,
    SeedKind,
    SeedPool,
    Variants,
    check,
)
from quintet_engine.reasons import Adjustment, Ranked, explain, pulled
from quintet_engine.recipes import BOOTSTRAP, FIRST_QUOTAS, RECIPES, TRAINED, Recipe
from quintet_engine.row_set import RowSet
from quintet_engine.seed_view import SeedView
from quintet_engine.vectors import VectorIndex

_log = logging.getLogger(__name__)
T = TypeVar("T")
Scores = NDArray[np.float64]
Stage = Callable[[str], AbstractContextManager[None]]
"""Makes a context manager around a named stage, for tracing and timing."""
TARGET_STRENGTH: Final = 3.0
"""The cost of one standard deviation from the targets, in standard deviations of score."""
NEGATIVE_STRENGTH: Final = 1.0
"""The cost of a cosine of 1 to a negative seed, in standard deviations of score."""
WEIGHT_STRENGTH: Final = 0.5
"""The gain of one standard deviation of weighted cosine, in standard deviations of score, for a
trained model and a query with attribute weights."""
POPULARITY_STRENGTH: Final = 0.006
"""The cost of one point of popularity from the seeds, in cosine, among equal scores."""
GOLDEN_TOLERANCE: Final = 1e-3
"""How far a golden score may be from the recorded one: other processors sum in other orders."""
GOLDEN_TIES: Final = 0.1
GOLDEN_TIE_TOLERANCE: Final = 0.05
"""A tenth of the scores may be so far from the recorded ones. Where two candidates are nearly
equal, another order of a sum swaps their places, which are features."""
# Neighbours of each seed that its pool sizes are counted over, at least.
_SEED_POOL: Final = 200
_GOLDEN_LIMIT: Final = 20
# Rows on which compiled code must give LightGBM's scores before it is used.
_SAMPLE: Final = 256
INDEX_FILE: Final = "index.faiss"
BOOSTER_FILE: Final = "booster.txt"
_COLLABORATIVE: Final = f"{collaborative_model.FOLDER}/"
_FOREST: Final = f"{forest_files.FOLDER}/"
# Parts that `Engine.salvage` can do without.
_REPLACEABLE: Final = (INDEX_FILE, BOOSTER_FILE, _COLLABORATIVE, _FOREST, LISTENING_FILE)


@dataclass(frozen=True)
class Versions:
    """The versions that an engine reports with every list."""

    model: str
    index: str
    catalogue: str


class Arrangement(Protocol):
    """Restricts what a list may contain, and reorders it before it is explained."""

    def allow(self, rows: RowSet) -> RowSet:
        """Remove rows from those that the query may return."""

    def arrange(self, context: Context, rows: Rows) -> Rows:
        """Choose places of the ranked rows, best first, in the order of the answer."""


@dataclass(frozen=True)
class _Scored:
    """Candidates, the features and scores they were ranked by, and their order.

    Attributes:
        candidates: From the channels.
        matrix: float32 (c, features).
        scores: float64 (c,), higher is better.
        order: int64, places of the candidates, best first, one per recording.
        without: Parts that the scores were computed without.
        adjustment: What targets and weights added to the scores.
        known: bool (c,), candidates by known artists; all False if the query has no dial.
    """

    candidates: Candidates
    matrix: NDArray[np.float32]
    scores: Scores
    order: Rows
    without: tuple[str, ...]
    adjustment: Adjustment = field(default_factory=Adjustment)
    known: Mask = field(default_factory=lambda: np.empty(0, np.bool_))


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
                features, or
                the golden request has another result.
        """
        bundle = Bundle.load(folder, verify=verify)
        manifest = bundle.manifest
        recipe = _recipe_of(folder.name, manifest)
        catalogue = Catalogue.of(bundle.snapshot)
        try:
            index = _index_of(folder, manifest, catalogue)
            ranker = _ranker_of(folder, recipe, manifest.get("forest"))
            collaborative = _collaborative_of(folder, manifest, catalogue)
            correction = Correction.load(folder, manifest)
        except (ValueError, OSError, KeyError, TypeError, MemoryError) as fault:
            raise PublicationInvalid(f"{folder.name}: {_said(fault)}") from fault
        engine = cls(
            catalogue,
            index,
            ranker,
            _versions_of(manifest),
            recipe,
            collaborative,
            correction=correction,
        )
        catalogue.read_features()
        bundle.snapshot.release()
        engine.check_golden(bundle.golden)
        return engine

    @classmethod
    def salvage(cls, folder: Path) -> Self:
        """Load the undamaged parts of a damaged bundle; its catalogue must be undamaged.

        - Without its booster, lists are in the order of cosine.
        - Without the collaborative model, whose outputs are the booster's features, candidates come
        by
          audio and catalogue only, and are in the order of cosine too.
        - Without its index, the catalogue is searched row by row.
        - Without the saved forest nothing is missing: it is parsed from the booster again.
        - Without what was learned from listeners, a memory counts by the rule alone.

        Raises:
            PublicationInvalid: The manifest, the catalogue or another irreplaceable part is
                damaged; or
                nothing is damaged, and the results are wrong all the same.
        """
        damaged = damaged_files(folder)
        if lost := [name for name in damaged if not name.startswith(_REPLACEABLE)]:
            raise PublicationInvalid(f"{folder.name}: {lost[0]} {damaged[lost[0]]}")
        bundle = Bundle.load(folder, verify=False)
        manifest = bundle.manifest
        recipe = _recipe_of(folder.name, manifest)
        catalogue = Catalogue.of(bundle.snapshot)
        parts = _PartLoader(damaged)
        index = parts.load(INDEX, INDEX_FILE, lambda: _index_of(folder, manifest, catalogue))
        forest_is_whole = not any(name.startswith(_FOREST) for name in damaged)
        forest_facts = manifest.get("forest") if forest_is_whole else None
        ranker = parts.load(BOOSTER, BOOSTER_FILE, lambda: _ranker_of(folder, recipe, forest_facts))
        collaborative = parts.load(
            TASTE, _COLLABORATIVE, lambda: _collaborative_of(folder, manifest, catalogue)
        )
        correction = parts.load(
            LISTENING, LISTENING_FILE, lambda: Correction.load(folder, manifest)
        )
        if TASTE in parts.without:
            ranker, recipe, correction = None, BOOTSTRAP, None
        if forest_is_whole and not parts.without:
            raise PublicationInvalid(
                f"{folder.name}: every file is as published, but the bundle cannot serve; "
                "publish the model again"
            )
        exact = index or FaissIndex.exact(catalogue.unit)
        versions = _versions_of(manifest)
        return cls(
            catalogue, exact, ranker, versions, recipe, collaborative, parts.without, correction
        )

    def check_golden(self, golden: dict[str, Any]) -> None:
        """Answer the golden request and compare the scores with the recorded ones.

        Raises:
            PublicationInvalid: More than `GOLDEN_TIES` of the scores differ by more than
                `GOLDEN_TOLERANCE`, or one by more than `GOLDEN_TIE_TOLERANCE`.
        """
        try:
            got = np.array([score for _, score in self.golden_answer(golden["seeds"])])
            want = np.array([score for _, score in golden["tracks"]], dtype=np.float64)
        # Whatever it is: a version that cannot answer must not replace one that can.
        except Exception as fault:
            raise PublicationInvalid(
                f"{self.versions.model}: the golden request cannot be answered: {_said(fault)}"
            ) from fault
        if got.shape != want.shape or not _agree(got, want):
            raise PublicationInvalid(
                f"{self.versions.model}: the golden request has other scores than recorded "
                f"(tolerance {GOLDEN_TOLERANCE:g})"
            )

    def golden_answer(self, seeds: Sequence[str]) -> list[tuple[str, float]]:
        """Recommend for the golden request, which starts from these tracks: ids and scores."""
        tracks = tuple(Seed(SeedKind.TRACK, name) for name in seeds)
        # Without exclusions by song: a bundle must answer as it did before rules on titles changed.
        query = Query(
            tracks,
            limit=_GOLDEN_LIMIT,
            variants=Variants.ALLOW,
            seasonal=Seasonal.ALLOW,
            reasons=False,
        )
        ranking = self.recommend(query)
        return [(track.track_id, track.score) for track in ranking.tracks]

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
            dialled = _outcome(query, familiar, scored.known[chosen])
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
                dialled = _outcome(query, familiar, scored.known[chosen])
        with self.stage("explain"):
            tracks = self._tracks(context, scored, chosen)
        seed_pools: tuple[SeedPool, ...] = ()
        if query.seed_pools:
            with self.stage("pools"):
                seed_pools = self._seed_pools(context)
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
    ) -> _Scored:
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
            return _Scored(candidates, matrix, empty, np.empty(0, np.int64), self.without)
        with self.stage("score"):
            relevance, without = self._relevance(matrix)
            correction = None if BOOSTER in without else self.correction
            if context.listener is None:
                # Nothing is missing of a list that no memory changes.
                without = tuple(part for part in without if part != LISTENING)
            try:
                scores, adjustment = _adjusted(context, candidates, relevance, correction)
            except BoosterFailed:
                _log.exception("the booster of listeners failed")
                without = (*without, LISTENING)
                scores, adjustment = _adjusted(context, candidates, relevance, None)
        closeness = self._closeness(matrix)
        order = reranking.deduplicate(candidates.rows, scores, self.catalogue.recording, closeness)
        return _Scored(candidates, matrix, scores, order, without, adjustment, known)

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

    def _choose(self, context: Context, scored: _Scored) -> Rows:
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

    def _tracks(self, context: Context, scored: _Scored, chosen: Rows) -> tuple[RankedTrack, ...]:
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
            self._similarity(context, rows),
            scored.candidates.channels_of(chosen),
            self._reasons(context, scored, chosen),
            packed,
            scored.known[chosen].tolist(),
            heard_rows(context.query.heard, rows, self.catalogue),
            rows.tolist(),
        )
        return tuple(RankedTrack(*fields) for fields in zip(*columns, strict=True))

    def _similarity(self, context: Context, rows: Rows) -> list[float | None]:
        """Compute the cosine of each row to the profile; None if either has no direction."""
        cosines = np.clip(self.catalogue.unit[rows] @ context.vector, -1.0, 1.0).tolist()
        if not context.vector.any():
            return [None] * len(rows)
        analysed = self.catalogue.analysed
        if analysed is None:
            return list(cosines)
        pairs = zip(cosines, analysed[rows].tolist(), strict=True)
        return [cosine if known else None for cosine, known in pairs]

    def _reasons(
        self, context: Context, scored: _Scored, chosen: Rows
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

    def _seed_pools(self, context: Context) -> tuple[SeedPool, ...]:
        """Count, for each seed, the tracks near it: in all, allowed, and deduplicated."""
        most = min(len(self.catalogue), max(_SEED_POOL, context.query.limit))
        near = self.index.search(context.seed_vectors, most)
        return tuple(
            self._seed_pool(context, view, hits.rows)
            for view, hits in zip(context.seeds, near, strict=True)
        )

    def _seed_pool(self, context: Context, view: SeedView, near: NDArray[np.integer]) -> SeedPool:
        own = view.rows if view.seed.kind is SeedKind.TRACK else np.empty(0, np.int64)
        near = near[~np.isin(near, own)]
        allowed = near[context.allowed.has(near)]
        distinct = len(np.unique(self.catalogue.recording[allowed]))
        return SeedPool(view.seed, len(near), len(allowed), distinct)


def _outcome(
    query: Query, familiar: discovery.KnownArtists | None, known: Mask
) -> Discovery | None:
    """Describe what the dial did to a list, of which `known`, bool (k,), is by known artists."""
    if query.discovery is None or familiar is None:
        return None
    return discovery.outcome(known, discovery.Bounds(query.discovery), familiar.from_memory)


def _agree(got: Scores, want: Scores) -> bool:
    """Check golden scores against the recorded ones, float64 (k,) both; NaN never agrees."""
    differences = np.abs(got - want)
    near = np.count_nonzero(differences <= GOLDEN_TOLERANCE)
    return bool(
        near >= (1 - GOLDEN_TIES) * len(want) and (differences <= GOLDEN_TIE_TOLERANCE).all()
    )


def _recipe_of(name: str, manifest: Mapping[str, Any]) -> Recipe:
    """Find the recipe that a bundle was made by.

    Raises:
        PublicationInvalid: This program has none of that kind, or one with other features.
    """
    recipe = RECIPES.get(str(manifest["kind"]))
    if recipe is None:
        raise PublicationInvalid(
            f"{name}: is of kind {manifest['kind']}; this program serves {', '.join(RECIPES)}"
        )
    if manifest["feature_hash"] != recipe.feature_hash:
        raise PublicationInvalid(
            f"{name}: made for features {manifest['feature_hash'][:12]}, "
            f"this program has {recipe.feature_hash[:12]}; train the model again"
        )
    if recipe.kind != TRAINED.kind:
        return recipe
    return recipe.with_quotas(manifest.get("quotas", FIRST_QUOTAS))


def _said(fault: Exception) -> str:
    """Describe an error in one line; a missing field of the manifest has only its name as text."""
    text = " ".join(str(fault).split())
    return f"it lacks {text}" if isinstance(fault, KeyError) else text


def _versions_of(manifest: Mapping[str, Any]) -> Versions:
    return Versions(
        str(manifest["model_version"]),
        str(manifest["index_version"]),
        str(manifest["catalogue_version"]),
    )


def _index_of(folder: Path, manifest: Mapping[str, Any], catalogue: Catalogue) -> FaissIndex:
    return FaissIndex.load(folder / INDEX_FILE, catalogue.unit, manifest["index"])


def _ranker_of(folder: Path, recipe: Recipe, forest_facts: Mapping[str, Any] | None) -> Ranker:
    """Read the booster, and its forest if there are facts to load it with."""
    forest = None
    if forest_facts:
        forest = forest_files.load_forest(folder / forest_files.FOLDER, forest_facts)
    path = folder / BOOSTER_FILE
    # Before it is in memory: a file may be sparse, larger than the memory and of no bytes on disk.
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{BOOSTER_FILE} is larger than {MAX_BYTES:,} bytes")
    ranker = Ranker.from_text(path.read_text(encoding="utf-8"), forest)
    if forest is not None and forest.width != len(ranker.names):
        raise ValueError(f"the forest has {forest.width} features, the booster {len(ranker.names)}")
    if ranker.names != recipe.names:
        raise ValueError(
            f"the booster has {len(ranker.names)} features, the recipe {recipe.kind} has "
            f"{len(recipe.names)}, or they differ in name or order"
        )
    return ranker


class _PartLoader:
    """Loads parts of a bundle one by one, and collects those that could not be loaded.

    Args:
        damaged: Files that differ from the manifest, and how.
    """

    def __init__(self, damaged: Mapping[str, str]) -> None:
        self._damaged = damaged
        self.without: list[str] = []

    def load(self, part: str, files: str, load: Callable[[], T]) -> T | None:
        """Load a part; None if it cannot be loaded, or one of its files is damaged.

        Args:
            part: Its name in `Ranking.degraded`.
            files: The start of its files' names.
            load: Loads it.
        """
        if not any(name.startswith(files) for name in self._damaged):
            try:
                return load()
            except (ValueError, OSError, KeyError, TypeError) as fault:
                _log.warning("%s cannot be loaded: %s", part, fault)
        self.without.append(part)
        return None


def _collaborative_of(
    folder: Path, manifest: Mapping[str, Any], catalogue: Catalogue
) -> CollaborativeModel | None:
    """Load the collaborative model, if the bundle has one."""
    facts = manifest.get("taste_index")
    if facts is None:
        return None
    return CollaborativeModel.load(folder / collaborative_model.FOLDER, facts, catalogue)


def _adjusted(
    context: Context, candidates: Candidates, relevance: Scores, correction: Correction | None
) -> tuple[Scores, Adjustment]:
    """Blend in what the booster never saw in training: targets, weights and negative seeds.

    A query without any keeps the booster's scores. Otherwise relevance is expressed in its standard
    deviations over the candidates. `TARGET_STRENGTH` times the mean distance to the targets and
    `NEGATIVE_STRENGTH` times the cosine to the nearest negative seed are subtracted. For a trained
    booster, which depends little on audio, `WEIGHT_STRENGTH` times the standardised weighted cosine
    to the profile is added. What the listener's memory adds is the rule of `listening.pull`, and
    what a model learned from listeners beyond it.

    Raises:
        BoosterFailed: The correction failed.

    Returns:
        The scores, and what targets, weights and the memory added to them.
    """
    weighted = bool(context.query.weights) and context.affinity is not None
    listener = context.listener
    plain = not context.query.targets and not context.negatives and not weighted
    if plain and listener is None:
        return relevance, Adjustment()
    scores = standardised(relevance)
    fits: dict[str, Scores] = {}
    sound: Scores | None = None
    if context.query.targets:
        scores = scores - TARGET_STRENGTH * target_distance(context, candidates.rows)
        fits = _target_fits(context, candidates)
    if context.negatives:
        scores = scores - NEGATIVE_STRENGTH * np.maximum(
            _negative_cosines(context, candidates), 0.0
        )
    if weighted:
        units = weighted_units(context, candidates.rows)
        sound = WEIGHT_STRENGTH * standardised(units @ context.vector)
        scores = scores + sound
    adjustment = Adjustment(_spread(relevance), fits, sound)
    if listener is not None:
        pair = pair_features(listener, context.catalogue, candidates.rows)
        learned = None
        if correction is not None:
            columns = learned_columns(listener, pair, standardised(relevance))
            learned = correction.scores(columns)
            adjustment = replace(adjustment, columns=columns)
        scores, adjustment = pulled(scores, adjustment, pulls_of(listener, pair), learned)
    return np.asarray(scores, dtype=np.float64), adjustment


def _target_fits(context: Context, candidates: Candidates) -> dict[str, Scores]:
    """Split what targets add to the scores by target, each relative to the candidates' mean."""
    fits, strength = {}, TARGET_STRENGTH / len(context.query.targets)
    for name, value in context.query.targets.items():
        distances = context.catalogue.distances(name, value, candidates.rows)
        fits[name] = np.asarray(strength * (distances.mean() - distances), np.float64)
    return fits


def standardised(values: NDArray[Any]) -> Scores:
    """Standardise values; constant ones become 0."""
    return np.asarray((values - values.mean()) / _spread(values), np.float64)


def _spread(values: NDArray[Any]) -> float:
    """Compute the standard deviation; 1 for constant values."""
    spread = float(values.std())
    return spread if spread > 1e-9 else 1.0


def _negative_cosines(context: Context, candidates: Candidates) -> Scores:
    """Find candidates' greatest cosine to a negative seed, by audio or by taste, (c,)."""
    units = weighted_units(context, candidates.rows)
    nearest = (units @ context.negative_vectors.T).max(axis=1)
    if context.negative_affinity is not None:
        places = context.negative_affinity.model.taste
        taste = places.of(candidates.rows) @ places.of(context.negative_affinity.seeds).T
        nearest = np.maximum(nearest, taste.max(axis=1))
    return np.asarray(nearest, np.float64)
