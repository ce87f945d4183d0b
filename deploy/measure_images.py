"""Runs every built image alone, as Compose would, and writes the figures into docs/images.md.

    measure_images.py [NAME…]        rows of the images named are replaced, others stay
    measure_images.py show [NAME…]   the rows of these images alone, written nowhere
    measure_images.py rebuild        what a change of the ranker's source costs

No network, read-only root, no capabilities, no new privileges; search, profile and ranker with a
home that `quintet prepare` made.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "images.md"
WAIT_SECONDS = 300
STOP_SECONDS = 10
HARDENED = "--read-only --tmpfs /tmp:mode=1777 --cap-drop ALL --security-opt no-new-privileges:true"
OPTIONS = {
    "airflow": "--tmpfs /opt/airflow/home:uid=10001,gid=10001,mode=0750",
    "search": "--volume quintet-measured:/var/lib/quintet",
    "profile": "--volume quintet-measured:/var/lib/quintet:ro",
    "ranker": "--volume quintet-measured:/var/lib/quintet",
    "memory": "--volume quintet-measured:/var/lib/quintet",
    "analysis": "--volume quintet-measured:/var/lib/quintet",
}


def docker(*arguments: str, check: bool = True) -> str:
    """Return what a docker command printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"error: docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def images() -> dict[str, int]:
    """Return the budget of each image, in MB of 1,000,000 bytes."""
    lines = (ROOT / "deploy" / "images.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {name: int(budget) for name, *_, budget in rows}


@contextmanager
def running(name: str) -> Iterator[str]:
    """Start an image the way Compose does, and remove its container at the end."""
    options = f"{HARDENED} {OPTIONS.get(name, '')}".split()
    container = docker("run", "--detach", "--network=none", *options, f"quintet/{name}:dev")
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container, check=False)


def healthy_after(container: str) -> float:
    """Return the seconds until a container's health check passes."""
    started = time.monotonic()
    while time.monotonic() - started < WAIT_SECONDS:
        state = json.loads(docker("inspect", "--format", "{{json .State}}", container))
        if state["Health"]["Status"] == "healthy":
            return time.monotonic() - started
        if not state["Running"]:
            break
        time.sleep(0.2)
    raise SystemExit(f"error: not healthy: {docker('logs', '--tail', '20', container)}")


def row(name: str, budget: int) -> str:
    """Run one image and return its row of the table."""
    size = int(docker("image", "inspect", "--format", "{{.Size}}", f"quintet/{name}:dev"))
    figures = f"| {name} | {size / 1e6:.0f} | {budget} |"
    if name == "command":
        return f"{figures} a command | | |"
    with running(name) as container:
        healthy = healthy_after(container)
        started = time.monotonic()
        docker("stop", "--time", str(STOP_SECONDS), container)
        stopped = time.monotonic() - started
        code = docker("inspect", "--format", "{{.State.ExitCode}}", container)
    return f"{figures} {healthy:.0f} s | {stopped:.1f} s | {code} |"


def write(part: str, text: str) -> None:
    """Replace a marked part of the page."""
    page = PAGE.read_text(encoding="utf-8")
    pattern = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
    changed = re.sub(pattern, lambda found: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL)
    PAGE.write_text(changed, encoding="utf-8")


@contextmanager
def prepared() -> Iterator[None]:
    """Make the home that search, profile and ranker serve, and remove it at the end."""
    prepare = f"--rm --network=none {HARDENED} {OPTIONS['ranker']} quintet/command:dev"
    try:
        docker("run", *prepare.split(), "quintet", "prepare")
        yield
    finally:
        docker("volume", "rm", "quintet-measured", check=False)


def show(wanted: set[str]) -> None:
    """Measures images one after the other and prints their rows."""
    with prepared():
        for name, budget in images().items():
            if not wanted or name in wanted:
                print(row(name, budget), flush=True)


def measure(wanted: set[str]) -> None:
    """Measures images one after the other and writes the table."""
    page = PAGE.read_text(encoding="utf-8")
    rows = ["| image | MB | budget | healthy after | stopped in | exit code |", "|" + " --- |" * 6]
    with prepared():
        for name, budget in images().items():
            old = re.search(rf"^\| {name} \| \d+ \| \d+ \|.*$", page, re.MULTILINE)
            fresh = not wanted or name in wanted or old is None
            rows.append(row(name, budget) if fresh or old is None else old[0])
            print(rows[-1], flush=True)
    write("measured", "\n".join(rows))


def build(folder: Path) -> tuple[float, str]:
    """Build the ranker from a folder; return the seconds and the log."""
    command = "docker build --progress=plain --network=host --file=deploy/Dockerfile"
    command += " --build-arg=SERVICE=ranker --tag=quintet/ranker:rebuilt ."
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    started = time.monotonic()
    done = subprocess.run(
        command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return time.monotonic() - started, done.stdout + done.stderr


def rebuild() -> None:
    """Build the ranker, change a line of its source, build again and write what was reused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=tree, check=True)
        build(folder)
        unchanged, _ = build(folder)
        source = folder / "services/ranker/src/quintet_ranker/servicer/servicer.py"
        source.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
        changed, log = build(folder)
    docker("image", "rm", "quintet/ranker:rebuilt", check=False)
    step = re.search(r"^(#\d+) \[builder (\d)/\2\] RUN .*", log, re.MULTILINE)
    if step is None or f"\n{step[1]} CACHED" not in log:
        raise SystemExit("error: the layer of dependencies was not reused")
    text = f"The ranker built again: {unchanged:.0f} s. With a changed line in its source:"
    text += f" {changed:.0f} s, and the log says of the dependencies\n\n```text\n"
    text += f"{step[0][:60].rstrip()} … uv pip install …\n{step[1]} CACHED\n```"
    print(text)
    write("rebuilt", text)


if __name__ == "__main__":
    if shutil.which("docker") is None:
        raise SystemExit("error: no docker")
    if sys.argv[1:] == ["rebuild"]:
        rebuild()
    elif sys.argv[1:2] == ["show"]:
        show(set(sys.argv[2:]))
    else:
        measure(set(sys.argv[1:]))
