"""Looks for secrets in the tree, or in everything that git's history ever held.

    python -m tools.find_secrets            what is in the tree, committed or not yet
    python -m tools.find_secrets --history  every line and message of every commit of every branch

The detectors are those of detect-secrets, without the ones that judge by randomness alone, because
hashes would be findings, and without those of IBM's cloud and of Artifactory, which nothing here
uses and which take two thirds of the time. A value that only looks like a secret is listed in
deploy/not-secrets.txt.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.keyword import KeywordDetector

ALLOWED: Final = "deploy/not-secrets.txt"
_LEFT_OUT: Final = frozenset(
    (
        *("Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"),
        *("CloudantDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "SoftlayerDetector"),
        "ArtifactoryDetector",
    )
)
_KEYWORDS: Final = re.compile("key|pass|pwd|secret|contrase", re.IGNORECASE)
"""A part of every word that makes KeywordDetector look at a line; it is slow."""
_PLACEHOLDER: Final = re.compile(r"[$%]?\{.*|\$\w.*|<.*>|[A-Z]+(?:_[A-Z]+)*")
"""A name that stands for a value: `{secret}`, `$SECRET`, `<secret>`, `YOUR_SECRET`."""
_LONGEST_LINE: Final = 20_000
"""Characters of a line that are read; a longer one is data, and is read so far."""
_LINES_OF_A_BLOCK: Final = 500


@dataclass(frozen=True)
class Finding:
    """A line with something that looks like a secret; the secret itself is not kept."""

    kind: str
    line: str

    def named(self, places: Iterable[str]) -> str:
        return f"{', '.join(places) or 'in the history'}: {self.kind}"


def detectors() -> list[BasePlugin]:
    """Make one of each detector that knows the form of a secret, or the word before it."""
    kinds: Iterable[Any] = get_mapping_from_secret_type_to_class().values()
    return [kind() for kind in kinds if kind.__name__ not in _LEFT_OUT]


def allowed_values(text: str) -> set[str]:
    """Read the values of `ALLOWED`: `value  # reason` a line.

    Raises:
        ValueError: A line has no reason.
    """
    values = set()
    for number, line in enumerate(text.splitlines(), 1):
        value, _, reason = line.partition("  # ")
        if line.startswith("#") or not line.strip():
            continue
        if len(reason.split()) < 2:
            raise ValueError(f"{ALLOWED}, line {number}: write `value  # reason`")
        values.add(value)
    return values


def suspects(detector: BasePlugin, lines: list[str], allowed: set[str]) -> bool:
    """Whether lines have a value that is neither allowed nor a placeholder."""
    if isinstance(detector, KeywordDetector):
        lines = [line for line in lines if _KEYWORDS.search(line)]
    # A detector takes as long for many lines as for one; the forms of secrets have no line break.
    values = set(detector.analyze_string("\n".join(lines))) - allowed
    return not all(map(_PLACEHOLDER.fullmatch, values))


def findings(lines: Iterable[str], allowed: set[str]) -> Iterator[Finding]:
    """Yield the lines that hold something like a secret, each once for each kind."""
    every = detectors()
    rest = iter(lines)
    while block := [line[:_LONGEST_LINE] for line in islice(rest, _LINES_OF_A_BLOCK)]:
        for detector in (each for each in every if suspects(each, block, allowed)):
            found = (line for line in block if suspects(detector, [line], allowed))
            yield from (Finding(detector.secret_type, line) for line in found)


def git(*words: str) -> str:
    """Return what git prints.

    Raises:
        CalledProcessError: git failed, or this is no repository.
    """
    done = subprocess.run(["git", *words], check=True, capture_output=True, timeout=300)
    return done.stdout.decode(errors="replace")


def lines_of_history() -> set[str]:
    """Return each line that a commit added, and each line of a commit's message.

    Raises:
        ValueError: The clone does not have the whole history.
    """
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise ValueError("this clone is shallow; run: git fetch --unshallow")
    patches = git("log", "--all", "--patch", "--unified=0", "--no-renames", "--no-color")
    added = {line[1:] for line in patches.split("\n") if line.startswith("+")}
    return added | set(git("log", "--all", "--format=%B").split("\n"))


def lines_of_tree() -> dict[str, list[str]]:
    """Return each line of the files that git holds or would add, with its places."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    lines: dict[str, list[str]] = {}
    for name in filter(None, dict.fromkeys(listed)):
        path = Path(name)
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content[:8_000]:
            continue  # not text
        for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
            lines.setdefault(line, []).append(f"{name}:{number}")
    return lines


def commits_with(line: str) -> list[str]:
    """Return the commits that changed how often a line is there."""
    return git("log", "--all", "--format=commit %h", f"-S{line}").split("\n")[:-1]


def main() -> int:
    """Name what was found, without the secret; return 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--history", action="store_true", help="read every commit")
    history = parser.parse_args().history
    try:
        allowed = allowed_values(Path(ALLOWED).read_text(encoding="utf-8"))
        places = {} if history else lines_of_tree()
        lines = lines_of_history() if history else places.keys()
    except ValueError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    found = list(findings(sorted(lines), allowed))
    for each in found:
        where = commits_with(each.line) if history else places.get(each.line, [])
        sys.stderr.write(f"{each.named(where[:3])}\n")
    if found:
        sys.stderr.write(
            "Revoke a real secret first: everyone with the repository has it. Then remove it. "
            f"A value that only looks like one goes to {ALLOWED}, with a reason.\n"
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
