"""Two imports at once: the later commit is what is served."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from quintet_modelkit.snapshot import Snapshot
from quintet_training import datasets
from quintet_training.settings import TrainingSettings

HEADER = (
    "track_id,title,artists,duration_ms,danceability,energy,key,loudness,mode,speechiness,"
    "acousticness,instrumentalness,liveness,valence,tempo\n"
)
ROW = "{},Song,Ann,200000,0.5,0.5,1,-7,1,0.1,0.1,0,0.1,0.5,120\n"
# The first process reads the database, and writes its snapshot only after a signal: by then
# the second has committed a track and wants to publish as well.
SLOW = """
import sys
from pathlib import Path
from quintet_training import datasets
from quintet_training.datasets import publishing
from quintet_training.settings import TrainingSettings
collect = publishing._collect
def slow(*arguments):
    collected = collect(*arguments)
    print("read", flush=True)
    sys.stdin.readline()
    return collected
publishing._collect = slow
datasets.publish_catalogue(TrainingSettings(home=Path(sys.argv[1])))
"""
FAST = """
import sys
from pathlib import Path
from quintet_training import datasets
from quintet_training.settings import TrainingSettings
settings = TrainingSettings(home=Path(sys.argv[1]))
datasets.import_catalogue(settings, datasets.preview(Path(sys.argv[2])))
print("committed", flush=True)
datasets.publish_catalogue(settings)
"""


def start(code: str, *arguments: Path) -> subprocess.Popen[str]:
    environment = {name: text for name, text in os.environ.items() if "DATABASE" not in name}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_the_later_commit_is_served(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path / "home")
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(HEADER + ROW.format(name), encoding="utf-8")
    datasets.import_catalogue(settings, datasets.preview(tmp_path / "one.csv"))
    slow = start(SLOW, settings.home)
    assert slow.stdout is not None
    assert slow.stdout.readline() == "read\n"
    fast = start(FAST, settings.home, tmp_path / "two.csv")
    assert fast.stdout is not None
    assert fast.stdout.readline() == "committed\n"
    # Without a lock the second publishes now, and the first points back to its older state.
    with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for the first, as it should
        fast.wait(timeout=2)
    slow.communicate("go\n", timeout=60)
    fast.communicate(timeout=60)
    assert (slow.returncode, fast.returncode) == (0, 0)
    version = (settings.catalogue / "current").read_text(encoding="utf-8").strip()
    assert sorted(Snapshot.load(settings.catalogue / version).row_of) == ["one", "two"]
