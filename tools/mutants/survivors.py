"""Outcomes of changes, kept between runs, and the survivors that are listed with a reason.

`survivors.toml` beside this module has one table for each change that no test notices. Outcomes are
kept in build/mutants by the text of the module: a change that was noticed once is not tried again
until its module changes. A change that survived is tried again, unless no test changed either.
"""

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.mutants.trial import PASSED

LISTED: Final = Path(__file__).parent / "survivors.toml"


def digest_of(paths: Iterable[Path]) -> str:
    """Hash the content of files, and of the Python files in folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class Outcomes:
    """The outcome of each change tried so far, one per line of a file.

    Args:
        path: The file.
        module: Hash of the source of the module.
        tests: Hash of the tests.
    """

    def __init__(self, path: Path, module: str, tests: str) -> None:
        self._path, self._module, self._tests = path, module, tests
        self._known: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            entry = json.loads(line)
            fresh = entry["outcome"] != PASSED or entry["tests"] == tests
            if entry["module"] == module and fresh:
                self._known[entry["change"]] = entry["outcome"]

    def get(self, change: str) -> str | None:
        """Return the outcome of a change; None if it must be tried."""
        return self._known.get(change)

    def put(self, change: str, outcome: str) -> None:
        """Keep an outcome, so that an interrupted run goes on after it."""
        self._known[change] = outcome
        line = {"change": change, "outcome": outcome, "module": self._module, "tests": self._tests}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")


def listed(text: str) -> Mapping[str, str]:
    """Read the reasons of listed survivors, by the key of the change.

    Raises:
        ValueError: An entry has no reason, or is there twice.
    """
    reasons: dict[str, str] = {}
    for entry in tomllib.loads(text).get("survivor", []):
        change, reason = str(entry["change"]), str(entry["reason"]).strip()
        if not reason or change in reasons:
            raise ValueError(f"survivors.toml: {change} has no reason, or is there twice")
        reasons[change] = reason
    return reasons


def faults_of(
    survivors: Sequence[str], reasons: Mapping[str, str], parts: Sequence[str]
) -> list[str]:
    """Compare survivors with those listed.

    Args:
        survivors: Keys of the changes that survived.
        reasons: Those listed.
        parts: Modules that were tried whole; entries of others are not judged.

    Returns:
        What is wrong; empty if each survivor is listed and each listed one survives.
    """
    tried = [each for each in reasons if each.partition(":")[0] in parts]
    missing = [f"not in survivors.toml: {each}" for each in survivors if each not in reasons]
    noticed = [f"in survivors.toml, but noticed: {each}" for each in tried if each not in survivors]
    return [*missing, *noticed]


def numbered(keys: Sequence[str]) -> list[str]:
    """Make keys unique: the second change with the same key gets ` (2)` after it."""
    seen: Counter[str] = Counter()
    unique = []
    for key in keys:
        seen[key] += 1
        unique.append(key if seen[key] == 1 else f"{key} ({seen[key]})")
    return unique
