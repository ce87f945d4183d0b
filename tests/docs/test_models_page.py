"""docs/models.md names every command, and every setting with its default."""

import re

from quintet_command.cli.models import models_app
from quintet_command.settings import CommandSettings
from quintet_ranker.settings import RankerSettings

from tests.root import ROOT

PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(QUINTET_[A-Z_]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))


def test_every_command_is_shown():
    shown = set(re.findall(r"quintet models ([a-z]+)", PAGE))
    assert shown == {command.name for command in models_app.registered_commands}


def test_every_setting_is_named_with_its_default():
    defaults = {
        f"QUINTET_{name.upper()}": field.default
        for name, field in CommandSettings.model_fields.items()
        if name.startswith(("mlflow_", "gate_"))
    }
    own = ("registry_seconds", "registry_timeout", "download_seconds", "kept_models")
    defaults |= {
        f"QUINTET_RANKER_{name.upper()}": RankerSettings.model_fields[name].default for name in own
    }
    assert set(ROWS) == set(defaults)
    numbers = {name: value for name, value in defaults.items() if isinstance(value, int | float)}
    assert {name: float(ROWS[name]) for name in numbers} == numbers
    assert ROWS["QUINTET_MLFLOW_MODEL"] == f"`{defaults['QUINTET_MLFLOW_MODEL']}`"


def test_metrics_that_the_page_names_exist():
    from quintet_servicekit import metrics

    named = set(re.findall(r"`(quintet_[a-z_]+)`", PAGE))
    known = {metrics.REGISTRY_UP._name, metrics.REFUSED._name + "_total"}
    assert named == known
