"""Changes the code in one small way after the other, and counts how many changes a test notices.

    python -m tools.mutants [contract spool publication access] [--only tokens] [--minutes 10]

A change that no test notices survives. The score of a module is the share that does not survive;
below 85 % the run fails. It also fails if a survivor is not listed with a reason in
tools/mutants/survivors.toml. Texts of errors, annotations and code that runs at import are not
changed. A run that was ended, by `--minutes` too, goes on where it was.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.mutants.changes import Change, changes_of, live_functions
from tools.mutants.survivors import LISTED, Outcomes, digest_of, faults_of, listed, numbered
from tools.mutants.trial import LATE, PASSED, Trial, collected

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "build" / "mutants"
GOAL: Final = 0.85


@dataclass(frozen=True)
class Part:
    """Modules, and the tests that shall notice every change of them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


def _named(package: str, *modules: str) -> tuple[str, ...]:
    return tuple(f"{package}.{module}" for module in modules)


PARTS: Final = {
    "contract": Part(
        _named(
            "quintet_contract",
            *("addresses", "attributes", "limits", "options", "patterns", "seeds", "signals"),
        ),
        ("tests/contract/unit",),
    ),
    "spool": Part(
        ("quintet_store.spool",),
        tuple(
            f"tests/store/test_{name}.py"
            for name in ("feedback_spool", "spool_after_power_cuts", "spool_details")
        ),
    ),
    "publication": Part(
        ("quintet_modelkit.publication", "quintet_files.atomic"),
        (
            *("tests/modelkit/unit/test_publishing_folders.py", "tests/files/unit"),
            *(
                f"tests/modelkit/unit/test_{name}.py"
                for name in ("hostile_files", "publication_details")
            ),
        ),
    ),
    "access": Part(
        _named(
            "quintet_access",
            *("clients", "files", "identity", "keys", "media_servers", "players"),
            *("pseudonyms", "rules", "scopes", "tokens"),
        ),
        ("tests/access",),
    ),
}


@dataclass
class Score:
    """What became of the changes of a module."""

    changes: int
    survivors: list[str] = field(default_factory=list)
    late: int = 0
    untried: int = 0

    @property
    def share(self) -> float:
        """The share of changes that tests noticed; 1 for a module without any."""
        return 1 - len(self.survivors) / self.changes if self.changes else 1.0


def tried(part: Part, modules: Sequence[str], end: float) -> dict[str, Score]:
    """Try every change of the modules of a part until a time on the clock of `time.monotonic`."""
    scores: dict[str, Score] = {}

    def work(trial: Trial) -> None:
        changes = {module: list(changes_of(module)) for module in modules}
        files = [str(importlib.import_module(module).__file__) for module in modules]
        tests = digest_of(ROOT / each for each in part.tests)
        lines = trial.measured(files)
        every = [change for each in changes.values() for change in each]
        live = live_functions(every)
        if missing := {change.place for change in every} - set(live):
            raise SystemExit(f"functions that are not in the process: {sorted(missing)}")
        for module, file in zip(modules, files, strict=True):
            outcomes = Outcomes(FOLDER / f"{module}.jsonl", digest_of([Path(file)]), tests)
            scores[module] = score = Score(len(changes[module]))
            keys = numbered([change.key for change in changes[module]])
            for key, change in zip(keys, changes[module], strict=True):
                outcome = outcomes.get(key)
                if outcome is None and time.monotonic() < end:
                    chosen = lines.of(change)
                    seconds = sum(lines.seconds[test] for test in chosen)
                    outcome = trial.outcome_of(change, live, chosen, seconds) if chosen else PASSED
                    outcomes.put(key, outcome)
                _count(score, key, change, outcome)

    collected(part.tests, work, FOLDER)
    return scores


def _count(score: Score, key: str, change: Change, outcome: str | None) -> None:
    score.untried += outcome is None
    score.late += outcome == LATE
    if outcome == PASSED:
        score.survivors.append(key)
        sys.stdout.write(f"  survives, line {change.site.line}: {key}\n")
        sys.stdout.flush()


def shown(module: str, score: Score) -> str:
    """Write the score of a module as a line."""
    late = f", {score.late} by taking too long" if score.late else ""
    untried = f"; {score.untried} not tried yet" if score.untried else ""
    noticed = score.changes - len(score.survivors) - score.untried
    return f"{module}: {noticed} of {score.changes} noticed{late}, {score.share:.0%}{untried}\n"


def main() -> int:
    """Score the parts that were asked for; return 1 if a module misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--only", default="", help="modules with this in their name")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many")
    options = parser.parse_args()
    os.chdir(ROOT)
    end = time.monotonic() + 60 * options.minutes
    scores: dict[str, Score] = {}
    for name in options.parts or PARTS:
        modules = [each for each in PARTS[name].modules if options.only in each]
        scores |= tried(PARTS[name], modules, end)
    for module, score in scores.items():
        sys.stdout.write(shown(module, score))
    whole = [module for module, score in scores.items() if not score.untried]
    survivors = [each for score in scores.values() for each in score.survivors]
    faults = faults_of(survivors, listed(LISTED.read_text(encoding="utf-8")), whole)
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    missed = [score for score in scores.values() if score.untried or score.share < GOAL]
    return int(bool(faults or missed))


if __name__ == "__main__":
    sys.exit(main())
