"""Each skip says what it needs and the command that brings it; too many fail a run."""

import ast
import re
from collections import Counter

import pytest

from tests import needs
from tests.needs import MUSIC, Need, npm_packages
from tests.root import ROOT
from tests.skipped import faults_of, lines_of

NEEDS = [*(each for each in vars(needs).values() if isinstance(each, Need)), *MUSIC.values()]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def skips_in(source: str) -> list[int]:
    """The lines that skip without a need, or read QUINTET_SLOW for themselves."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("skip", "skipif", "importorskip")
            and ast.unparse(node.value) in ("pytest", "pytest.mark", "mark", "unittest")
        ):
            found.append(node.lineno)
        if isinstance(node, ast.Call) and "environ" in ast.unparse(node.func):
            found += [each.lineno for each in node.args if ast.unparse(each) == "'QUINTET_SLOW'"]
    return found


def test_no_test_skips_by_other_means():
    allowed = {"tests/needs.py": 2, "tests/slow.py": 1}
    found = {
        str(path.relative_to(ROOT)): len(lines)
        for path in (ROOT / "tests").rglob("*.py")
        if (lines := skips_in(path.read_text(encoding="utf-8")))
    }
    assert found == allowed


def test_what_skips_by_other_means_is_found():
    for line in ('pytest.skip("x")', "@pytest.mark.skip\ndef f(): ...", 'pytest.importorskip("x")'):
        assert skips_in(f"import pytest\n{line}\n")
    assert skips_in('import os\nSLOW = os.environ.get("QUINTET_SLOW") == "1"\n')


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.what[:30])
def test_the_command_of_a_need_exists(need):
    assert needs.REASON.fullmatch(need.reason)
    program, *words = need.command.split()
    if program == "make":
        assert re.search(rf"^{re.escape(words[0])}:.*## ", MAKEFILE, re.MULTILINE)
    if program == "apt-get" and "docker" not in need.command:
        listed = (ROOT / "tests" / "programs.txt").read_text(encoding="utf-8").split()
        assert set(words[2:]) <= set(listed)
    assert program in ("make", "apt-get", "go", "export", "docker", "sudo")


def test_a_reason_without_a_command_and_too_many_skips_are_faults():
    counted = Counter({needs.REDIS.reason: 3, npm_packages("a", "no `x`;\n y").reason: 1})
    assert faults_of(counted, None) == []
    assert faults_of(counted, 4) == []
    assert faults_of(counted, 3) == ["4 tests were skipped, and at most 3 may be"]
    (fault,) = faults_of(counted + Counter(["not today"]), None)
    assert fault.endswith(": not today")
    assert lines_of(counted)[0].startswith("3 skipped: needs redis-server; `apt-get install ")
