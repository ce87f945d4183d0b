"""A model with everything it needs, as one immutable folder.

    manifest.json    versions, features, parameters, library versions, SHA-256 of each file
    golden.json      one request and the answer it must get
    index.faiss      the audio index
    booster.txt      the booster
    forest/          its trees laid out as arrays, where they can be
    catalogue/       the snapshot it was made for (hard links where the disk allows)

All other files of a model are in the same folder, under the same checksums. Nothing is ever
unpickled.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from quintet_modelkit.publication import PublicationInvalid, read_manifest, write_manifest
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
"""What a bundle's manifest always says."""


def model_version(kind: str, inputs: Mapping[str, Any]) -> str:
    """Returns `<kind>-` and 12 digits of the SHA-256 over everything that decides a model."""
    text = json.dumps({"kind": kind, **inputs}, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def write_bundle(
    folder: Path,
    snapshot_folder: Path,
    content: Mapping[str, Any],
    golden: Mapping[str, Any],
) -> None:
    """Completes a staged folder: adds the snapshot, the golden request and the manifest.

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
    write_manifest(folder, content)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(source, target)


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, its files checked against the manifest.

    Attributes:
        folder: Where it lies.
        manifest: As read.
        snapshot: The catalogue it was made for.
        golden: One request and its answer.
    """

    folder: Path
    manifest: Mapping[str, Any]
    snapshot: Snapshot
    golden: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Reads a bundle.

        Raises:
            PublicationInvalid: A file is missing, altered, or does not fit the others.
        """
        manifest = read_manifest(folder, verify=verify)
        missing = [name for name in REQUIRED if name not in manifest]
        if missing:
            raise PublicationInvalid(f"{folder.name}: the manifest lacks {', '.join(missing)}")
        # The bundle's own manifest covers these files.
        snapshot = Snapshot.load(folder / CATALOGUE, verify=False)
        if snapshot.version != manifest["catalogue_version"]:
            raise PublicationInvalid(f"{folder.name}: holds another catalogue than it says")
        try:
            golden: dict[str, Any] = json.loads((folder / GOLDEN).read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise PublicationInvalid(f"{folder.name}: {GOLDEN} is unreadable") from fault
        return cls(folder, manifest, snapshot, golden)
