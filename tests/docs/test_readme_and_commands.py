"""The README, the Makefile and the command line agree."""

import os
import re
import subprocess
import sys

import pytest
from quintet_command.cli import GROUPS, app, group
from typer.testing import CliRunner

from tests.root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def quintet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quintet_command", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "100", **environment},
        check=False,
    )


def commands() -> list[str]:
    own = [command.name for command in app.registered_commands if command.name not in GROUPS]
    grouped = [f"{name} {c.name}" for name in GROUPS for c in group(name).registered_commands]
    return [str(name) for name in [*own, *grouped]]


def test_there_are_commands_in_every_group():
    assert {"up", "demo", "search", "recommend", "batch-recommend"} <= set(commands())
    assert {"catalog import", "catalog info", "playlists import"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help(command):
    first, *rest = command.split()
    commands = group(first) if first in GROUPS else app
    shown = CliRunner().invoke(commands, [*(rest or [first]), "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.stdout


def test_a_group_passes_help_on():
    shown = quintet("clients", "create", "--help")
    assert shown.returncode == 0
    assert "--scope" in shown.stdout


def test_every_make_target_named_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"^\$ make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_command_named_in_the_readme_exists():
    pattern = rf"\.venv/bin/quintet ((?:(?:{'|'.join(GROUPS)}) )?[a-z-]+)"
    named = set(re.findall(pattern, README))
    assert named
    assert named <= set(commands())


def test_every_document_linked_in_the_readme_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (("frobnicate",), {}, "frobnicate"),
        (("recommend",), {}, "seeds"),
        (("catalog", "info"), {"QUINTET_DATABASE_URL": "nonsense"}, "QUINTET_DATABASE_URL"),
        (("catalog", "import", "missing.csv"), {}, "missing.csv"),
        (("search", "x"), {"QUINTET_GATEWAY_PORT": "0"}, "QUINTET_GATEWAY_PORT"),
        (("search", "x"), {"QUINTET_GATEWAY_URL": "http://127.0.0.1:9"}, "quintet up"),
        (("batch-recommend", "missing.jsonl", "out.jsonl"), {}, "missing.jsonl"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_two(arguments, environment, text, tmp_path):
    done = quintet(*arguments, QUINTET_HOME=str(tmp_path / "home"), **environment)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert text in lines[0]
