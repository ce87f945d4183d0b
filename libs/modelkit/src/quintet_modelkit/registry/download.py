"""Downloads a registered bundle file by file, checking each."""

import errno
import os
import posixpath
import shutil
import tempfile
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from quintet_modelkit import publication
from quintet_modelkit.publication import PublicationInvalid, is_version, read_manifest, sha256_of
from quintet_modelkit.registry import bundle_files
from quintet_modelkit.registry.errors import RegistryInvalid, RegistryUnavailable
from quintet_modelkit.registry.records import ModelRecord

# Bytes that a download leaves free on the disk, for the database and the logs beside it.
_RESERVE: Final = 16 << 20


@dataclass(frozen=True)
class Origin:
    """Where a registered bundle is stored.

    Attributes:
        run: Artifact address of its run, which has the listing.
        bundle: Artifact address of the bundle.
        server: Address of the MLflow server.
        listing: The listing's name.
    """

    run: str
    bundle: str
    server: str
    listing: str


def bring(record: ModelRecord, origin: Origin, root: Path, neighbours: list[Path]) -> Path:
    """Download a bundle into `root` and return its folder.

    Args:
        record: The version to download.
        origin: The address of its files.
        root: The folder of versions.
        neighbours: Folders of versions whose files may be linked instead of downloaded.

    Raises:
        RegistryInvalid: The listing or a file is missing or altered.
        OSError: The disk is full or not writable.
    """
    if not is_version(record.bundle):
        raise RegistryInvalid(
            f"version {record.version}: {record.bundle!r} cannot be the name of a bundle"
        )
    listing = _listing(record, origin)
    twins = bundle_files.Twins(neighbours)
    store = _store(origin.bundle, origin.server)
    with bundle_files.incoming(root) as folder:
        missing = {}
        for name, (sha256, size) in listing.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not twins.link(sha256, size, folder / name):
                missing[name] = (sha256, size)
        _check_room(root, sum(size for _, size in missing.values()))
        for name, (sha256, size) in missing.items():
            _fetch(store, name, folder / name)
            _check(record, folder / name, name, sha256, size)
        try:
            read_manifest(folder)
        except PublicationInvalid as fault:
            raise RegistryInvalid(str(fault)) from fault
        return bundle_files.settle(folder, root, record.bundle)


def read_text(address: str, name: str, server: str) -> str:
    """Download one artefact and return its text."""
    with tempfile.TemporaryDirectory(prefix="quintet-") as scratch:
        path = Path(scratch) / "artefact"
        _fetch(_store(address, server), name, path)
        try:
            return publication.read_text(path)
        except ValueError as fault:
            raise RegistryInvalid(f"the registry's {name} is unreadable: {fault}") from fault


def remove(address: str, server: str) -> None:
    """Delete all artefacts of a run."""
    _store(address, server).delete_artifacts()


def _listing(record: ModelRecord, origin: Origin) -> dict[str, tuple[str, int]]:
    text = read_text(origin.run, origin.listing, origin.server)
    if bundle_files.digest_of(text) != record.digest:
        raise RegistryInvalid(
            f"{record.bundle}: its listing of files was altered after it was registered"
        )
    try:
        return bundle_files.read_listing(text)
    except ValueError as fault:
        raise RegistryInvalid(f"{record.bundle}: {fault}") from fault


def _check(record: ModelRecord, path: Path, name: str, sha256: str, size: int) -> None:
    if path.stat().st_size != size:
        raise RegistryInvalid(f"{record.bundle}: {name} has {path.stat().st_size} of {size} bytes")
    if sha256_of(path) != sha256:
        raise RegistryInvalid(f"{record.bundle}: {name} does not match its checksum")


def _check_room(root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if free < needed + _RESERVE:
        raise OSError(
            errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed} bytes to fetch, {free} free", root
        )


def _store(address: str, server: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(address, tracking_uri=server)


def _is_missing(store: Any, name: str) -> bool:
    """Check whether a store answers that it has no such file.

    Asked after a failure alone: MLflow's server answers 500 for a file that its S3 does not have.
    """
    try:
        entries = store.list_artifacts(posixpath.dirname(name) or None)
    except Exception:  # the failure before this one is reported
        return False
    return name not in {entry.path for entry in entries}


def _fetch(store: Any, name: str, target: Path) -> None:
    """Download one file.

    It calls the method that every artifact store of MLflow implements, not `download_artifacts`,
    which lists a folder for each file, turns every error into text, and runs in threads that a
    process waits for when it stops.
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        store._download_file(name, str(target))
    except FileNotFoundError as fault:
        raise RegistryInvalid(f"the registry does not hold {name}") from fault
    except requests.HTTPError as fault:
        if fault.response is not None and fault.response.status_code == HTTPStatus.NOT_FOUND:
            raise RegistryInvalid(f"the registry does not hold {name}") from fault
        raise
    except (OSError, MlflowException) as fault:
        if _is_missing(store, name):
            raise RegistryInvalid(f"the registry does not hold {name}") from fault
        raise  # of the disk, or one that `translated` turns into a RegistryError
    except Exception as fault:
        # The client library of a store, such as boto3 for S3, raises exceptions of any type.
        raise RegistryUnavailable(f"{name} cannot be fetched: {type(fault).__name__}") from fault
