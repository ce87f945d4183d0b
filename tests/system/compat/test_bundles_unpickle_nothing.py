"""Loading a bundle and answering from it, where Python tells of everything that is unpickled."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import pickle, sys
seen = []
sys.addaudithook(lambda name, _: seen.append(name) if name.startswith(("pickle.", "marshal.loads"))
                 and "pickle" in name else None)
def refuse(*_arguments, **_options):
    raise AssertionError("unpickled")
pickle.load = pickle.loads = refuse
pickle.Unpickler = type("Unpickler", (), {"__init__": refuse})
from pathlib import Path
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind
engine = Engine.load(Path(sys.argv[1]))
assert engine.recommend(Query(seeds=(Seed(SeedKind.GENRE, "rock", 1.0),), limit=5)).tracks
assert seen == [], seen
"""


def bundle_of(home: Path) -> Path:
    models = home / "models"
    return models / (models / "current").read_text(encoding="utf-8").strip()


def test_a_bundle_loads_and_answers_without_unpickling(embedded_home):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bundle_of(embedded_home))],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_array_of_objects_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    from quintet_engine.arrays import load_array

    with pytest.raises(ValueError, match="holds object, not numbers"):
        load_array(tmp_path, "x")
