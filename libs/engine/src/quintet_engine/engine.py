"""The engine: one query in, one ranked and explained list out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.bundle import Bundle
from quintet_modelkit.publication import PublicationInvalid, damaged_files

from quintet_engine import reasons, reranking
from quintet_engine.booster import BoosterFailed, Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.channels.channel import Candidates, gather, target_distance
from quintet_engine.collaborative import model as collaborative_model
from quintet_engine.collaborative import products
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.context import Context, SeedView, prepare
from quintet_engine.features import matrix as feature_matrix
from quintet_engine.features.content import weighted_units
from quintet_engine.forest import files as forest_files
from quintet_engine.index import FaissIndex
from quintet_engine.query import (
    BOOSTER,
    INDEX,
    MAX_SEEDS,
    TASTE,
    Pool,
    Query,
    RankedTrack,
    Ranking,
    Reasons,
    Seed,
    SeedKind,
    SeedPool,
    SeedUnknown,
    check,
)
from quintet_engine.recipes import BOOTSTRAP, RECIPES, Recipe
from quintet_engine.vectors import VectorIndex

_log = logging.getLogger(__name__)
T = TypeVar("T")
Scores = NDArray[np.float64]
Stage = Callable[[str], AbstractContextManager[None]]
"""Told when a stage of an answer begins and ends."""
TARGET_STRENGTH: Final = 3.0
"""What one standard deviation away from the targets costs, in standard deviations of score."""
NEGATIVE_STRENGTH: Final = 1.0
"""What a cosine of 1 to a negative seed costs, in standard deviations of score."""
WEIGHT_STRENGTH: Final = 0.5
"""What one standard deviation of weighed cosine is worth to a trained model, where the query has
attribute weights."""
POPULARITY_STRENGTH: Final = 0.006
"""What a point of popularity away from the seeds costs in cosine, where scores are equal."""
GOLDEN_TOLERANCE: Final = 1e-3
"""How far a golden score may lie from the recorded one: other processors sum in other orders."""
_SEED_POOL: Final = 200
_GOLDEN_LIMIT: Final = 20
# Rows by which compiled code proves that it ranks as LightGBM does.
_SAMPLE: Final = 256
INDEX_FILE: Final = "index.faiss"
BOOSTER_FILE: Final = "booster.txt"
_COLLABORATIVE: Final = f"{collaborative_model.FOLDER}/"
_FOREST: Final = f"{forest_files.FOLDER}/"
_REPLACED: Final = (INDEX_FILE, BOOSTER_FILE, _COLLABORATIVE, _FOREST)


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
    without: tuple[str, ...]


class Engine:
    """Retrieves and ranks over one catalogue; safe to call from several threads at once.

    Args:
        catalogue: What is recommended from.
        index: The audio index over it.
        ranker: The booster; cosine order and a degraded answer where None.
        versions: Reported with every answer.
        recipe: The channels and features.
        collaborative: What was learned from playlists; for a trained model.
        without: Parts that could not be loaded, which every answer names.

    Attributes:
        stage: Watches prepare, retrieve, features, score, choose, explain and pools of each
            answer; nobody does by default.
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
    ) -> None:
        self.catalogue = catalogue
        self.index = index
        self.ranker = ranker
        self.versions = versions
        self.recipe = recipe
        self.collaborative = collaborative
        self.without = tuple(without) or (() if ranker is not None else (BOOSTER,))
        self.stage: Stage = lambda _name: nullcontext()

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Loads a bundle and proves that it answers as it did when it was made.

        Raises:
            PublicationInvalid: A file is missing or altered, the booster was made for other
                features, or the golden request comes out otherwise.
        """
        bundle = Bundle.load(folder, verify=verify)
        manifest = bundle.manifest
        recipe = _recipe_of(folder.name, manifest)
        catalogue = Catalogue.of(bundle.snapshot)
        try:
            index = _index_of(folder, manifest, catalogue)
            ranker = _ranker_of(folder, recipe, manifest.get("forest"))
            collaborative = _collaborative_of(folder, manifest, catalogue)
        except (ValueError, OSError) as fault:
            raise PublicationInvalid(f"{folder.name}: {fault}") from fault
        engine = cls(catalogue, index, ranker, _versions_of(manifest), recipe, collaborative)
        bundle.snapshot.release()
        engine.check_golden(bundle.golden)
        return engine

    @classmethod
    def salvage(cls, folder: Path) -> Self:
        """Loads what is whole of a bundle that is not; its catalogue must be.

        Without its booster lists are in the order of cosine; without what playlists taught, of
        which the booster's features are made, candidates come by audio and catalogue alone and
        are in that order too; without its index the catalogue is searched row by row. Without the
        booster's trees laid out nothing is missing: they are laid out anew.

        Raises:
            PublicationInvalid: The manifest, the catalogue or a part that nothing replaces is
                damaged, or nothing is and the answers are wrong all the same.
        """
        damaged = damaged_files(folder)
        if lost := [name for name in damaged if not name.startswith(_REPLACED)]:
            raise PublicationInvalid(f"{folder.name}: {lost[0]} {damaged[lost[0]]}")
        bundle = Bundle.load(folder, verify=False)
        manifest = bundle.manifest
        recipe = _recipe_of(folder.name, manifest)
        catalogue = Catalogue.of(bundle.snapshot)
        tried = _Tried(damaged)
        index = tried.load(INDEX, INDEX_FILE, lambda: _index_of(folder, manifest, catalogue))
        laid_out = not any(name.startswith(_FOREST) for name in damaged)
        trees = manifest.get("forest") if laid_out else None
        ranker = tried.load(BOOSTER, BOOSTER_FILE, lambda: _ranker_of(folder, recipe, trees))
        collaborative = tried.load(
            TASTE, _COLLABORATIVE, lambda: _collaborative_of(folder, manifest, catalogue)
        )
        if TASTE in tried.without:
            ranker, recipe = None, BOOTSTRAP
        if laid_out and not tried.without:
            raise PublicationInvalid(f"{folder.name}: whole, and not fit to serve")
        exact = index or FaissIndex.exact(catalogue.unit)
        versions = _versions_of(manifest)
        return cls(catalogue, exact, ranker, versions, recipe, collaborative, tried.without)

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

    def accelerate(self) -> bool:
        """Lets compiled code rank from now on, where it answers as LightGBM does.

        The first call in a process takes seconds; queries are answered meanwhile.

        Returns:
            Whether compiled code ranks.
        """
        if self.ranker is None or not len(self.catalogue):
            return False
        seeds = self.catalogue.track_ids(np.arange(min(len(self.catalogue), 2)))
        if self.collaborative is not None:
            products.accelerate()
        context = self.prepare(Query(tuple(Seed(SeedKind.TRACK, name) for name in seeds)))
        candidates = self.candidates(context, self.recipe.quotas(context.query.limit, 1))
        sample = self.features(context, candidates)[:_SAMPLE]
        return bool(len(sample)) and self.ranker.accelerate(sample)

    def recommend(self, query: Query, *, max_seeds: int = MAX_SEEDS) -> Ranking:
        """Answers a query; the same query always gets the same list.

        Fewer tracks than asked come back only when no allowed track is left that duplicates
        and the artist cap admit.

        Raises:
            QueryInvalid: A rule is broken.
            SeedUnknown: The catalogue lacks a seed.
        """
        check(query, max_seeds)
        context = self.prepare(query)
        available = len(context.allowed) - context.barred
        growth = 1
        while True:
            scored = self._score(context, growth)
            with self.stage("choose"):
                chosen = self._choose(context, scored)
            if len(chosen) >= query.limit or len(scored.candidates.rows) >= available:
                break
            growth *= 4
        pool = Pool(len(self.catalogue), available, len(scored.candidates.rows), len(scored.order))
        with self.stage("explain"):
            tracks = self._tracks(context, scored, chosen)
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
        )

    def prepare(self, query: Query) -> Context:
        """Resolves a query.

        Raises:
            SeedUnknown: The catalogue lacks a seed.
        """
        with self.stage("prepare"):
            return prepare(query, self.catalogue, self.index, self.collaborative)

    def candidates(self, context: Context, quotas: Sequence[int]) -> Candidates:
        """Runs the channels for a prepared query, each up to its quota of rows."""
        with self.stage("retrieve"):
            return gather(context, self.recipe.channels, quotas)

    def features(self, context: Context, candidates: Candidates) -> NDArray[np.float32]:
        """Returns the feature matrix, float32 (candidates, features of the recipe)."""
        with self.stage("features"):
            return feature_matrix.build(context, candidates, self.recipe.builders)

    def _score(self, context: Context, growth: int) -> _Scored:
        quotas = self.recipe.quotas(context.query.limit, growth)
        candidates = self.candidates(context, quotas)
        matrix = self.features(context, candidates)
        if not len(candidates.rows):
            empty = np.empty(0)
            return _Scored(candidates, matrix, empty, np.empty(0, np.int64), self.without)
        with self.stage("score"):
            relevance, without = self._relevance(matrix)
            scores = _adjusted(context, candidates, relevance)
        closeness = self._closeness(matrix)
        order = reranking.collapse(candidates.rows, scores, self.catalogue.recording, closeness)
        return _Scored(candidates, matrix, scores, order, without)

    def _relevance(self, matrix: NDArray[np.float32]) -> tuple[Scores, tuple[str, ...]]:
        """Returns scores, and what they were made without: cosines where the booster fails."""
        without = self.without
        if self.ranker is not None:
            try:
                return self.ranker.scores(matrix), without
            except BoosterFailed:
                _log.exception("the booster failed")
                without = (*without, BOOSTER)
        return matrix[:, self.recipe.names.index("profile_cosine")].astype(np.float64), without

    def _closeness(self, matrix: NDArray[np.float32]) -> Scores:
        """Returns what decides among equal scores: sound, and popularity like the seeds'.

        A booster made from a catalogue of unrelated tracks scores all alike, and then this is the
        whole order.
        """
        names = self.recipe.names
        cosine, gap = (matrix[:, names.index(n)] for n in ("profile_cosine", "popularity_gap"))
        return np.asarray(cosine - POPULARITY_STRENGTH * gap, dtype=np.float64)

    def _choose(self, context: Context, scored: _Scored) -> Rows:
        """Returns places among the candidates, in the order to return them."""
        query, order = context.query, scored.order
        rows = scored.candidates.rows
        picked = reranking.choose(
            rows[order],
            scored.scores[order],
            self.catalogue,
            limit=query.limit,
            max_per_artist=query.max_per_artist,
            diversity=query.diversity,
        )
        chosen = order[picked]
        if query.flow:
            chosen = chosen[reranking.flow(rows[chosen], self.catalogue)]
        return np.asarray(chosen, dtype=np.int64)

    def _tracks(self, context: Context, scored: _Scored, chosen: Rows) -> tuple[RankedTrack, ...]:
        if not len(chosen):
            return ()
        rows, matrix = scored.candidates.rows[chosen], scored.matrix[chosen]
        similarity = np.clip(self.catalogue.unit[rows] @ context.vector, -1.0, 1.0)
        packed = [b""] * len(rows)
        if context.query.features:
            packed = [row.tobytes() for row in np.ascontiguousarray(matrix, dtype="<f4")]
        columns = (
            self.catalogue.track_ids(rows),
            scored.scores[chosen].tolist(),
            similarity.tolist(),
            [scored.candidates.channels_of(place) for place in chosen.tolist()],
            self._reasons(context, scored, rows, matrix),
            packed,
        )
        return tuple(RankedTrack(*one) for one in zip(*columns, strict=True))

    def _reasons(
        self, context: Context, scored: _Scored, rows: Rows, matrix: NDArray[np.float32]
    ) -> Sequence[Reasons | None]:
        if not context.query.reasons:
            return [None] * len(rows)
        shares = None
        if self.ranker is not None and BOOSTER not in scored.without:
            shares = self.ranker.contributions(matrix)
        return reasons.explain(context, rows, shares, matrix, self.recipe.names)

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


def _recipe_of(name: str, manifest: Mapping[str, Any]) -> Recipe:
    """Returns the recipe a bundle was made by.

    Raises:
        PublicationInvalid: This program has none of that kind, or one with other features.
    """
    recipe = RECIPES.get(str(manifest["kind"]))
    if recipe is None:
        raise PublicationInvalid(f"{name}: this program knows no model of kind {manifest['kind']}")
    if manifest["feature_hash"] != recipe.feature_hash:
        raise PublicationInvalid(
            f"{name}: made for features {manifest['feature_hash'][:12]}, "
            f"this program has {recipe.feature_hash[:12]}"
        )
    return recipe


def _versions_of(manifest: Mapping[str, Any]) -> Versions:
    return Versions(
        str(manifest["model_version"]),
        str(manifest["index_version"]),
        str(manifest["catalogue_version"]),
    )


def _index_of(folder: Path, manifest: Mapping[str, Any], catalogue: Catalogue) -> FaissIndex:
    return FaissIndex.load(folder / INDEX_FILE, catalogue.unit, manifest["index"])


def _ranker_of(folder: Path, recipe: Recipe, trees: Mapping[str, Any] | None) -> Ranker:
    """Reads the booster, and its trees laid out where there are facts to load them with."""
    laid_out = forest_files.load_forest(folder / forest_files.FOLDER, trees) if trees else None
    text = (folder / BOOSTER_FILE).read_text(encoding="utf-8")
    ranker = Ranker.from_text(text, laid_out)
    if ranker.names != recipe.names:
        raise ValueError("the booster has other features")
    return ranker


class _Tried:
    """Loads parts one by one and notes which could not be.

    Args:
        damaged: Files that are not as they were published.
    """

    def __init__(self, damaged: Mapping[str, str]) -> None:
        self._damaged = damaged
        self.without: list[str] = []

    def load(self, part: str, files: str, load: Callable[[], T]) -> T | None:
        """Returns a part; None where one of its files, named by their start, is damaged."""
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
    facts = manifest.get("taste_index")
    if facts is None:
        return None
    return CollaborativeModel.load(folder / collaborative_model.FOLDER, facts, catalogue.popularity)


def _adjusted(context: Context, candidates: Candidates, relevance: Scores) -> Scores:
    """Blends in what the booster never saw in training: targets, weights and negative seeds.

    Without any, the score is the booster's. Otherwise relevance is put in units of its own
    standard deviation over the candidates, `TARGET_STRENGTH` times the mean distance to the
    targets and `NEGATIVE_STRENGTH` times the cosine to the nearest negative seed are taken off,
    and, for a booster that hardly listens to audio, `WEIGHT_STRENGTH` times the weighed cosine to
    the profile, in its own standard deviations, is added.
    """
    weighed = bool(context.query.weights) and context.affinity is not None
    if not context.query.targets and not context.negatives and not weighed:
        return relevance
    scores = _standard(relevance)
    if context.query.targets:
        scores = scores - TARGET_STRENGTH * target_distance(context, candidates.rows)
    if context.negatives:
        scores = scores - NEGATIVE_STRENGTH * np.maximum(_nearness(context, candidates), 0.0)
    if weighed:
        units = weighted_units(context, candidates.rows)
        scores = scores + WEIGHT_STRENGTH * _standard(units @ context.vector)
    return np.asarray(scores, dtype=np.float64)


def _standard(values: NDArray[Any]) -> Scores:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 1e-9 else 1.0), np.float64)


def _nearness(context: Context, candidates: Candidates) -> Scores:
    """Returns the greatest cosine of candidates to a negative seed, by sound or by taste."""
    units = weighted_units(context, candidates.rows)
    nearest = (units @ context.negative_vectors.T).max(axis=1)
    if context.negative_affinity is not None:
        places = context.negative_affinity.model.taste
        taste = places.of(candidates.rows) @ places.of(context.negative_affinity.seeds).T
        nearest = np.maximum(nearest, taste.max(axis=1))
    return np.asarray(nearest, np.float64)
