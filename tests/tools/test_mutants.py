"""Mutation tests: which changes are made, which tests run for one, and the list of survivors."""

import ast
import importlib

import pytest

from tests.root import ROOT
from tools.mutants.__main__ import PARTS, Score, shown
from tools.mutants.changes import changes_of, functions_of
from tools.mutants.sites import changed, sites_of
from tools.mutants.survivors import LISTED, Outcomes, faults_of, listed, numbered
from tools.mutants.trial import FAILED, PASSED, Lines

SOURCE = '''
def size(values, least=1):
    """The docstring stays."""
    total: int = 0
    for value in values:
        if value < 0 or value is None:
            continue
        total += value
    if not total > least:
        raise ValueError(f"less than {least}")
    return total
'''


def changes():
    tree = ast.parse(SOURCE)
    return [(site, changed(ast.parse(SOURCE), site)) for site in sites_of(tree)]


def test_every_kind_of_place_is_changed_once():
    assert sorted(site.change for site, _ in changes()) == [
        *("0 to 1", "0 to 1", "Add to Sub", "Gt to GtE", "Is to IsNot", "Lt to LtE"),
        *("Not removed", "Or to And", "continue to break"),
        "raise ValueError(f'less than {least}') removed",
        "return total to return None",
    ]


def test_each_change_compiles_and_differs_from_the_source():
    original = ast.unparse(ast.parse(SOURCE))
    texts = [ast.unparse(ast.fix_missing_locations(tree)) for _, tree in changes()]
    assert len(set(texts)) == len(texts)
    assert original not in texts
    for text in texts:
        (code,) = functions_of(compile(text, "source", "exec"))
        assert code.co_name == "size"


def test_a_change_is_noticed_by_the_tests_that_run_its_statement():
    lines = {site.change: site.lines for site, _ in changes()}
    assert lines["Or to And"] == (6, 6)
    assert lines["continue to break"] == (7, 7)
    assert lines["Gt to GtE"] == (9, 9)
    (change, *_) = changes_of("quintet_contract.patterns")
    tests = {change.code.co_filename: {change.site.line: ["slow", "fast"], 1: ["other"]}}
    assert Lines(tests, {"slow": 2.0, "fast": 1.0}).of(change) == ["fast", "slow"]
    assert Lines({}, {}).of(change) == []


def test_survivors_and_their_list_must_agree():
    reasons = listed('[[survivor]]\nchange = "m:f: a: b"\nreason = "equal"\n')
    assert faults_of(["m:f: a: b"], reasons, ["m"]) == []
    assert faults_of([], reasons, []) == []  # a module that was not tried whole
    assert faults_of([], reasons, ["m"]) == ["in survivors.toml, but noticed: m:f: a: b"]
    assert faults_of(["m:g: c: d"], {}, ["m"]) == ["not in survivors.toml: m:g: c: d"]
    with pytest.raises(ValueError, match="has no reason, or is there twice"):
        listed('[[survivor]]\nchange = "a"\nreason = " "\n')


def test_each_listed_survivor_is_a_change_of_the_present_code():
    modules = [module for part in PARTS.values() for module in part.modules]
    reasons = listed(LISTED.read_text(encoding="utf-8"))
    named = {key.partition(":")[0] for key in reasons}
    assert named <= set(modules)
    for module in named:
        keys = numbered([change.key for change in changes_of(module)])
        mine = {key for key in reasons if key.partition(":")[0] == module}
        assert mine <= set(keys)
        # More would miss the goal.
        assert len(mine) <= 0.15 * len(keys), module


def test_each_module_and_test_of_a_part_exists():
    for part in PARTS.values():
        assert all((ROOT / test).exists() for test in part.tests)
        assert all(importlib.import_module(module).__file__ for module in part.modules)


def test_an_interrupted_run_goes_on_and_survivors_are_tried_again_after_a_change(tmp_path):
    path = tmp_path / "m.jsonl"
    first = Outcomes(path, "module", "tests")
    first.put("noticed", FAILED)
    first.put("survives", PASSED)
    same = Outcomes(path, "module", "tests")
    assert (same.get("noticed"), same.get("survives"), same.get("new")) == (FAILED, PASSED, None)
    other_tests = Outcomes(path, "module", "other")
    assert (other_tests.get("noticed"), other_tests.get("survives")) == (FAILED, None)
    assert Outcomes(path, "other", "tests").get("noticed") is None


def test_a_score_counts_survivors_and_what_was_not_tried():
    assert shown("m", Score(20, ["a", "b"], 1, 0)) == (
        "m: 18 of 20 noticed, 1 by taking too long, 90%\n"
    )
    assert shown("m", Score(0)) == "m: 0 of 0 noticed, 100%\n"
    assert "; 5 not tried yet" in shown("m", Score(20, [], 0, 5))
