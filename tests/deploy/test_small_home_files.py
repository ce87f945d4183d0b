"""The unit and the Compose file of a small home, and wheels of all it needs for both processors."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from tests.needs import SYSTEMD, needs
from tests.root import ROOT

PURE_SOURCES: set[str] = set()
"""Packages that are published as sources alone, and are pure Python: any processor builds them."""
UNIT = ROOT / "deploy" / "quintet.service"
COMPOSE = ROOT / "deploy" / "home.compose.yml"


@needs(SYSTEMD, shutil.which("systemd-analyze") is not None)
def test_systemd_accepts_the_unit(tmp_path):
    text = UNIT.read_text(encoding="utf-8")
    # The program of this checkout, because the check looks for it.
    here = tmp_path / "quintet.service"
    here.write_text(text.replace("/opt/quintet", str(ROOT)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "quintet.service" in line]
    assert ours == []
    assert done.returncode == 0


def test_the_unit_has_no_privileges_and_a_limit_of_memory():
    lines = set(UNIT.read_text(encoding="utf-8").splitlines())
    assert {"DynamicUser=yes", "StateDirectory=quintet", "NoNewPrivileges=yes"} <= lines
    assert {"CapabilityBoundingSet=", "ProtectSystem=strict", "KillMode=mixed"} <= lines
    assert any(line.startswith("MemoryMax=") for line in lines)


def test_the_compose_file_is_short_and_publishes_this_machine_alone():
    text = COMPOSE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 15
    service = yaml.safe_load(text)["services"]["quintet"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]


def packages_of(name, locked, seen):
    """Collect what a package of the lock depends on, extras included."""
    for entry in locked[name]:
        groups = [entry.get("dependencies", []), *entry.get("optional-dependencies", {}).values()]
        for dependency in (each for group in groups for each in group):
            marker = dependency.get("marker", "")
            foreign = "win32" in marker and "!=" not in marker
            if dependency["name"] not in seen and not foreign:
                seen.add(dependency["name"])
                packages_of(dependency["name"], locked, seen)
    return seen


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_everything_locked_has_a_wheel_for_the_processor(machine):
    locked: dict = {}
    for entry in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]:
        locked.setdefault(entry["name"], []).append(entry)
    fits = re.compile(rf"-(any|manylinux[0-9a-z_.]*_{machine}[0-9a-z_.]*)\.whl")
    usable = re.compile(r"-(py3|py2\.py3|cp311|cp3[0-9]+-abi3)[^/]*\.whl$")
    missing = set()
    for name in packages_of("quintet-home", locked, set()):
        # Several versions where newer Pythons get a newer one; the image has Python 3.11.
        outside = [entry for entry in locked[name] if "registry" in entry["source"]]
        wheels = [wheel for entry in outside for wheel in entry.get("wheels", [])]
        names = [wheel["url"].rsplit("/", 1)[-1] for wheel in wheels]
        if outside and not any(fits.search(each) and usable.search(each) for each in names):
            missing.add(name)
    assert missing <= PURE_SOURCES
