"""docs/experiments.md names every command, mode, verdict, and setting with its default."""

import re

from quintet_command.cli import group
from quintet_command.cli.experiment import Mode, Unit
from quintet_gateway.settings import Settings as GatewaySettings
from quintet_ranker.settings import RankerSettings
from quintet_store.evidence import EFFECTS, Verdict
from quintet_store.experiments import MODES, Plan

from tests.root import ROOT

PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(QUINTET_[A-Z_]+)` \| `?([^|`]+)`? \|", PAGE, re.MULTILINE))


def test_every_command_is_shown():
    shown = set(re.findall(r"quintet experiment ([a-z]+)", PAGE))
    assert shown == {command.name for command in group("experiment").registered_commands}


def test_every_mode_and_verdict_is_explained():
    named = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert named == [*MODES, *(verdict.value for verdict in Verdict)]
    assert [mode.value for mode in Mode] == list(MODES)


def test_every_setting_is_named_with_its_default():
    plan = Plan("interleave", 100.0, "", "")
    defaults = {
        f"QUINTET_EXPERIMENT_{name.upper()}": getattr(plan, name)
        for name in ("alpha", "min_effect", "most_trials", "unit")
    }
    for prefix, settings, words in (
        ("GATEWAY", GatewaySettings, ("experiment", "shadow")),
        ("RANKER", RankerSettings, ("challenger",)),
    ):
        defaults |= {
            f"QUINTET_{prefix}_{name.upper()}": field.default
            for name, field in settings.model_fields.items()
            if any(word in name for word in words)
        }
    assert set(ROWS) == set(defaults)
    for name, value in defaults.items():
        assert ROWS[name].strip() == (value if isinstance(value, str) else f"{value:g}")
    assert "{:g} to {:g}".format(*EFFECTS) in PAGE
    assert plan.unit in {unit.value for unit in Unit}
