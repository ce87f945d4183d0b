"""Bundle folders as trees of files: their listing, their digest, and how a new one comes in."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from quintet_modelkit.publication import (
    PublicationInvalid,
    current_version,
    publish,
    read_manifest,
    sha256_of,
)

MAX_FILES: Final = 10_000
_PREFIX: Final = ".pull-"
_MARKS: Final = ".pulled"
Listing = Mapping[str, tuple[str, int]]
"""Path below the bundle, with slashes → SHA-256 and size in bytes."""


def listing_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Returns every file below a folder, manifests included."""
    return {
        path.relative_to(folder).as_posix(): (sha256_of(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def text_of(listing: Listing) -> str:
    """Returns a listing as JSON, always the same for the same files."""
    files = {name: {"sha256": sha, "bytes": size} for name, (sha, size) in listing.items()}
    return json.dumps(files, indent=1, sort_keys=True)


def digest_of(text: str) -> str:
    """Returns the SHA-256 of a listing's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_listing(text: str) -> dict[str, tuple[str, int]]:
    """Reads a listing.

    Raises:
        ValueError: It is not one, or names a path outside the folder.
    """
    try:
        listing = {
            str(name): (str(facts["sha256"]), int(facts["bytes"]))
            for name, facts in json.loads(text).items()
        }
    except (AttributeError, KeyError, TypeError) as fault:
        raise ValueError("not a listing of files") from fault
    for name, (_, size) in listing.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or size < 0:
            raise ValueError(f"{name!r} is not a path inside a bundle")
    if len(listing) > MAX_FILES:
        raise ValueError(f"a bundle has at most {MAX_FILES} files")
    return listing


def is_whole(folder: Path, digest: str) -> bool:
    """Returns whether a folder holds exactly the files that a digest was made over."""
    if not folder.is_dir():
        return False
    try:
        read_manifest(folder, verify=False)
        return digest_of(text_of(listing_of(folder))) == digest
    except (OSError, PublicationInvalid):
        return False


class Twins:
    """Finds files that other published folders hold already, to be linked and not fetched.

    Args:
        roots: Folders of published versions; all manifests in them and one level below count.
    """

    def __init__(self, roots: list[Path]) -> None:
        self._known: dict[tuple[str, int], list[Path]] = {}
        for root in roots:
            for manifest in (*root.glob("*/manifest.json"), *root.glob("*/*/manifest.json")):
                self._add(manifest.parent)

    def _add(self, folder: Path) -> None:
        try:
            files = read_manifest(folder, verify=False)["files"]
            for name, facts in files.items():
                key = (str(facts["sha256"]), int(facts["bytes"]))
                self._known.setdefault(key, []).append(folder / name)
        except (PublicationInvalid, AttributeError, KeyError, TypeError, ValueError):
            return  # a damaged neighbour has nothing to lend

    def link(self, sha256: str, size: int, target: Path) -> bool:
        """Links a file with this content to a target; returns whether there was one."""
        for path in self._known.get((sha256, size), ()):
            try:
                # What a manifest says of a file is not what the file is.
                if path.stat().st_size == size and sha256_of(path) == sha256:
                    os.link(path, target)
                    return True
            except OSError:
                continue
        return False


@contextmanager
def incoming(root: Path) -> Iterator[Path]:
    """Gives a locked, empty folder beside the versions and removes what dead processes left.

    The lock ends with its process, whatever ends that, so a folder that can be locked is nobody's.
    """
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f"{_PREFIX}*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_abandoned(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # somebody is filling it
    finally:
        os.close(handle)


def settle(folder: Path, root: Path, version: str) -> Path:
    """Moves an incoming folder to its version, in place of one that is damaged or differs."""
    with _locked(root):
        target = root / version
        if target.exists():
            # A process that has files of the old folder open or mapped keeps them.
            aside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            target.rename(aside / version)
            shutil.rmtree(aside, ignore_errors=True)
        return publish(folder, root, version, make_current=False)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def mark_pulled(root: Path, version: str) -> None:
    """Notes that a version came from the registry, so that it may go when it grows old."""
    (root / _MARKS).mkdir(exist_ok=True)
    (root / _MARKS / version).touch()


def touch_pulled(root: Path, version: str) -> None:
    """Notes that a version is wanted again; one that was made here is never marked."""
    if (root / _MARKS / version).exists():
        (root / _MARKS / version).touch()


def forget_old(root: Path, keep: int) -> list[str]:
    """Removes versions that came from the registry, but for the `keep` wanted last.

    The version in use stays, and so does what was made on this machine.

    Args:
        root: The folder of versions.
        keep: How many stay, 1 or more.

    Returns:
        The versions removed.
    """
    with _locked(root):
        marks = [(mark.stat().st_mtime, mark.name) for mark in (root / _MARKS).glob("*")]
        current = current_version(root)
        removed = [name for _, name in sorted(marks, reverse=True)[keep:] if name != current]
        for name in removed:
            shutil.rmtree(root / name, ignore_errors=True)
            (root / _MARKS / name).unlink(missing_ok=True)
    return removed
