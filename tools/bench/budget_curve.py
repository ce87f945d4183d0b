"""What lists lose where fewer candidates are retrieved: `make bench-budget`.

Trains once on three quarters of the playlists of EVAL_HOME, then asks the held-out ones with each
budget. Every figure is a mean over the same questions, and the difference to the full budget is
taken question by question, with its 95 % interval.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.channels.collaborative import BUDGET
from quintet_engine.engine import Engine, Versions
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.evaluation import EvaluationOptions, Recommender
from quintet_training.evaluation.cases import Case
from quintet_training.evaluation.measuring import differences, measure
from quintet_training.evaluation.metrics import METRICS, Yardstick
from quintet_training.ranking import TrainingParameters, train_model
from quintet_training.settings import TrainingSettings
from quintet_training.steps.evaluating import recommender
from quintet_training.steps.publishing import CATALOGUE
from quintet_training.steps.training import load_playlists
from threadpoolctl import threadpool_limits

OPTIONS = EvaluationOptions(seed_counts=(1, 2, 3, 5))
MOST_PER_ARTIST = 3
"""As where a listener says nothing."""


def engine_of(catalogue: Catalogue, known: Sequence[Rows]) -> Engine:
    """Trains on some playlists as `quintet train` does."""
    trained = train_model(catalogue, known, TrainingParameters(), lambda _share, _text: None)
    ranker = Ranker.from_text(trained.booster)
    versions = Versions("budget", "", catalogue.snapshot.version)
    engine = Engine(catalogue, trained.index, ranker, versions, TRAINED, trained.learned)
    engine.accelerate()
    return engine


def asked(engine: Engine, budget: int, limit: int) -> Recommender:
    """Return the engine as a function from seed rows to rows, retrieving by another budget."""
    recipe = replace(TRAINED, budget=budget)
    parts = (engine.catalogue, engine.index, engine.ranker, engine.versions)
    other = Engine(*parts, recipe, engine.collaborative)
    return recommender(other, limit=limit, max_per_artist=MOST_PER_ARTIST)


def curve(
    engine: Engine, cases: Sequence[Case], yardstick: Yardstick, budgets: Sequence[int]
) -> list[str]:
    """Return a line for each budget."""
    measured = {
        str(budget): measure(asked(engine, budget, yardstick.limit), cases, yardstick)
        for budget in (BUDGET, *budgets)
    }
    lost = differences(measured, str(BUDGET), OPTIONS.seed)
    lines = []
    for name, one in measured.items():
        means = dict(zip(METRICS, one.scores.mean(axis=0), strict=True))
        line = f"{name:>7}  NDCG {means['ndcg']:.3f}  recall {means['recall']:.3f}"
        if name in lost:
            gap = lost[name]["ndcg"]
            line += f"  NDCG lost {gap.mean:+.4f} ({gap.lower:+.4f} to {gap.upper:+.4f})"
        lines.append(line)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="with catalogue and playlists")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--budgets", default="850,700,500,350")
    options = parser.parse_args()
    settings = TrainingSettings(home=options.home)
    catalogue = Catalogue.of(Snapshot.load(current_folder(settings.home / CATALOGUE)))
    playlists = load_playlists(settings, catalogue)
    held_out = OPTIONS.hold_out(near_duplicates(playlists.rows, len(catalogue)))
    known = [playlists.rows[number] for number in np.flatnonzero(~held_out).tolist()]
    cases = OPTIONS.cases(playlists.rows, held_out)
    engine = engine_of(catalogue, known)
    yardstick = Yardstick.of(catalogue, known, options.limit)
    budgets = [int(text) for text in options.budgets.split(",")]
    for count in OPTIONS.seed_counts:
        sys.stdout.write(f"{count} seeds, {len(cases[count])} questions, {options.limit} tracks\n")
        with threadpool_limits(1, "blas"):
            lines = curve(engine, cases[count], yardstick, budgets)
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
