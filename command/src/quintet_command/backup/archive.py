"""A backup as a file, `NAME.tar.zst`, or as a folder: sealed by a manifest, checked file by file.

The manifest stands first and names every file with its size and SHA-256. Files of the same content
are kept once. Whatever the manifest does not name, or names outside of the backup, is refused, so
neither a damaged nor a hostile archive writes anything that was not announced.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import pyarrow as pa
from quintet_files import PRIVATE_MODE, replacing
from quintet_modelkit.publication import sha256_of
from quintet_text import bounded_json
from quintet_text.bounded_json import Bounds

FORMAT: Final = 1
SUFFIX: Final = ".tar.zst"
_MANIFEST: Final = "manifest.json"
# A backup of ten models and two hundred registered ones names some 15,000 files: 3 MB.
_MOST_FILES: Final = 50_000
_BOUNDS: Final = Bounds(depth=16, total=16 << 20, containers=2 * _MOST_FILES)
# Real backups shrink to a half or a tenth. A small archive may hold empty files, up to the floor.
_MOST_RATIO: Final = 200
_RATIO_FLOOR: Final = 64 << 20
# tarfile reads a header of extended attributes into memory, whatever size it announces.
_MOST_HEADER: Final = 64 << 10
# Bytes read and hashed at once.
_CHUNK: Final = 1 << 20
# Room that a restored backup leaves on the disk, for the database and the logs beside it.
_RESERVE: Final = 64 << 20


class BackupInvalid(Exception):
    """A backup is not whole, altered, hostile or of another version; the message is one line."""


@dataclass(frozen=True)
class Sealed:
    """The content of a backup's manifest.

    Attributes:
        facts: Time, version, database and settings.
        files: Path to (SHA-256, bytes).
    """

    facts: Mapping[str, Any]
    files: Mapping[str, tuple[str, int]]

    @property
    def stored(self) -> dict[str, str]:
        """SHA-256 to the path under which its content is kept."""
        return {sha: name for name, (sha, _) in sorted(self.files.items(), reverse=True)}

    @property
    def spread(self) -> int:
        """Size of all files when each has its own copy, in bytes."""
        return sum(size for _, size in self.files.values())

    @property
    def bytes(self) -> int:
        """Bytes of all files, each content counted once."""
        return sum(dict(self.files.values()).values())


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Open an empty folder beside the target, and remove it at the end.

    Raises:
        BackupInvalid: The target exists already.
    """
    if target.exists():
        raise BackupInvalid(f"{target} is there already; name another file, or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, target: Path, facts: Mapping[str, Any]) -> Sealed:
    """Turn a staged folder into the backup, which appears whole or not at all."""
    files: dict[str, tuple[str, int]] = {}
    kept: set[str] = set()
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    for name, path in sorted(found.items()):
        sha256 = sha256_of(path)
        files[name] = (sha256, path.stat().st_size)
        if sha256 in kept:
            path.unlink()
        kept.add(sha256)
    sealed = Sealed(facts, files)
    listing = {name: {"sha256": sha, "bytes": size} for name, (sha, size) in files.items()}
    if len(listing) > _MOST_FILES:
        raise BackupInvalid(
            f"{len(listing):,} files are more than a backup holds ({_MOST_FILES:,}); remove old "
            "models by `quintet housekeeping`, or leave the registry out"
        )
    document = {"format": FORMAT, **facts, "files": listing}
    (folder / _MANIFEST).write_text(json.dumps(document, indent=1), encoding="utf-8")
    if target.name.endswith(SUFFIX):
        _pack(folder, target, [_MANIFEST, *sealed.stored.values()])
    else:
        folder.replace(target)
    return sealed


def _pack(folder: Path, target: Path, names: list[str]) -> None:
    with (
        # Keys and hashes are in it: only its owner may read it.
        replacing(target, PRIVATE_MODE) as packed,
        pa.CompressedOutputStream(str(packed), "zstd") as stream,
        # A stream: zstd cannot seek back to complete a header.
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (folder / name).stat().st_size, 0o600
            with (folder / name).open("rb") as source:
                archive.addfile(entry, source)


def read(source: Path, into: Path | None) -> Sealed:
    """Check a backup from end to end, and unpack it if a folder is given.

    Args:
        source: The file or folder.
        into: An empty folder; None to check alone.

    Raises:
        BackupInvalid: It is not whole, altered, hostile or of another version.
        OSError: The disk is full.
    """
    if not source.exists():
        raise BackupInvalid(f"there is no backup at {source}")
    try:
        with contextlib.closing(_members(source)) as members:
            sealed = _checked(members, None, source)
        if into is None:
            return sealed
        # Read twice: nothing is written before all of it is known to be sound.
        with contextlib.closing(_members(source)) as members:
            return _checked(members, into, source)
    except (tarfile.TarError, pa.ArrowInvalid, EOFError) as fault:
        raise BackupInvalid(f"{source} is damaged or no backup") from fault
    except OSError as fault:
        # Arrow raises OSError without an error number for a broken stream; a disk fault has one.
        if fault.errno is None:
            raise BackupInvalid(f"{source} is damaged or no backup") from fault
        raise


def _members(source: Path) -> Generator[tuple[str, int, IO[bytes]], None, None]:
    """Yield name, size in bytes and content of each file, the manifest first."""
    if source.is_dir():
        # The loop appends to its own list: the manifest names the files that follow it.
        names = [_MANIFEST]
        for name in names:
            path = source / name
            if not path.is_file() or path.is_symlink():
                raise BackupInvalid(f"{name} is missing from the backup")
            with path.open("rb") as stream:
                yield name, path.stat().st_size, stream
            if name == _MANIFEST:
                with path.open("rb") as manifest:
                    names += _sealed(manifest.read(_BOUNDS.total + 1)).stored.values()
        return
    with (
        pa.CompressedInputStream(str(source), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="r|", tarinfo=_Entry) as archive,
    ):
        for entry in archive:
            # Links and devices could write outside of the folder.
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise BackupInvalid(f"{entry.name!r} in the backup is not a plain file")
            yield entry.name, entry.size, content


class _Entry(tarfile.TarInfo):
    """A member of an archive whose extended header is small; a path needs some hundred bytes."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # tarfile documents this method as the place where a subclass decides by an entry's type.
        if not self.isreg() and self.size > _MOST_HEADER:
            raise tarfile.ReadError("an entry's header is larger than any path needs")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def _checked(
    members: Iterator[tuple[str, int, IO[bytes]]], into: Path | None, source: Path
) -> Sealed:
    name, size, content = next(members, ("", 0, None))
    if name != _MANIFEST or size > _BOUNDS.total or content is None:
        raise BackupInvalid("the backup does not begin with its manifest")
    sealed = _sealed(content.read(_BOUNDS.total))
    _check_sizes(sealed, source)
    # Checked before the first byte: half a restore helps nobody.
    if into is not None and shutil.disk_usage(into).free < sealed.spread + _RESERVE:
        raise BackupInvalid(f"the disk has no room for {sealed.spread:,} bytes")
    missing = {name: sha for sha, name in sealed.stored.items()}
    for name, size, content in members:
        if name not in missing:
            raise BackupInvalid(f"the backup holds {name!r}, which its manifest does not name")
        if size != sealed.files[name][1]:
            raise BackupInvalid(f"{name} in the backup has another size than its manifest says")
        if _digest(content, None if into is None else into / name) != missing.pop(name):
            raise BackupInvalid(f"{name} in the backup does not match its checksum")
    if missing:
        raise BackupInvalid(f"{min(missing)} is missing from the backup")
    if into is not None:
        _spread(sealed, into)
    return sealed


def _check_sizes(sealed: Sealed, source: Path) -> None:
    """Check that a packed backup does not unpack to far more than a real one would.

    Raises:
        BackupInvalid: It does, or gives one content two sizes.
    """
    if len(set(sealed.files.values())) != len(sealed.stored):
        raise BackupInvalid("the backup's manifest gives one checksum two sizes")
    packed = 0 if source.is_dir() else source.stat().st_size
    if packed and sealed.spread > max(_MOST_RATIO * packed, _RATIO_FLOOR):
        raise BackupInvalid(
            f"the backup of {packed:,} bytes would unpack to {sealed.spread:,}, "
            f"more than {_MOST_RATIO} times its size"
        )


def _sealed(content: bytes) -> Sealed:
    try:
        document = bounded_json.loads(content, _BOUNDS)
        number = document.pop("format")
        listing = document.pop("files")
        files = {str(n): (str(f["sha256"]), int(f["bytes"])) for n, f in listing.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BackupInvalid("the backup's manifest is unreadable") from fault
    if number != FORMAT:
        whose = "a newer" if isinstance(number, int) and number > FORMAT else "another"
        raise BackupInvalid(f"{whose} Quintet made this backup: format {number}, not {FORMAT}")
    if len(files) > _MOST_FILES:
        raise BackupInvalid(f"the backup names {len(files):,} files; at most {_MOST_FILES:,}")
    for name, (_, size) in files.items():
        if size < 0:
            raise BackupInvalid(f"{name} has a negative size in the backup's manifest")
        if not _is_inside(name):
            raise BackupInvalid(f"the backup names {name!r}, which lies outside of it")
    return Sealed(document, files)


def _is_inside(name: str) -> bool:
    """Check that a name is a plain relative path, so that nothing is written outside."""
    path = PurePosixPath(name)
    parts = path.parts
    plain = bool(parts) and not path.is_absolute() and ".." not in parts and "\\" not in name
    return plain and name == path.as_posix() and name.isprintable() and name != _MANIFEST


def _digest(content: IO[bytes], target: Path | None) -> str:
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        out = None
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Keys may be among them, so only the owner may read. "x" never overwrites.
            opener = partial(os.open, mode=0o600)
            out = stack.enter_context(open(target, "xb", opener=opener))
        while piece := content.read(_CHUNK):
            digest.update(piece)
            if out is not None:
                out.write(piece)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    return digest.hexdigest()


def _spread(sealed: Sealed, folder: Path) -> None:
    """Copy content that the archive stores once to its other paths."""
    stored = sealed.stored
    for name, (sha256, _) in sealed.files.items():
        if stored[sha256] != name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / stored[sha256], folder / name)
