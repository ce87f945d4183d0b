"""Changes the code in one small way after the other, and counts how many changes a test notices.

    python -m tools.mutants [contract spool publication access] [--workers 2] [--only tokens]

A change that no test notices survives. The score of a part is the share that does not survive;
below 85 % the run fails. Survivors are listed in build/mutants.json. Texts of errors, annotations
and code that runs at import are not changed.

The tests of a part are imported and run once. Then each change gets a forked process, in which the
code of one function is replaced and the tests run until one fails: a second instead of the ten that
starting Python and pytest again takes.
"""

import argparse
import ast
import copy
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tools.mutations import Site, changed, sites_of

ROOT: Final = Path(__file__).parent.parent
GOAL: Final = 0.85
_QUIET: Final = (
    *("-q", "-x", "-p", "no:cacheprovider", "-p", "no:tests.secrets_in_logs"),
    *("-p", "no:tests.skipped", "-p", "no:xdist", "--hypothesis-seed=0"),
)
_LEAST_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Part:
    """Modules, and the tests that shall notice every change of them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


PARTS: Final = {
    "contract": Part(
        tuple(
            f"quintet_contract.{name}"
            for name in (
                "addresses",
                "attributes",
                "limits",
                "options",
                "patterns",
                "seeds",
                "signals",
            )
        ),
        ("tests/contract/unit",),
    ),
    "spool": Part(("quintet_store.spool",), ("tests/store/test_feedback_spool.py",)),
    "publication": Part(
        ("quintet_modelkit.publication", "quintet_files.atomic"),
        ("tests/modelkit/unit/test_publishing_folders.py", "tests/files/unit"),
    ),
    "access": Part(
        tuple(
            f"quintet_access.{name}"
            for name in (
                *("clients", "files", "identity", "keys", "media_servers", "players"),
                *("pseudonyms", "rules", "scopes", "tokens"),
            )
        ),
        ("tests/access",),
    ),
}


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    module: str
    line: int
    change: str


@dataclass
class Result:
    """What became of the changes of a part."""

    noticed: int = 0
    survivors: list[Survivor] = field(default_factory=list)

    @property
    def score(self) -> float:
        total = self.noticed + len(self.survivors)
        return self.noticed / total if total else 0.0


@dataclass(frozen=True)
class Change:
    """One change: where, what, and the code of the function that has it."""

    module: str
    site: Site
    code: types.CodeType


def functions_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of the functions of a module and of its classes, not of those inside them."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            if each.co_flags & 0x2:  # CO_NEWLOCALS: a function, not a class
                yield each
            else:
                yield from functions_of(each)


def changes_of(name: str) -> Iterator[Change]:
    """Yield every change of a module, compiled."""
    path = str(importlib.import_module(name).__file__)
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for site in sites_of(tree):
        altered = changed(copy.deepcopy(tree), site)
        compiled = compile(ast.fix_missing_locations(altered), path, "exec")
        (code,) = (
            each
            for each in functions_of(compiled)
            if (each.co_qualname, each.co_firstlineno) == (site.function, site.first_line)
        )
        yield Change(name, site, code)


Place = tuple[str, str, int]
Live = dict[Place, list[types.FunctionType]]


def live_functions(paths: set[str]) -> Live:
    """Find the functions of these files in this process, by file, name and first line."""
    found: Live = {}
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename in paths:
            own = each.__code__
            found.setdefault((own.co_filename, own.co_qualname, own.co_firstlineno), []).append(
                each
            )
    return found


def put_in(change: Change, live: Live) -> int:
    """Replace the code of the function in this process; return how many functions had it."""
    place = (change.code.co_filename, change.site.function, change.site.first_line)
    for each in live.get(place, ()):
        each.__code__ = change.code
    return len(live.get(place, ()))


def run_tests(tests: Sequence[str], folder: Path) -> int:
    """Run tests in this process and return pytest's exit code."""
    return int(pytest.main([*_QUIET, f"--basetemp={folder}", *tests]))


def start(change: Change, live: Live, tests: Sequence[str], folder: Path, seconds: float) -> int:
    """Fork a process that runs the tests on a change; return its id. It ends after `seconds`."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1), os.dup2(silence, 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(seconds))
        # Code that nothing uses cannot be noticed.
        code = run_tests(tests, folder) if put_in(change, live) else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(int(code != 0))


def tried(
    part: Part, changes: Sequence[Change], live: Live, workers: int, seconds: float
) -> Result:
    """Run the tests on each change, some at a time."""
    result, waiting, running = Result(), list(changes), dict[int, Change]()
    while waiting or running:
        while waiting and len(running) < workers:
            change = waiting.pop(0)
            folder = ROOT / "build" / "mutants" / str(len(waiting))
            running[start(change, live, part.tests, folder, seconds)] = change
        child, status = os.wait()
        if (ended := running.pop(child, None)) is None:
            continue
        if status:
            result.noticed += 1
            continue
        survivor = Survivor(ended.module, ended.site.line, ended.site.change)
        result.survivors.append(survivor)
        sys.stdout.write(f"  survives: {survivor.module}:{survivor.line} {survivor.change}\n")
        sys.stdout.flush()
    return result


def score(name: str, workers: int, only: str) -> Result:
    """Run a part's tests as they are, and then on each change.

    Raises:
        SystemExit: They fail as they are.
    """
    part = PARTS[name]
    (ROOT / "build" / "mutants").mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    if code := run_tests(part.tests, ROOT / "build" / "mutants" / "unchanged"):
        raise SystemExit(f"the tests of {name} end with code {code} without any change")
    took = time.monotonic() - begun
    modules = [each for each in part.modules if only in each]
    changes = [change for module in modules for change in changes_of(module)]
    live = live_functions({change.code.co_filename for change in changes})
    gc.freeze()
    return tried(part, changes, live, workers, max(_LEAST_SECONDS, 10 * took))


def main() -> int:
    """Score the parts that were asked for; return 1 if one is below the goal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="modules with this in their name")
    given = parser.parse_args()
    os.chdir(ROOT)
    results = {name: score(name, given.workers, given.only) for name in given.parts or PARTS}
    for name, result in results.items():
        total = result.noticed + len(result.survivors)
        sys.stdout.write(f"{name}: {result.noticed} of {total} noticed, {result.score:.0%}\n")
    kept = {name: [asdict(each) for each in result.survivors] for name, result in results.items()}
    (ROOT / "build" / "mutants.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return int(any(result.score < GOAL for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
