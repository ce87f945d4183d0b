"""Prepares a layer of an image, with the same bytes in each build of the same sources.

    layer.py TARGET FOLDER…        the layer has these folders
    layer.py TARGET --since FILE   the layer has what changed in the file system after FILE was made

The Dockerfile copies TARGET to the root of the image. Four things differ between two builds, and
are made equal: bytecode (it contains the time of its source, and depends on what else the process
compiled), notes of uv (they contain times), modes (they depend on the umask of a checkout), and the
times of files.
"""

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

TIME: Final = 1_580_601_600
"""The time of every file of a layer in seconds: that of files in wheels that hatchling builds."""
# What uv notes of a package that it built: file name, times, inodes.
_NOTES: Final = ("uv_cache.json", "uv_build.json")
# Logs, caches and temporary files; and what the kernel or the builder mounts.
_LEFT_OUT: Final = frozenset(
    {
        "/dev",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc",
        "/root",
        "/sys",
        # A name to compare with; nothing is written there.
        "/tmp",  # nosec B108
        "/var/cache",
        "/var/log",
    }
)


def forget_notes(folder: Path) -> None:
    """Remove uv's notes, and their lines from the lists of a package's files."""
    for record in folder.rglob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.partition(",")[0].endswith(_NOTES)]
        record.write_text("".join(kept), encoding="utf-8")
        for name in _NOTES:
            record.with_name(name).unlink(missing_ok=True)


def compile_sources(folder: Path) -> None:
    """Write bytecode that is used without a look at its source: no file of an image changes.

    One process compiles in the order of names, with the hash seed 0: both have an effect on bytes.
    """
    command = [sys.executable, "-I", __file__, "--compile", str(folder)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, check=True)


def _compile(folder: str) -> None:
    # Libraries contain templates and sources of other versions, which do not compile.
    compileall.compile_dir(
        folder, quiet=2, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def everything(folder: Path) -> Iterator[Path]:
    """List a folder and all in it; links are not followed."""
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def set_modes(folder: Path) -> None:
    """Let all read and only the owner write; what is executable stays so."""
    for path in everything(folder):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def changed_since(marker: Path) -> Iterator[Path]:
    """List what changed after a file was made, without logs, caches and mounts."""
    since = marker.lstat().st_ctime_ns
    device = Path("/").stat().st_dev
    for parent, folders, files in os.walk("/"):
        paths = {name: os.path.join(parent, name) for name in (*folders, *files)}
        folders[:] = [
            name
            for name in folders
            if paths[name] not in _LEFT_OUT and os.lstat(paths[name]).st_dev == device
        ]
        for name in (*folders, *files):
            if paths[name] not in _LEFT_OUT and os.lstat(paths[name]).st_ctime_ns > since:
                yield Path(paths[name])


def add(path: Path, target: Path) -> None:
    """Put a file, a link or an empty folder into the layer, with its owner and mode."""
    for parent in (*reversed(path.parents), path):
        inside = target / parent.relative_to("/")
        if os.path.lexists(inside):
            continue
        if parent.is_dir() and not parent.is_symlink():
            inside.mkdir()
            shutil.copystat(parent, inside)
            os.chown(inside, parent.stat().st_uid, parent.stat().st_gid)
        else:
            os.link(parent, inside, follow_symlinks=False)


def main(arguments: list[str]) -> None:
    """Make a layer, or compile one folder in a process that does nothing else."""
    first, *rest = arguments
    if first == "--compile":
        _compile(*rest)
        return
    target = Path(first)
    if rest[0] == "--since":
        chosen = list(changed_since(Path(rest[1])))
    else:
        for folder in map(Path, rest):
            forget_notes(folder)
            compile_sources(folder)
            set_modes(folder)
        chosen = [path for folder in rest for path in everything(Path(folder))]
    target.mkdir(parents=True)
    for path in chosen:
        add(path, target)
    for path in everything(target):
        os.utime(path, (TIME, TIME), follow_symlinks=False)


if __name__ == "__main__":
    main(sys.argv[1:])
