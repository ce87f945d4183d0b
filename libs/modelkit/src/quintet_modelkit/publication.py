"""Folders that appear whole or not at all, and the pointer to the one in use.

A root holds one folder a version and a file `current` naming the version in use:

    root/<version>/manifest.json …
    root/current
"""

import contextlib
import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from quintet_contract.patterns import VERSION_PATTERN, fits
from quintet_files import write_atomically

MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"
FORMAT: Final = 1
_CHUNK: Final = 1 << 20


class PublicationInvalid(Exception):
    """A published folder is missing, incomplete, altered or of another format."""


def is_version(name: str) -> bool:
    """Returns whether a name can be that of a published folder; never one outside its root."""
    return fits(VERSION_PATTERN, name)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Gives an empty folder beside the versions; it is removed unless `publish` moved it."""
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
    # Services read as another user than the one that publishes.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the manifest: the content given, the format and a checksum for each file."""
    files = {
        str(path.relative_to(folder)): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    document = {"format": FORMAT, **content, "files": files}
    text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def publish(folder: Path, root: Path, version: str, *, make_current: bool = True) -> Path:
    """Moves a staged folder to its version and points `current` at it; both steps are atomic.

    A version that is there already is kept as it is: versions name content.
    """
    if not is_version(version):
        raise PublicationInvalid(f"{version!r} is not a version name")
    target = root / version
    try:
        folder.rename(target)
    except OSError as fault:
        # Another publisher of the same content was first; rename never replaces a full folder.
        if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    if make_current:
        set_current(root, version)
    return target


def set_current(root: Path, version: str) -> None:
    """Points `current` at a version that exists."""
    if not is_version(version) or not (root / version).is_dir():
        raise PublicationInvalid(f"{version!r} is not a version in {root}")
    write_atomically(root / CURRENT, version + "\n")


def current_version(root: Path) -> str | None:
    """Returns the version in use, or None before the first publication."""
    try:
        version = (root / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return version if is_version(version) else None


def current_folder(root: Path) -> Path:
    """Returns the folder of the version in use.

    Raises:
        PublicationInvalid: Nothing was published, or its folder is gone.
    """
    version = current_version(root)
    if version is None:
        raise PublicationInvalid(f"nothing is published in {root}")
    if not (root / version).is_dir():
        raise PublicationInvalid(f"{version} is in use but missing from {root}")
    return root / version


def read_manifest(folder: Path, *, verify: bool = True) -> dict[str, Any]:
    """Returns a folder's manifest, by default after checking every file against it.

    Raises:
        PublicationInvalid: The manifest is missing, unreadable or of another format, names a
            path outside the folder, or a file is missing or altered.
    """
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise PublicationInvalid(f"{folder.name}: format {document['format']} is not {FORMAT}")
        files: dict[str, dict[str, Any]] = document["files"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise PublicationInvalid(f"{folder.name}: manifest is missing or unreadable") from fault
    root = folder.resolve()
    for name, facts in files.items() if verify else ():
        if damage := _damage(root, name, facts):
            raise PublicationInvalid(f"{folder.name}: {name} {damage}")
    return dict(document)


def damaged_files(folder: Path) -> dict[str, str]:
    """Returns the files of a folder that are not as its manifest says, and what ails each.

    Raises:
        PublicationInvalid: The manifest is missing, unreadable or of another format.
    """
    files: dict[str, dict[str, Any]] = read_manifest(folder, verify=False)["files"]
    root = folder.resolve()
    found = {name: _damage(root, name, facts) for name, facts in files.items()}
    return {name: damage for name, damage in found.items() if damage}


def look_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Returns name, time and size of each file of a folder: other ones where it was mended."""
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            found.append((str(path.relative_to(folder)), facts.st_mtime_ns, facts.st_size))
    return tuple(found)


def _damage(root: Path, name: str, facts: Mapping[str, Any]) -> str:
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        return "lies outside the folder"
    if not path.is_file() or path.stat().st_size != facts["bytes"]:
        return "is missing or has another size"
    return "" if sha256_of(path) == facts["sha256"] else "does not match its checksum"
