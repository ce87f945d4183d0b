"""Loading a bundle and answering from it, in a process that may unpickle nothing any more.

The installation's compiled code is a pickle, as trusted as the bytecode beside it; it is loaded
before. What a bundle holds comes from elsewhere, and none of it may be unpickled.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.slow import slow

HOOKS = """
import _pickle, pickle, sys
forbidden, found = False, []
def check():
    if not forbidden:
        return
    frame = sys._getframe()
    while frame is not None:
        # Compiled code holds the types that it returns as pickles, and reads each at its first use.
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) == (
            "numba.core.serialize", "_numba_unpickle"
        ):
            return
        frame = frame.f_back
    found.append("unpickled")
    raise AssertionError("unpickled")
def checked(unpickle):
    def call(*arguments, **options):
        check()
        return unpickle(*arguments, **options)
    return call
class Unpickler(pickle.Unpickler):
    __init__ = checked(pickle.Unpickler.__init__)
# Before all other imports, so that no module can have taken the originals.
for module in (pickle, _pickle):
    module.load, module.loads = checked(module.load), checked(module.loads)
    module.Unpickler = Unpickler
# What a library written in C unpickles is reported by Python itself.
sys.addaudithook(lambda name, _: check() if name == "pickle.find_class" else None)
"""
LOADING = """
from pathlib import Path
from quintet_engine.engine import Engine
from quintet_engine.kernel.warm import load_all
from quintet_engine.query import Query, Seed, SeedKind
load_all()
forbidden = True
engine = Engine.load(Path(sys.argv[1]))
assert engine.recommend(Query(seeds=(Seed(SeedKind.GENRE, "rock", 1.0),), limit=5)).tracks
assert not found, found
"""
UNPICKLING = {
    "pickle": "from pathlib import Path; pickle.loads(Path(sys.argv[1]).read_bytes())",
    "_pickle": "from pathlib import Path; _pickle.loads(Path(sys.argv[1]).read_bytes())",
    "unpickler": "from _pickle import Unpickler; Unpickler(open(sys.argv[1], 'rb')).load()",
    "numpy": "import numpy; numpy.load(sys.argv[1], allow_pickle=True)",
}


def bundle_of(home: Path) -> Path:
    models = home / "models"
    return models / (models / "current").read_text(encoding="utf-8").strip()


def run(statements: str, path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", HOOKS + statements, str(path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@slow("every call of Python is watched")
def test_a_bundle_loads_and_answers_without_unpickling(embedded_home):
    done = run(LOADING, bundle_of(embedded_home))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("way", UNPICKLING)
def test_a_file_that_is_unpickled_would_be_noticed(tmp_path, way):
    (tmp_path / "file").write_bytes(pickle.dumps([Path("of the bundle")]))
    done = run(f"forbidden = True\n{UNPICKLING[way]}", tmp_path / "file")
    assert done.returncode != 0
    assert "AssertionError: unpickled" in done.stderr


def test_an_array_of_objects_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    from quintet_engine.arrays import load_array

    with pytest.raises(ValueError, match="holds object, not numbers"):
        load_array(tmp_path, "x")
