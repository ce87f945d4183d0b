"""An earlier release beside this one, in both directions: database, models, backups, spool, calls.

The earlier release is a commit of this repository, whose packages are found before the installed
ones; its dependencies are those of today.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from quintet_command.ports import free_ports

from tests.root import ROOT
from tests.slow import slow
from tools.processes import Processes

pytestmark = [slow("runs two releases beside each other"), pytest.mark.timeout(3600)]
# The tag before this commit; before the first tag, a commit of some days ago.
FALLBACK = "HEAD~60"
KERNEL = "libs/engine/src/quintet_engine/kernel"
SERVICES = ("search", "profile", "memory", "ranker", "gateway")
SEEDS = """
import json, sys
from pathlib import Path
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind
from quintet_modelkit.publication import current_version
home = Path(sys.argv[1]) / "models"
engine = Engine.load(home / current_version(home))
ids = sorted(engine.catalogue.snapshot.row_of)[::97]
lists = []
for start in range(0, 20, 2):
    query = Query(tuple(Seed(SeedKind.TRACK, i) for i in ids[start:start + 3]), limit=20)
    lists.append([track.track_id for track in engine.recommend(query).tracks])
print(json.dumps(lists))
"""


@dataclass(frozen=True)
class Release:
    """The code of one release, run by this interpreter."""

    name: str
    path: str
    root: Path

    def revisions(self) -> set[str]:
        """The revisions of the database's schema that this release has."""
        versions = self.root / "libs/store/src/quintet_store/migrations/versions"
        return {file.stem for file in versions.glob("v*.py")}

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        own = {n: v for n, v in os.environ.items() if not n.startswith("QUINTET_")}
        own |= {"QUINTET_HOME": str(home), "PYTHONPATH": self.path, "QUINTET_AUTH": "off"}
        # Code that is compiled anew takes minutes, and lists are the same without it.
        return {**own, "QUINTET_RANKER_ACCELERATE": "off", **more}

    def run(self, home: Path, *command: str, expected: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            env=self.environment(home),
            capture_output=True,
            text=True,
            # An earlier kernel is compiled first.
            timeout=1500,
            check=False,
        )
        assert done.returncode == expected, f"{self.name}: {done.stderr[-3000:]}"
        return done.stderr if expected else done.stdout

    def quintet(self, home: Path, *arguments: str, expected: int = 0) -> str:
        return self.run(home, "-m", "quintet_command", *arguments, expected=expected)

    def lists(self, home: Path) -> str:
        return self.run(home, "-c", SEEDS, str(home))


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> tuple[Release, Release]:
    """The earlier release and this one."""
    told = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    commit = os.environ.get("QUINTET_EARLIER") or told.stdout.decode().strip() or FALLBACK
    folder = tmp_path_factory.mktemp("earlier")
    packed = git("archive", commit)
    assert packed.returncode == 0, packed.stderr
    (folder / "tree.tar").write_bytes(packed.stdout)
    with tarfile.open(folder / "tree.tar") as archive:
        archive.extractall(folder, filter="data")
    # Code is kept by the content of its module, so only modules that changed are compiled.
    compiled = Path(KERNEL) / "__pycache__" / "compiled"
    if (ROOT / compiled).is_dir():
        shutil.copytree(ROOT / compiled, folder / compiled)
    sources = sorted(folder.glob("*/src")) + sorted(folder.glob("*/*/src"))
    path = os.pathsep.join(str(each) for each in (folder / "protos" / "gen", *sources))
    return Release(commit, path, folder), Release("this release", "", ROOT)


@pytest.fixture(scope="module")
def homes(releases, tmp_path_factory) -> dict[Release, Path]:
    """A home that each release prepared."""
    made = {}
    for release in releases:
        made[release] = tmp_path_factory.mktemp("homes") / "home"
        release.quintet(made[release], "prepare")
    return made


@pytest.mark.parametrize("turn", [0, 1])
def test_a_model_of_one_release_gives_the_same_lists_in_the_other(releases, homes, turn):
    writer, reader = releases[turn], releases[1 - turn]
    assert reader.lists(homes[writer]) == writer.lists(homes[writer])


@pytest.mark.parametrize("turn", [0, 1])
def test_a_backup_is_restored_by_each_release_that_has_its_schema(releases, homes, tmp_path, turn):
    writer, reader = releases[turn], releases[1 - turn]
    file = tmp_path / "backup.tar.zst"
    writer.quintet(homes[writer], "backup", "create", str(file))
    assert "is whole" in reader.quintet(tmp_path / "new", "backup", "verify", str(file))
    if writer.revisions() - reader.revisions():
        # A database of a later schema stays whole: nothing of it is read wrongly or left out.
        said = reader.quintet(tmp_path / "new", "backup", "restore", str(file), expected=2)
        assert "a newer Quintet made it" in said
        return
    reader.quintet(tmp_path / "new", "backup", "restore", str(file))
    assert reader.lists(tmp_path / "new") == writer.lists(homes[writer])


@pytest.mark.parametrize("turn", [0, 1])
def test_a_gateway_of_one_release_works_with_services_of_the_other_and_stores_its_events(
    releases, homes, tmp_path, turn
):
    """On one home and one database, which this release has migrated."""
    front, back = releases[turn], releases[1 - turn]
    home = tmp_path / "home"
    shutil.copytree(homes[releases[0]], home)
    releases[1].quintet(home, "prepare")  # as `setup` does on an upgrade
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    settings = {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    settings |= {"QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_BUDGET_SECONDS": "20"}
    base = f"http://127.0.0.1:{ports['gateway']}"
    with Processes(tmp_path / "logs") as processes:
        for name in SERVICES:
            release = front if name == "gateway" else back
            command = [sys.executable, "-m", f"quintet_{name}"]
            processes.start(name, command, release.environment(home, **settings))
        processes.await_answer(f"{base}/readyz", 300)
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            found = client.get("/api/v1/search", params={"q": "rock", "limit": 5})
            assert found.status_code == 200, found.text
            seeds = [match["track"]["id"] for match in found.json()["tracks"]][:5]
            body = {"seeds": seeds, "limit": 10, "listener": "a-listener"}
            answer = client.post("/api/v1/recommendations", json=body)
            assert answer.status_code == 200, answer.text
            made = answer.json()
            assert len(made["tracks"]) == 10
            assert not set(made.get("degraded", [])) - {"booster"}
            event = {
                "event_id": f"event-{turn}",
                "recommendation_id": made["recommendation_id"],
                "track_id": made["tracks"][0]["track"]["id"],
                "kind": "like",
            }
            with contextlib.closing(sqlite3.connect(home / "quintet.db")) as database:
                # Another program writes, so that the event waits in the spool.
                database.execute("BEGIN IMMEDIATE")
                told = client.post("/api/v1/feedback", json={"events": [event]})
                assert told.status_code == 200, told.text
                assert told.json()["accepted"] == 1
                processes.programs["gateway"].kill()
                assert list((home / "spool").iterdir())
        command = [sys.executable, "-m", "quintet_gateway"]
        processes.start("gateway of the other", command, back.environment(home, **settings))
        processes.await_answer(f"{base}/readyz", 300)
        with contextlib.closing(sqlite3.connect(home / "quintet.db")) as database:
            query = "SELECT count(*) FROM feedback_events WHERE event_id = ?"
            deadline = time.monotonic() + 120
            while database.execute(query, [event["event_id"]]).fetchone() != (1,):
                assert time.monotonic() < deadline, "the event was not stored"
                time.sleep(0.5)  # between looks at another process's work
