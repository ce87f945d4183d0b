"""deploy/layer.py: what becomes a layer of an image has the same bytes in each build."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.root import ROOT

SCRIPT = ROOT / "deploy" / "layer.py"
SOURCE = 'NAMES = frozenset({"a", "b", "c", "d"})\n\n\ndef size():\n    return len(NAMES)\n'
RECORD = "own/__init__.py,sha256=x,5\nown-1.dist-info/uv_cache.json,sha256=y,9\n"


def write(folder, umask, seconds):
    """A package as it was installed at some time with some umask."""
    before = os.umask(umask)
    try:
        for name in ("own/__init__.py", "own/more/__init__.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(SOURCE, encoding="utf-8")
        notes = folder / "own-1.dist-info"
        notes.mkdir()
        (notes / "RECORD").write_text(RECORD, encoding="utf-8")
        (notes / "uv_cache.json").write_text(str(seconds), encoding="utf-8")
        (folder / "run").write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / "run").chmod(0o777 & ~umask)
        (folder / "link").symlink_to("run")
    finally:
        os.umask(before)
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def layer_of(folder, target, seed):
    command = [sys.executable, SCRIPT, target, folder]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, timeout=120)
    return {
        str(path.relative_to(target)): (
            oct(path.lstat().st_mode),
            path.lstat().st_mtime,
            "" if path.is_dir() else os.readlink(path) if path.is_symlink() else path.read_bytes(),
        )
        for path in sorted(target.rglob("*"))
    }


def test_two_builds_of_a_layer_are_the_same_to_the_byte(tmp_path):
    folder = tmp_path / "app"
    write(folder, 0o022, 1_700_000_000)
    first = layer_of(folder, tmp_path / "first", "1")
    shutil.rmtree(folder)
    write(folder, 0o077, 1_800_000_000)
    second = layer_of(folder, tmp_path / "second", "2")
    assert first == second
    inside = str(folder.relative_to("/"))
    assert f"{inside}/own/more/__pycache__/__init__.{sys.implementation.cache_tag}.pyc" in first
    assert f"{inside}/own-1.dist-info/uv_cache.json" not in first
    assert first[f"{inside}/own-1.dist-info/RECORD"][2] == b"own/__init__.py,sha256=x,5\n"
    assert first[f"{inside}/run"][0] == "0o100755"
    assert first[f"{inside}/link"][2] == "run"
    # Of the folders above, the layer has no more than their names.
    assert {Path(name).parts[0] for name in first} == {folder.parts[1]}
