"""Builds the wheels of all packages twice and compares them byte by byte: `make reproduce`.

The second build is a clone in another folder, with another umask, time zone, locale and order of
variables, and with files of another age. Wheels are what the images install as our own layer.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path.cwd()
UV: Final = ROOT / ".venv" / "bin" / "uv"
_FIRST: Final = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}
_SECOND: Final = {"TZ": "Asia/Seoul", "LC_ALL": "C", "PYTHONHASHSEED": "2"}
_OLD: Final = 1_000_000_000.0


def built(commit: str, folder: Path, umask: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Clone a commit into a folder, build every wheel, and return their SHA-256 by name."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, umask=umask)
    checkout = ["git", "-c", "advice.detachedHead=false", "checkout", "--quiet", commit]
    subprocess.run(checkout, cwd=folder, check=True, umask=umask)
    if environment is _SECOND:
        for path in folder.rglob("*"):
            if ".git" not in path.parts and not path.is_symlink():
                os.utime(path, (_OLD, _OLD))
    out = folder / "build" / "reproduce"
    command = [str(UV), "build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(out)]
    subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, check=True, umask=umask, timeout=900
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.whl")}


def main() -> int:
    """Build twice and compare; return 1 where a wheel differs."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    commit = head.stdout.strip()
    with tempfile.TemporaryDirectory(prefix="quintet-reproduce-") as name:
        first = built(commit, Path(name) / "a", 0o022, _FIRST)
        second = built(commit, Path(name) / "another-folder" / "b", 0o077, _SECOND)
    differing = sorted(
        each for each in first.keys() | second.keys() if first.get(each) != second.get(each)
    )
    for each in differing:
        sys.stdout.write(f"differs: {each}\n")
    sys.stdout.write(f"{len(first) - len(differing)} of {len(first)} wheels are byte-identical\n")
    return int(bool(differing) or not first)


if __name__ == "__main__":
    sys.exit(main())
