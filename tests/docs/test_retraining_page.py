"""docs/retraining.md and the DAGs agree, and every command that a task runs exists."""

import ast
import re

from quintet_command.cli import GROUPS, app, group
from quintet_command.settings import CommandSettings

from tests.root import ROOT

PAGE = (ROOT / "docs" / "retraining.md").read_text(encoding="utf-8")
DAGS = sorted((ROOT / "dags").glob("*.py"))


def run_by(path):
    """Returns the commands that a DAG's tasks run, as `models register`."""
    own = {command.name for command in app.registered_commands if command.name not in GROUPS}
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "quintet":
            words = [
                one.value
                for argument in node.args
                for one in ast.walk(argument)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if words[0] in own:
                found.append(words[0])
            else:
                assert words[1] in {c.name for c in group(words[0]).registered_commands}
                found.append(f"{words[0]} {words[1]}")
    return found


def test_every_dag_is_described_with_the_commands_that_it_runs():
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert set(rows) == {path.stem for path in DAGS}
    for path in DAGS:
        commands = run_by(path)
        assert commands
        for command in commands:
            assert f"`quintet {command}`" in rows[path.stem]


def test_every_setting_is_named_with_its_default():
    rows = dict(re.findall(r"^\| `(QUINTET_[A-Z_]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE))
    defaults = {
        f"QUINTET_{name.upper()}": field.default
        for name, field in CommandSettings.model_fields.items()
        if name.startswith(("drift_", "housekeeping_"))
    }
    assert {name: float(value) for name, value in rows.items()} == defaults
