"""Grafana's dashboards and provisioning, held against its own types and against each other."""

import json
import subprocess

import pytest
import yaml

from tests.needs import DEPLOY_TOOLS, skip
from tests.root import ROOT

FOLDER = ROOT / "deploy" / "grafana"
PYTHON = ROOT / "build" / "deploy-tools" / "bin" / "python"
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def provisioned(kind):
    (file,) = (FOLDER / "provisioning" / kind).glob("*.yml")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def check(path):
    if not PYTHON.exists():
        skip(DEPLOY_TOOLS)
    return subprocess.run(
        [str(PYTHON), str(FOLDER / "check.py"), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_knows_every_key_of_a_compose_dashboard(path):
    done = check(path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_key_of_a_compose_dashboard_is_found(tmp_path):
    dashboard = json.loads(DASHBOARDS[0].read_text(encoding="utf-8"))
    dashboard["panels"][1]["fieldConfig"]["defaultz"] = {}
    file = tmp_path / "misspelt.json"
    file.write_text(json.dumps(dashboard), encoding="utf-8")
    done = check(file)
    assert done.returncode == 1
    assert ".panels[1].fieldConfig.defaultz" in done.stderr


def test_compose_dashboards_use_the_source_that_is_provisioned():
    (source,) = provisioned("datasources")["datasources"]
    prometheus = COMPOSE["prometheus"]
    assert source["url"] == "http://prometheus:9090"
    assert set(prometheus["networks"]) & set(COMPOSE["grafana"]["networks"])
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_compose_mounts_dashboards_where_grafana_is_told_to_look():
    mounted = dict(volume.split(":")[:2] for volume in COMPOSE["grafana"]["volumes"])
    (provider,) = provisioned("dashboards")["providers"]
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
