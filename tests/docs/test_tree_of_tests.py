"""Where tests, fakes and programs belong: the rules that CONTRIBUTING.md states."""

import re
import tomllib

from tests.root import ROOT

TESTS, TOOLS = ROOT / "tests", ROOT / "tools"
MOST_LINES = 600
# What crosses packages, and why it is no package's own.
ACROSS = {
    "dags": "the DAGs are no member of the workspace",
    "deploy": "Compose, Kubernetes, images and releases",
    "docs": "pages, their snippets and the rules of this repository",
    "fakes": "stand-ins and made-up data, each once",
    "oracle": "the engine in NumPy, which compiled code is compared with",
    "system": "several real processes together",
    "tools": "the programs of tools/",
}


def packages() -> set[str]:
    """The names of the workspace's Python packages, without the common prefix."""
    members = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = members["tool"]["uv"]["workspace"]["members"]
    return {path.name for pattern in folders for path in ROOT.glob(pattern) if path.is_dir()}


def test_each_folder_of_tests_is_a_packages_or_crosses_packages():
    folders = {
        path.relative_to(TESTS).parts[0]
        for path in TESTS.rglob("*.py")
        if len(path.relative_to(TESTS).parts) > 1
    }
    assert {"gateway", "engine", "command"} <= packages()
    assert folders - packages() == set(ACROSS)


def test_no_test_stands_beside_the_folders():
    assert list(TESTS.glob("test_*.py")) == []


def test_no_file_of_tests_or_tools_is_too_long_to_read():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for root in (TESTS, TOOLS)
        for path in root.rglob("*.py")
    }
    assert len(lengths) > 150
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


def test_fakes_hold_no_tests_and_tools_import_none():
    assert list((TESTS / "fakes").rglob("test_*.py")) == []
    tools = "\n".join(path.read_text(encoding="utf-8") for path in TOOLS.rglob("*.py"))
    imported = set(re.findall(r"^from (tests[\w.]*) import", tools, re.MULTILINE))
    assert {name for name in imported if not name.startswith("tests.fakes.")} == set()


def test_free_ports_are_chosen_in_one_place():
    defined = [
        str(path.relative_to(ROOT))
        for root in (
            "command",
            "training",
            "library",
            "dags",
            "tests",
            "tools",
            "libs",
            "services",
            "gateway",
        )
        for path in (ROOT / root).rglob("*.py")
        if ".venv" not in path.parts
        and re.search(r"^ *def _?free_ports?\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert defined == ["command/src/quintet_command/ports.py"]


def test_no_test_binds_port_0_to_close_it_and_use_its_number():
    """A connection or another server may take such a port before it is bound again."""
    closed = re.compile(
        r"( *)with socket\.\w+\(.*\) as (\w+):\n"
        r"(?:\1 {4}\2\.bind\(.*\)\n)?"
        r"\1 {4}\w+ = .*\2\.getsockname\(\).*\n"
        r"(?!\1 {4}|\n)"
    )
    found = [
        str(path.relative_to(ROOT))
        for root in (TESTS, TOOLS)
        for path in root.rglob("*.py")
        if closed.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
