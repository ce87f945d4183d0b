"""The files of a bundle: their listing, their digest, and the folders they are downloaded to."""

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

from quintet_text import bounded_json

from quintet_modelkit.publication import (
    BOUNDS,
    PublicationInvalid,
    current_version,
    publish,
    read_manifest,
    sha256_of,
)

MAX_FILES: Final = 10_000
_PREFIX: Final = ".pull-"
# Empty files, one per version that came from a registry; their time is when it was last needed.
_MARKS: Final = ".pulled"
Listing = Mapping[str, tuple[str, int]]
"""Path below the bundle, with slashes → SHA-256 and size in bytes."""


def listing_of(folder: Path) -> dict[str, tuple[str, int]]:
    """List every file below a folder, manifests included, with checksum and size."""
    return {
        path.relative_to(folder).as_posix(): (sha256_of(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def text_of(listing: Listing) -> str:
    """Serialise a listing as JSON, always the same text for the same files."""
    files = {name: {"sha256": sha, "bytes": size} for name, (sha, size) in listing.items()}
    return json.dumps(files, indent=1, sort_keys=True)


def digest_of(text: str) -> str:
    """Hash a listing's text: SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_listing(text: str) -> dict[str, tuple[str, int]]:
    """Parse a listing.

    Raises:
        ValueError: It is not a listing, or it names a path outside the folder.
    """
    try:
        listing = {
            str(name): (str(facts["sha256"]), int(facts["bytes"]))
            for name, facts in bounded_json.loads(text, BOUNDS).items()
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
    """Check that a folder has exactly the files that a digest was computed from."""
    if not folder.is_dir():
        return False
    try:
        read_manifest(folder, verify=False)
        return digest_of(text_of(listing_of(folder))) == digest
    except (OSError, PublicationInvalid):
        return False


class Twins:
    """Finds files that other published folders have already, to link instead of downloading them.

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
            return  # a damaged folder's files cannot be trusted

    def link(self, sha256: str, size: int, target: Path) -> bool:
        """Link a file with this content to a target; False if there is none."""
        for path in self._known.get((sha256, size), ()):
            try:
                # The file may have changed since its manifest was written.
                if path.stat().st_size == size and sha256_of(path) == sha256:
                    os.link(path, target)
                    return True
            except OSError:
                continue
        return False


@contextmanager
def incoming(root: Path) -> Iterator[Path]:
    """Provide a locked, empty folder beside the versions, and remove those of dead processes.

    The lock ends with its process, however that ends, so a folder that can be locked is abandoned.
    """
    root.mkdir(parents=True, exist_ok=True)
    # One at a time: a folder that is made and not yet locked would be taken for abandoned.
    with _locked(root):
        for left in root.glob(f"{_PREFIX}*"):
            _remove_abandoned(left)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_abandoned(folder: Path) -> None:
    """Remove a download folder whose process has ended."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # another process is downloading into it
    finally:
        os.close(handle)


def settle(folder: Path, root: Path, version: str) -> Path:
    """Move an incoming folder to its version, replacing one that is damaged or differs."""
    with _locked(root):
        target = root / version
        if target.exists():
            # Moved, then deleted: processes that have its files open or mapped keep them.
            aside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            target.rename(aside / version)
            shutil.rmtree(aside, ignore_errors=True)
        return publish(folder, root, version, make_current=False)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time change the folder of versions."""
    handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def mark_pulled(root: Path, version: str) -> None:
    """Record that a version came from the registry, so that `forget_old` may remove it."""
    (root / _MARKS).mkdir(exist_ok=True)
    (root / _MARKS / version).touch()


def touch_pulled(root: Path, version: str) -> None:
    """Record that a version is needed again; one trained on this machine is never marked."""
    if (root / _MARKS / version).exists():
        (root / _MARKS / version).touch()


def forget_old(root: Path, keep: int) -> list[str]:
    """Remove versions that came from the registry, except the `keep` that were needed last.

    The version in use stays, and so does every version that was trained on this machine.

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
