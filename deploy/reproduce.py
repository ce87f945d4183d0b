"""Builds wheels and images twice and compares them byte by byte: `make reproduce`.

The second build is of a clone in another folder, with another umask, time zone, locale and order of
variables, with files of another age, and without the builder's cache. Images are compared layer by
layer, if a Docker engine answers.

    reproduce.py [IMAGE…]    the images to compare; all of deploy/images.txt if none is named
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path.cwd()
UV: Final = ROOT / ".venv" / "bin" / "uv"
_FIRST: Final = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}
_SECOND: Final = {"TZ": "Asia/Seoul", "LC_ALL": "C", "PYTHONHASHSEED": "2"}
_OLD: Final = 1_000_000_000.0
_ENGINE_SECONDS: Final = 60
_BUILD_SECONDS: Final = 3_600
_MOST_SHOWN: Final = 20


@dataclass(frozen=True)
class Build:
    """One of the two builds.

    Attributes:
        folder: The clone.
        umask: Of the process that clones and builds.
        environment: Variables that differ between the builds.
        tag: Of the images.
        arguments: For `docker build`.
    """

    folder: Path
    umask: int
    environment: Mapping[str, str]
    tag: str
    arguments: str

    def run(self, *command: str, seconds: float) -> None:
        """Run a command in the clone."""
        environment = {**os.environ, **self.environment}
        subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            check=True,
            umask=self.umask,
            timeout=seconds,
        )


def clone(commit: str, build: Build) -> None:
    """Check out a commit into the folder of a build."""
    build.folder.mkdir(parents=True)
    build.run("git", "clone", "--quiet", str(ROOT), ".", seconds=300)
    checkout = ("-c", "advice.detachedHead=false", "checkout", "--quiet", commit)
    build.run("git", *checkout, seconds=300)
    if build.environment is _SECOND:
        for path in build.folder.rglob("*"):
            if ".git" not in path.parts and not path.is_symlink():
                os.utime(path, (_OLD, _OLD))


def wheels(build: Build) -> dict[str, str]:
    """Build every wheel, and return their SHA-256 by name."""
    out = build.folder / "build" / "reproduce"
    build.run(
        *(str(UV), "build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(out)),
        seconds=900,
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.whl")}


def layers(image: str, build: Build) -> list[str]:
    """Build an image, and return the SHA-256 of its layers."""
    environment = {"TAG": build.tag, "ARGUMENTS": build.arguments}
    words = [f"{name}={text}" for name, text in environment.items()]
    build.run("env", *words, "deploy/build-images.sh", image, seconds=_BUILD_SECONDS)
    shown = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", _name(image, build)],
        check=True,
        capture_output=True,
        timeout=_ENGINE_SECONDS,
    )
    return list(json.loads(shown.stdout))


def _name(image: str, build: Build) -> str:
    return f"quintet/{image}:{build.tag}"


def files(image: str, build: Build) -> list[dict[str, tuple[object, ...]]]:
    """Read the files of each layer: name to kind, mode, owner, time, link and SHA-256."""
    with tempfile.TemporaryDirectory(prefix="quintet-layers-") as name:
        saved = Path(name) / "image.tar"
        command = ["docker", "save", "--output", str(saved), _name(image, build)]
        subprocess.run(command, check=True, timeout=_BUILD_SECONDS)
        with tarfile.open(saved) as archive:
            manifest = json.loads(_read(archive, "manifest.json"))
            found = []
            for layer in manifest[0]["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as entries:
                    found.append({each.name: _described(entries, each) for each in entries})
            return found


def _read(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    return b"" if opened is None else opened.read()


def _described(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[object, ...]:
    content = hashlib.sha256(_read(archive, entry)).hexdigest() if entry.isfile() else ""
    owner = (entry.uid, entry.gid)
    return (entry.type, entry.mode, owner, entry.mtime, entry.linkname, content)


def differences(image: str, first: Build, second: Build) -> Iterator[str]:
    """List the files that differ between two builds of an image, with what differs."""
    columns = ("kind", "mode", "owner", "time", "link", "content")
    pairs = zip(files(image, first), files(image, second), strict=False)
    for number, (a, b) in enumerate(pairs, 1):
        for name in sorted(a.keys() | b.keys()):
            if name not in a or name not in b:
                yield f"{image}, layer {number}: {name} is in one build only"
            elif a[name] != b[name]:
                what = [
                    column for column, x, y in zip(columns, a[name], b[name], strict=True) if x != y
                ]
                yield f"{image}, layer {number}: {name}: {', '.join(what)}"


def engine_answers() -> bool:
    """Check whether images can be built here."""
    if shutil.which("docker") is None:
        return False
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=_ENGINE_SECONDS)
    return done.returncode == 0


def compare_wheels(first: Build, second: Build) -> bool:
    """Build the wheels twice, print what differs, and return whether all are the same."""
    a, b = wheels(first), wheels(second)
    differing = sorted(each for each in a.keys() | b.keys() if a.get(each) != b.get(each))
    for each in differing:
        sys.stdout.write(f"differs: {each}\n")
    sys.stdout.write(f"{len(a) - len(differing)} of {len(a)} wheels are byte-identical\n")
    sys.stdout.flush()
    return bool(a) and not differing


def compare_image(image: str, first: Build, second: Build) -> bool:
    """Build an image twice, print what differs, and return whether all layers are the same."""
    a, b = layers(image, first), layers(image, second)
    same = sum(x == y for x, y in zip(a, b, strict=False))
    shown = 0
    if a != b:
        for shown, line in enumerate(differences(image, first, second), 1):
            if shown <= _MOST_SHOWN:
                sys.stdout.write(f"differs: {line}\n")
    if shown > _MOST_SHOWN:
        sys.stdout.write(f"and {shown - _MOST_SHOWN} more files\n")
    sys.stdout.write(f"{image}: {same} of {len(a)} layers are byte-identical\n")
    sys.stdout.flush()
    return a == b


def names_of_images() -> list[str]:
    """Read the names of all images."""
    lines = (ROOT / "deploy" / "images.txt").read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def main(chosen: list[str]) -> int:
    """Build twice and compare; return 1 where something differs."""
    known = names_of_images()
    if unknown := sorted(set(chosen) - set(known)):
        sys.stderr.write(f"error: no image {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    commit = head.stdout.strip()
    more = os.environ.get("ARGUMENTS", "")
    with tempfile.TemporaryDirectory(prefix="quintet-reproduce-") as name:
        folder = Path(name)
        first = Build(folder / "a", 0o022, _FIRST, "first", more)
        second = Build(
            folder / "another-folder" / "b", 0o077, _SECOND, "second", f"{more} --no-cache"
        )
        for build in (first, second):
            clone(commit, build)
        same = [compare_wheels(first, second)]
        if engine_answers():
            same += [compare_image(image, first, second) for image in chosen or known]
        else:
            sys.stdout.write("images are not compared: no Docker engine answers `docker info`\n")
    return int(not all(same))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
