"""A model with everything it needs, as one immutable folder.

    manifest.json    versions, features, parameters, library versions, SHA-256 of each file
    golden.json      one request and the answer it must get
    index.faiss      the audio index
    booster.txt      the booster
    forest/          the booster's trees as arrays, unless only LightGBM can evaluate them
    collaborative/   what a trained model learned from playlists
    catalogue/       the snapshot that the model was made for (hard links if the disk allows them)

The manifest's checksums cover every file. Nothing is ever unpickled, so a bundle cannot run code.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from quintet_text import bounded_json

from quintet_modelkit.publication import (
    BOUNDS,
    PublicationInvalid,
    read_manifest,
    read_text,
    sha256_of,
    write_manifest,
)
from quintet_modelkit.snapshot import Snapshot

CATALOGUE: Final = "catalogue"
GOLDEN: Final = "golden.json"
REQUIRED: Final = (
    "kind",
    "model_version",
    "index_version",
    "catalogue_version",
    "create_time",
    "track_count",
    "feature_names",
    "feature_hash",
    "channels",
    "index",
)
"""The fields that every bundle's manifest must have."""


def content_version(kind: str, folder: Path, ranked_by: Mapping[str, str]) -> str:
    """Name a model by its content: `<kind>-` and 12 digits of a SHA-256.

    Two models with the same name give the same lists. When and from where the data was imported
    does not count, nor how long training took.

    Args:
        kind: "bootstrap" or "trained".
        folder: Holds the model's files, and nothing else.
        ranked_by: What decides its lists besides these files: catalogue and features.
    """
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({"kind": kind, "files": files, **ranked_by}, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def write_bundle(
    folder: Path,
    snapshot_folder: Path,
    content: Mapping[str, Any],
    golden: Mapping[str, Any],
) -> None:
    """Complete a staged folder: add the snapshot, the golden request and the manifest.

    Args:
        folder: Holds the index and the booster already.
        snapshot_folder: A published snapshot; its files are linked, not copied, if possible.
        content: The manifest's fields, with all of `REQUIRED`.
        golden: One request and its answer, as `Engine.check_golden` reads them.

    Raises:
        ValueError: The content lacks one of `REQUIRED`.
    """
    missing = [name for name in REQUIRED if name not in content]
    if missing:
        raise ValueError(f"a bundle's manifest needs {', '.join(missing)}")
    target = folder / CATALOGUE
    target.mkdir()
    for source in sorted(path for path in snapshot_folder.iterdir() if path.is_file()):
        _link(source, target / source.name)
    text = json.dumps(golden, indent=2, ensure_ascii=False)
    (folder / GOLDEN).write_text(text, encoding="utf-8")
    # Last: it has the checksums of all the other files.
    write_manifest(folder, content)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, its files checked against the manifest.

    Attributes:
        folder: The folder it was loaded from.
        manifest: Versions, features, parameters, checksums.
        snapshot: The catalogue that the model was made for.
        golden: One request and its answer.
    """

    folder: Path
    manifest: Mapping[str, Any]
    snapshot: Snapshot
    golden: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Read a bundle.

        Args:
            folder: The bundle's folder.
            verify: Whether to compare every file with its checksum, which reads the whole bundle.

        Raises:
            PublicationInvalid: A file is missing, altered, or does not fit the others.
        """
        manifest = read_manifest(folder, verify=verify)
        missing = [name for name in REQUIRED if name not in manifest]
        if missing:
            raise PublicationInvalid(f"{folder.name}: the manifest lacks {', '.join(missing)}")
        # The bundle's manifest covers the snapshot's files as well: they are checked already.
        snapshot = Snapshot.load(folder / CATALOGUE, verify=False)
        if snapshot.version != manifest["catalogue_version"]:
            raise PublicationInvalid(
                f"{folder.name}: contains catalogue {snapshot.version}, but its manifest names "
                f"{manifest['catalogue_version']}"
            )
        try:
            golden: dict[str, Any] = bounded_json.loads(read_text(folder / GOLDEN), BOUNDS)
        except (OSError, ValueError) as fault:
            raise PublicationInvalid(f"{folder.name}: {GOLDEN} is unreadable") from fault
        return cls(folder, manifest, snapshot, golden)
