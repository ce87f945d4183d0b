"""The unit and the Compose file of a small home, and wheels of all it needs for both processors."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from packaging.markers import Marker

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


# What markers of the lock are evaluated for: the images' Python, on either processor.
IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "extra": "",
}


def packages_of(name, locked, seen):
    """Collect what a package of the lock depends on, extras included."""
    for entry in locked[name]:
        groups = [entry.get("dependencies", []), *entry.get("optional-dependencies", {}).values()]
        for dependency in (each for group in groups for each in group):
            marker = dependency.get("marker", "")
            wanted = not marker or Marker(marker).evaluate(IMAGE)
            if dependency["name"] not in seen and wanted:
                seen.add(dependency["name"])
                packages_of(dependency["name"], locked, seen)
    return seen


def of_lock(path):
    """Read a lock: entries by name. A package may be locked in several versions."""
    locked: dict = {}
    for entry in tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["package"]:
        locked.setdefault(entry["name"], []).append(entry)
    return locked


# The environment of each image: its lock, and the package whose dependencies it has.
ENVIRONMENTS = [
    ("uv.lock", "quintet-home"),
    ("uv.lock", "quintet-command"),
    ("uv.lock", "quintet-players"),
    ("dags/uv.lock", "quintet-airflow"),
    ("perception/uv.lock", "quintet-perception"),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(("lock", "package"), ENVIRONMENTS)
def test_everything_locked_has_a_wheel_for_the_processor(lock, package, machine):
    locked = of_lock(lock)
    fits = re.compile(rf"-(any|manylinux[0-9a-z_.]*_{machine}[0-9a-z_.]*)\.whl")
    usable = re.compile(r"-(py3|py2\.py3|py310\.py311[0-9a-z.]*|cp311|cp3[0-9]+-abi3)[^/]*\.whl$")
    missing = set()
    for name in packages_of(package, locked, set()):
        # Several versions where newer Pythons get a newer one; the image has Python 3.11.
        outside = [entry for entry in locked[name] if "registry" in entry["source"]]
        wheels = [wheel for entry in outside for wheel in entry.get("wheels", [])]
        names = [wheel["url"].rsplit("/", 1)[-1] for wheel in wheels]
        if outside and not any(fits.search(each) and usable.search(each) for each in names):
            missing.add(name)
    assert missing <= PURE_SOURCES
