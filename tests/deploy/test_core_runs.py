"""The images and the profile core, run for real where a Docker engine and built images are."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.needs import DOCKER, DOCKER_COMPOSE, skip
from tests.needs import IMAGES as BUILT_IMAGES
from tests.root import ROOT
from tests.slow import slow

IMAGES = {
    name: int(budget)
    for name, *_, budget in (
        line.split()
        for line in (ROOT / "deploy" / "images.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
}


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def engine() -> None:
    if shutil.which("docker") is None or docker("info").returncode:
        skip(DOCKER)


def inspected(name: str, what: str) -> str:
    done = docker("image", "inspect", "--format", what, f"quintet/{name}:dev")
    if done.returncode:
        skip(BUILT_IMAGES)
    return done.stdout.strip()


@pytest.mark.usefixtures("engine")
def test_every_image_is_within_its_budget_and_has_a_user_without_rights_and_no_secret():
    for name in IMAGES:
        assert int(inspected(name, "{{.Size}}")) <= IMAGES[name] * 1_000_000, name
        assert inspected(name, "{{.Config.User}}") == "10001:10001", name
        variables = inspected(name, "{{range .Config.Env}}{{println .}}{{end}}")
        secret = "^[A-Z_]*(PASSWORD|SECRET|TOKEN|ACCESS_KEY)[A-Z_]*=."
        assert not re.search(secret, variables, re.M), name


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("engine")
@slow("starts every image")
def test_every_image_gets_healthy_and_stops_within_ten_seconds_with_exit_code_0():
    for name in IMAGES:
        inspected(name, "{{.Id}}")
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "measure_images.py"), "show"],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    row = r"^\| (\w+) \| \d+ \| \d+ \| \d+ s \| ([\d.]+) s \| (\d+) \|$"
    stopped = re.findall(row, done.stdout, re.MULTILINE)
    assert {name for name, _, _ in stopped} == set(IMAGES) - {"command"}
    assert all(float(seconds) < 10 and code == "0" for _, seconds, code in stopped), stopped


def tried(script: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs a script of deploy/ on the images that are there."""
    if docker("compose", "version").returncode:
        skip(DOCKER_COMPOSE)
    return subprocess.run(
        [str(ROOT / "deploy" / script)],
        env={**os.environ, "BUILD": "0"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("engine")
def test_core_recommends_and_survives_the_death_of_a_ranker():
    for name in ("search", "profile", "ranker", "memory", "gateway", "ui", "command"):
        inspected(name, "{{.Id}}")
    done = tried("try-core.sh", 800)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Bohemian Rhapsody" in done.stdout
    assert "Recommended" in done.stdout
    assert "ranker was killed, and is healthy again" in done.stdout
    stopped = re.findall(r"^(\w+) stopped in (\d+) s, exit code (\d+)$", done.stdout, re.MULTILINE)
    assert {name for name, _, _ in stopped} == {
        "ui",
        "gateway",
        "ranker",
        "memory",
        "profile",
        "search",
    }
    assert all(int(seconds) <= 10 and code == "0" for _, seconds, code in stopped)


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("engine")
@slow("runs the whole stack")
def test_the_stack_runs_a_dag_follows_the_registry_and_stops():
    for name in IMAGES:
        inspected(name, "{{.Id}}")
    done = tried("try-stack.sh", 1_100)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "ranker follows the registry" in done.stdout
    # Once asked for, and once with the scheduler stopped while a task ran.
    assert done.stdout.count("catalogue_refresh: success") == 2
    assert "Brought In" in done.stdout
    stopped = re.findall(r"^([\w-]+) stopped in [\d.]+ s, exit code 0$", done.stdout, re.MULTILINE)
    assert {"airflow-api", "airflow-scheduler", "airflow-triggerer", "mlflow"} <= set(stopped)


def layers_of(folder, name) -> list[str]:
    """Build an image from a folder with build-images.sh, and list its layers."""
    subprocess.run(
        [folder / "deploy" / "build-images.sh", name],
        env={**os.environ, "TAG": "layers"},
        check=True,
        timeout=900,
    )
    shown = docker(
        "image", "inspect", "--format", "{{json .RootFS.Layers}}", f"quintet/{name}:layers"
    )
    return json.loads(shown.stdout)


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("engine")
@slow("builds two images, twice")
def test_a_change_of_a_service_changes_one_layer_of_its_image_and_no_other_image(tmp_path):
    tree = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=tmp_path, input=tree.stdout, check=True)
    before = {name: layers_of(tmp_path, name) for name in ("search", "gateway")}
    source = tmp_path / "services" / "search" / "src" / "quintet_search" / "app.py"
    source.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    after = {name: layers_of(tmp_path, name) for name in before}
    assert after["gateway"] == before["gateway"]
    changed = [a for a, b in zip(after["search"], before["search"], strict=True) if a != b]
    assert len(changed) == 1


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("engine")
@slow("builds wheels and an image, twice")
def test_two_builds_of_a_commit_are_the_same_to_the_byte():
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "reproduce.py"), "search"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3_500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert re.search(r"^(\d+) of \1 wheels are byte-identical$", done.stdout, re.MULTILINE)
    assert re.search(r"^search: (\d+) of \1 layers are byte-identical$", done.stdout, re.MULTILINE)
