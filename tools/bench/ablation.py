"""What candidates miss by kind of playlist, and what balanced samples gain: `make bench-ablation`.

Playlists are held out as by `quintet evaluate`, and asked about with five seeds. Part one learns
from the others and reports how many hidden tracks each channel finds, and how many could be found
at all. Part two fits the booster four times, on queries and validation drawn by kind and by chance,
everything else equal: the rows of a playlist are the same in all four.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.collaborative.space import membership
from quintet_engine.collaborative.taste import WEIGHTS
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, Seasonal, Seed, SeedKind, Variants
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.evaluation import EvaluationOptions
from quintet_training.evaluation.cases import Case
from quintet_training.ranking.fitting import BoosterParameters, Fitter
from quintet_training.ranking.folds import FoldEngines, fit_learned, sound_index
from quintet_training.ranking.rows import RowMaker, TrainingRows, draw_queries, read_rows
from quintet_training.ranking.strata import evenly, strata_of
from quintet_training.settings import TrainingSettings
from quintet_training.steps.publishing import CATALOGUE
from quintet_training.steps.training import load_playlists
from threadpoolctl import threadpool_limits

OPTIONS = EvaluationOptions(seed_counts=(5,))
CUT: Final = 500
FOLDS: Final = 5
SEED: Final = 7
BINS: Final = 10
REACHES: Final = (1_800, 5_000, 10_000)
"""Nearest tracks in the taste space that are counted."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Asked:
    """One question with what retrieval found for it."""

    kind: str
    case: Case
    rows: Rows
    found: Mask  # by row and channel
    features: NDArray[np.float32]


@dataclass(frozen=True)
class World:
    """The data of one split."""

    catalogue: Catalogue
    tokens: Tokens
    index: FaissIndex
    known: Sequence[Rows]
    kinds: Sequence[str]
    cases: Sequence[Case]
    case_kinds: Sequence[str]

    @classmethod
    def of(cls, home: Path) -> "World":
        settings = TrainingSettings(home=home)
        snapshot = Snapshot.load(current_folder(settings.home / CATALOGUE))
        catalogue = Catalogue.of(snapshot, recommend_absent=True)
        playlists = load_playlists(settings, catalogue)
        held = OPTIONS.hold_out(near_duplicates(playlists.rows, len(catalogue)))
        known = np.flatnonzero(~held).tolist()
        cases = OPTIONS.cases(playlists.rows, held)[5]
        return cls(
            catalogue,
            Tokens.of(catalogue, SEED),
            FaissIndex.build(catalogue.unit, seed=SEED),
            [np.unique(playlists.rows[number]) for number in known],
            [playlists.kinds[number] for number in known],
            cases,
            [playlists.kinds[case.playlist] for case in cases],
        )


def ask(world: World, engine: Engine) -> list[Asked]:
    found = []
    for case, kind in zip(world.cases, world.case_kinds, strict=True):
        names = world.catalogue.track_ids(case.seeds)
        seeds = tuple(Seed(SeedKind.TRACK, name) for name in names)
        context = engine.prepare(Query(seeds, variants=Variants.ALLOW, seasonal=Seasonal.ALLOW))
        candidates = engine.candidates(context, TRAINED.quotas(CUT, 1))
        features = engine.features(context, candidates)
        found.append(Asked(kind, case, candidates.rows, candidates.found, features))
    return found


def report_recall(world: World, engine: Engine, asked: Sequence[Asked]) -> None:
    """Report by kind which share of the hidden tracks is found, by whom, and could be found."""
    members = membership(world.known, len(world.catalogue))
    holders = members.T.tocsr()
    learned = engine.collaborative
    assert learned is not None
    places = learned.taste.places.astype(np.float32)
    names = [channel.name for channel in TRAINED.channels]
    table: dict[str, list[dict[str, float]]] = {}
    for one in asked:
        seeds, truth = one.case.seeds, one.case.truth
        place = {row: number for number, row in enumerate(one.rows.tolist())}
        at = [place[row] for row in truth.tolist() if row in place]
        hits = one.found[at]
        facts = {
            "hidden": float(len(truth)),
            "candidates": float(len(one.rows)),
            "found": len(at) / len(truth),
        }
        for number, name in enumerate(names):
            facts[f"  {name}"] = float(hits[:, number].sum()) / len(truth)
            facts[f"  {name} alone"] = float(
                (hits[:, number] & (hits.sum(axis=1) == 1)).sum()
            ) / len(truth)
        listed = np.diff(holders.indptr)[truth] > 0
        shared = np.zeros(len(world.catalogue), bool)
        with_seed = np.unique(holders[seeds].indices)
        shared[members[with_seed].indices] = True
        artists = set(world.tokens.artist[seeds].tolist()) - {world.tokens.unknown_artist}
        by_artist = np.isin(world.tokens.artist[truth], sorted(artists))
        cosines = places @ places[seeds].mean(axis=0)
        cosines[seeds] = -np.inf
        ranks = len(cosines) - np.searchsorted(np.sort(cosines), cosines[truth], side="right")
        facts["on any playlist"] = float(listed.mean())
        facts["on a playlist with a seed"] = float(shared[truth].mean())
        facts["by a seed's artist"] = float(by_artist.mean())
        for reach in REACHES:
            near = ranks < reach
            facts[f"taste {reach}"] = float(near.mean())
            facts[f"any of these, taste {reach}"] = float((near | shared[truth] | by_artist).mean())
        gains = 1 / np.log2(np.arange(2, CUT + 2))
        best = gains[: min(CUT, len(truth))].sum()
        facts["NDCG if all found came first"] = float(gains[: min(CUT, len(at))].sum() / best)
        for kind in (one.kind, "all"):
            table.setdefault(kind, []).append(facts)
    kinds = sorted(table)
    say(f"{'':36}" + "".join(f"{kind:>12}" for kind in kinds))
    for name in table["all"][0]:
        means = [float(np.mean([facts[name] for facts in table[kind]])) for kind in kinds]
        say(f"{name:36}" + "".join(f"{mean:12.3f}" for mean in means))


def ndcg(order: Rows, case: Case) -> tuple[float, float]:
    gains = 1 / np.log2(np.arange(2, CUT + 2))
    hit = np.isin(order[:CUT], case.truth)
    best = gains[: min(CUT, len(case.truth))].sum()
    return float(gains[: len(hit)][hit].sum() / best), float(hit.sum() / len(case.truth))


def report_ablation(
    world: World, asked: Sequence[Asked], engines: FoldEngines, most: int, validation: int
) -> None:
    strata = strata_of(
        world.tokens, membership(world.known, len(world.catalogue)), world.kinds, SEED
    )
    random = np.random.default_rng(SEED)
    count = len(world.known)
    orders = {"by kind": evenly(strata, random), "by chance": random.permutation(count)}
    rows = all_rows(world, engines, strata)
    fitter = Fitter(TRAINED.names, TRAINED.monotone, SEED, 1)
    truth = {name: np.array([one.kind for one in asked]) == name for name in set(world.case_kinds)}
    for held_by, held_order in orders.items():
        held = set(held_order[:validation].tolist())
        for drawn_by, drawn_order in orders.items():
            drawn = [n for n in drawn_order.tolist() if n not in held][:most]
            fit = fitter.fit(
                BoosterParameters(),
                some(rows["training"], drawn),
                some(rows["validation"], sorted(held)),
            )
            ranker = Ranker.from_text(fit.text)
            scores = np.array(
                [
                    ndcg(
                        one.rows[np.argsort(-ranker.scores(one.features), kind="stable")], one.case
                    )
                    for one in asked
                ]
            )
            line = f"queries {drawn_by:10} validation {held_by:10} trees {fit.rounds:4}"
            line += f"  all {scores[:, 0].mean():.4f}/{scores[:, 1].mean():.4f}"
            for kind in sorted(truth):
                mean = scores[truth[kind]].mean(axis=0)
                line += f"  {kind} {mean[0]:.3f}/{mean[1]:.3f}"
            say(line)
            if held_by == drawn_by == "by kind":
                report_calibration(ranker, some(rows["validation"], sorted(held)), asked)


def report_calibration(ranker: Ranker, held: TrainingRows, asked: Sequence[Asked]) -> None:
    """Report how often a candidate of a score is on the playlist: as validation predicts, and seen.

    Bins have equally many hits of the validation rows, so that the best scores are in several bins.
    """
    scores, hits = ranker.scores(held.features), held.relevant > 0
    edges = np.quantile(scores[hits], np.arange(1, BINS) / BINS)
    predicted = np.searchsorted(edges, scores)
    scored = [ranker.scores(one.features) for one in asked]
    seen = np.searchsorted(edges, np.concatenate(scored))
    truth = np.concatenate([np.isin(one.rows, one.case.truth) for one in asked])
    kinds = np.concatenate([np.full(len(one.rows), one.kind) for one in asked])
    names = sorted(set(kinds.tolist()))
    say("hit rate by bin of the score: predicted, observed, candidates, observed by kind")
    for number in range(BINS):
        inside = seen == number
        line = f"{number + 1:4} {hits[predicted == number].mean():.4f} {truth[inside].mean():.4f}"
        line += f" {np.count_nonzero(inside):8}"
        line += "".join(f"  {name} {truth[inside & (kinds == name)].mean():.4f}" for name in names)
        say(line)


def some(rows: TrainingRows, playlists: Sequence[int]) -> TrainingRows:
    assert rows.numbers is not None
    return rows.of(np.flatnonzero(np.isin(rows.numbers, playlists)))


def all_rows(
    world: World, engines: FoldEngines, strata: NDArray[np.int64]
) -> Mapping[str, TrainingRows]:
    """Make rows of every playlist as a training query and as a validation query."""
    made: dict[str, TrainingRows] = {}
    fitted: dict[int, Engine] = {}

    def engine(fold: int) -> Engine:
        if fold not in fitted:
            fitted[fold] = engines(fold)
        return fitted[fold]

    for name, held in (("training", False), ("validation", True)):
        queries = draw_queries(
            *(world.known, engines.folds, np.full(len(world.known), held), strata),
            samplings=1,
            least=6,
            most=len(world.known),
            seed=SEED,
        )
        # A query's number is that of its playlist, so that parts can be chosen by playlist.
        queries = queries.with_columns(query=pl.col("playlist").cast(pl.UInt32))
        with tempfile.TemporaryDirectory(prefix="quintet-ablation-") as folder:
            path = Path(folder) / "rows.parquet"
            RowMaker(engine, 400, SEED, 1).write(queries, path, lambda _: None)
            made[name] = read_rows(path, queries)
        say(f"{name}: {len(made[name].relevant):,} rows of {len(made[name].sizes)} playlists")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="with catalogue and playlists")
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--validation", type=int, default=100)
    options = parser.parse_args()
    with threadpool_limits(1, user_api="blas"):
        world = World.of(options.home)
        sounds = sound_index(world.tokens, SEED)
        learned = fit_learned(world.catalogue, world.known, WEIGHTS, SEED, world.tokens, sounds)
        versions = Versions("ablation", "", world.catalogue.snapshot.version)
        engine = Engine(world.catalogue, world.index, None, versions, TRAINED, learned)
        asked = ask(world, engine)
        report_recall(world, engine, asked)
        groups = near_duplicates(world.known, len(world.catalogue))
        random = np.random.default_rng((SEED, 5))
        folds = (random.permutation(int(groups.max()) + 1) % FOLDS)[groups]
        engines = FoldEngines(
            *(world.catalogue, world.known, folds, WEIGHTS, SEED),
            *(world.tokens, world.index, sounds),
        )
        report_ablation(world, asked, engines, options.queries, options.validation)
    return 0


if __name__ == "__main__":
    sys.exit(main())
