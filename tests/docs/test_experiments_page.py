"""docs/experiments.md names every command, mode, verdict, and setting with its default."""

import re

from quintet_command.cli import group
from quintet_command.cli.experiment import Mode, Unit
from quintet_gateway.settings import GatewaySettings
from quintet_ranker.settings import RankerSettings
from quintet_store.experiments import MODES, Plan
from quintet_store.sequential_test import EFFECTS, Verdict

from tests.root import ROOT

PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `--([a-z-]+)` \| `?([^|`]+)`? \|", PAGE, re.MULTILINE))


def test_every_command_is_shown():
    shown = set(re.findall(r"quintet experiment ([a-z]+)", PAGE))
    assert shown == {command.name for command in group("experiment").registered_commands}


def test_every_mode_and_verdict_is_explained():
    named = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert named == [*MODES, *(verdict.value for verdict in Verdict)]
    assert [mode.value for mode in Mode] == list(MODES)


def test_every_option_of_a_plan_is_named_with_its_default():
    plan = Plan("interleave", 100.0, "", "")
    options = ("alpha", "min_effect", "most_trials", "unit")
    defaults = {name.replace("_", "-"): getattr(plan, name) for name in options}
    assert set(ROWS) == set(defaults)
    for name, value in defaults.items():
        assert ROWS[name].strip() == (value if isinstance(value, str) else f"{value:g}")
    assert "{:g} to {:g}".format(*EFFECTS) in PAGE
    assert plan.unit in {unit.value for unit in Unit}


def test_the_limits_without_a_setting_are_those_of_gateway_and_ranker(tmp_path):
    gateway, ranker = GatewaySettings(home=tmp_path), RankerSettings(home=tmp_path)
    assert f"reads the running experiment every {gateway.experiment_seconds:g} seconds" in PAGE
    assert f"evaluates its trials every {gateway.experiment_check_seconds:g} seconds" in PAGE
    assert f"Up to {gateway.max_waiting_shadows} requests wait for a shadow answer" in PAGE
    assert f"stays loaded for {ranker.challenger_seconds:g} seconds" in PAGE
    assert f"wait for it for {ranker.challenger_patience:g} seconds" in PAGE
