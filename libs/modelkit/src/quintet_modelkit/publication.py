"""Folders that appear whole or not at all, and the pointer to the one in use.

A root contains one folder per version and a file `current`, which names the version in use:

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
from quintet_files import PUBLIC_MODE, write_atomically
from quintet_text import bounded_json
from quintet_text.bounded_json import Bounds

MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"
FORMAT: Final = 1
"""The layout of manifests; a program reads only its own."""
_CHUNK: Final = 1 << 20
# A version has at most 128 characters, a promotion's token some hundred.
_POINTER_BYTES: Final = 4096
BOUNDS: Final = Bounds(depth=32, total=8 * 1024**2, containers=100_000)
"""Of manifests and other JSON in published folders; the largest known manifest has 40 kB."""


class PublicationInvalid(Exception):
    """A published folder is missing, incomplete, altered or of another format."""


def is_version(name: str) -> bool:
    """Check that a name can be a published folder's; such a name never leaves its root."""
    return fits(VERSION_PATTERN, name)


def sha256_of(path: Path) -> str:
    """Hash a file, in pieces of 1 MiB, as hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Provide an empty folder beside the versions, removed at the end unless `publish` moved it."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
    # mkdtemp lets only the owner in; services often run as another user.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest: the given content, the format and a checksum for each file."""
    files = {
        str(path.relative_to(folder)): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    document = {"format": FORMAT, **content, "files": files}
    text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def publish(folder: Path, root: Path, version: str, *, make_current: bool = True) -> Path:
    """Move a staged folder to its version and point `current` at it; both steps are atomic.

    A version that exists already is left as it is, because a version names its content.

    Args:
        folder: From `staged`, complete with its manifest.
        root: The folder of versions.
        version: Letters, digits, `.`, `_` and `-`, at most 128.
        make_current: Whether services shall use it.

    Raises:
        PublicationInvalid: The version is not a valid name.
    """
    if not is_version(version):
        raise PublicationInvalid(
            f"{version!r} is not a version: letters, digits, '.', '_' and '-', at most 128, "
            "beginning with a letter or a digit"
        )
    target = root / version
    _open_to_readers(folder)
    try:
        folder.rename(target)
    except OSError as fault:
        # Another publisher of the same content was first; rename never replaces a full folder.
        if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    if make_current:
        set_current(root, version)
    return target


def _open_to_readers(folder: Path) -> None:
    """Let other users read a folder that is about to be published, whatever the umask."""
    for path in (folder, *folder.rglob("*")):
        # A linked file may belong to another user, who has decided about it.
        with contextlib.suppress(PermissionError):
            path.chmod(0o755 if path.is_dir() else PUBLIC_MODE)


def set_current(root: Path, version: str) -> None:
    """Point `current` at a version that exists.

    Raises:
        PublicationInvalid: There is no such version.
    """
    if not is_version(version) or not (root / version).is_dir():
        raise PublicationInvalid(f"{version!r} is not a version in {root}")
    write_atomically(root / CURRENT, version + "\n")


def current_version(root: Path) -> str | None:
    """Read the version in use; None if nothing was published, or the pointer is damaged."""
    version = read_pointer(root / CURRENT)
    return version if is_version(version) else None


def followed_version(root: Path) -> str | None:
    """Read the version in use; None if nothing was published.

    Raises:
        PublicationInvalid: The pointer is damaged.
    """
    version = current_version(root)
    if version is None and (root / CURRENT).exists():
        raise PublicationInvalid(f"{root / CURRENT} is damaged: it does not name a version")
    return version


def read_pointer(path: Path) -> str:
    """Read the one line of a small file that names something; empty if there is no such text.

    A damaged pointer, such as one that is not UTF-8, names nothing: what is in use stays in use.

    Raises:
        OSError: The disk fails.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_POINTER_BYTES + 1)
        return "" if len(data) > _POINTER_BYTES else data.decode("utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def current_folder(root: Path) -> Path:
    """Find the folder of the version in use.

    Raises:
        PublicationInvalid: Nothing was published, or its folder is missing.
    """
    version = followed_version(root)
    if version is None:
        raise PublicationInvalid(f"nothing is published in {root}")
    if not (root / version).is_dir():
        raise PublicationInvalid(f"{root / CURRENT} names {version}, which is missing from {root}")
    return root / version


def read_manifest(folder: Path, *, verify: bool = True) -> dict[str, Any]:
    """Read a folder's manifest, by default after checking every file against it.

    Raises:
        PublicationInvalid: The manifest is missing, unreadable or of another format, names a path
            outside the folder, or a file is missing or altered.
    """
    try:
        document = bounded_json.loads(read_text(folder / MANIFEST), BOUNDS)
        if document["format"] != FORMAT:
            raise PublicationInvalid(
                f"{folder.name}: has format {document['format']}; this program reads {FORMAT}"
            )
        files: dict[str, dict[str, Any]] = document["files"]
        if any(
            type(facts["bytes"]) is not int or type(facts["sha256"]) is not str
            for facts in files.values()
        ):
            raise ValueError("a file without size and checksum")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise PublicationInvalid(f"{folder.name}: manifest is missing or unreadable") from fault
    root = folder.resolve()
    for name, facts in files.items() if verify else ():
        if damage := _damage(root, name, facts):
            raise PublicationInvalid(f"{folder.name}: {name:.200} {damage}")
    return dict(document)


def read_text(path: Path) -> str:
    """Read a text of at most `BOUNDS.total` bytes from a published folder.

    Raises:
        OSError: The file is missing.
        ValueError: It is larger, or not UTF-8.
    """
    with path.open("rb") as stream:
        data = stream.read(BOUNDS.total + 1)
    if len(data) > BOUNDS.total:
        raise ValueError(f"{path.name} has more than {BOUNDS.total:,} bytes")
    return data.decode("utf-8")


def damaged_files(folder: Path) -> dict[str, str]:
    """List the files of a folder that differ from its manifest, and what is wrong with each.

    Raises:
        PublicationInvalid: The manifest is missing, unreadable or of another format.
    """
    files: dict[str, dict[str, Any]] = read_manifest(folder, verify=False)["files"]
    root = folder.resolve()
    damages = {name: _damage(root, name, facts) for name, facts in files.items()}
    return {name: damage for name, damage in damages.items() if damage}


def fingerprint_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Identify the state of a folder: name, modification time and size of each file.

    A repaired folder has another fingerprint, although its version is the same.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            facts = path.stat()
            files.append((str(path.relative_to(folder)), facts.st_mtime_ns, facts.st_size))
    return tuple(files)


def _damage(root: Path, name: str, facts: Mapping[str, Any]) -> str:
    """Describe what is wrong with a file; empty if nothing is.

    Args:
        root: The folder, resolved.
        name: The file's path in the manifest.
        facts: Its size and checksum in the manifest.
    """
    # A manifest may come from elsewhere: ".." and links must not lead out of the folder.
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            return "is outside the folder"
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            return "is missing or has another size"
        return "" if sha256_of(path) == facts["sha256"] else "does not match its checksum"
    except (OSError, ValueError) as fault:  # a name that is too long or holds NUL
        return f"cannot be read: {getattr(fault, 'strerror', None) or fault}"
