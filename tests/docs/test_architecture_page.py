"""docs/architecture.md names packages, layers and functions that exist."""

import importlib
import re
import tomllib
from operator import attrgetter

import pytest

from tests.root import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEPS = [
    pytest.param(module, function, id=number)
    for number, module, functions in re.findall(
        r"^\| (\d+) \| `(quintet[\w.]+)` \| (`[^|]+`) \|", PAGE, re.MULTILINE
    )
    for function in re.findall(r"`([\w.]+)`", functions)
]


def layers_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["name"].startswith("Rooms"))
    return {
        package: number
        for number, row in enumerate(reversed(layers), start=1)
        for package in row.split(" | ")
    }


def test_every_package_is_listed_with_its_layer_and_folder():
    rows = re.findall(r"^\| (\d) \| `([\w/]+)` \| `(quintet\w*)` \|", PAGE, re.MULTILINE)
    assert {package: int(layer) for layer, _, package in rows} == layers_in_pyproject()
    assert [
        folder for _, folder, _ in rows if not (ROOT / folder / "pyproject.toml").is_file()
    ] == []


def test_the_steps_of_a_request_are_numbered_without_gaps():
    numbers = [int(str(step.id)) for step in STEPS]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))


@pytest.mark.parametrize(("module", "function"), STEPS)
def test_every_step_of_a_request_names_a_function_that_exists(module, function):
    assert callable(attrgetter(function)(importlib.import_module(module)))
