"""What an installation keeps outside of QUINTET_HOME: databases and files of MLflow and Airflow.

With Compose, MLflow has a PostgreSQL database, its files are in S3, and Airflow has a database too.
Files of models come and go by MLflow's server, so no key of that S3 is needed.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from quintet_store import other_databases
from quintet_store.other_databases import Copied

from quintet_command.backup.archive import BackupInvalid
from quintet_command.settings import CommandSettings

DATABASES: Final = "databases"
FILES: Final = "registry-files"
SECRETS: Final = "secrets"
REGISTRY: Final = "mlflow"
_AIRFLOW: Final = "airflow"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
# For one request: a file of a model has some megabytes, and S3 may be slow.
_SECONDS: Final = 120.0
# Folders within folders of a registered model.
_MOST_DEPTH: Final = 16
_CHUNK: Final = 1 << 20
_KINDS: Final = ("postgresql", "postgresql+psycopg")


def gather(settings: CommandSettings, folder: Path, *, registry: bool) -> dict[str, Any]:
    """Copy the databases of MLflow and Airflow, and the registry's files, into a staged backup.

    The registry's database comes before its files, so that each file that it names exists.

    Returns:
        Facts for the manifest: revision and rows of each database that has tables.

    Raises:
        BackupInvalid: The registry has models, and its server does not answer.
        StoreUnavailable: A database cannot be read.
    """
    made: dict[str, Any] = {}
    for name, url in _addresses(settings).items():
        if name == REGISTRY and not registry:
            continue
        target = folder / DATABASES / name
        target.mkdir(parents=True)
        copied = other_databases.copy_out(url, target)
        if copied is not None:
            made[name] = asdict(copied)
    if REGISTRY in made:
        _download(settings.registry_uri, folder / FILES)
    return made


def check(facts: Mapping[str, Any], settings: CommandSettings) -> dict[str, Copied]:
    """Read the manifest's databases, and check that each can be restored here.

    Raises:
        BackupInvalid: The manifest is unreadable, or a database of it has no address here.
        DumpInvalid: A database is of another schema.
        StoreUnavailable: A database cannot be read.
    """
    try:
        found = {
            str(name): Copied(
                str(each["revision"]), {str(t): int(n) for t, n in each["rows"].items()}
            )
            for name, each in facts.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise BackupInvalid("the backup's manifest is unreadable") from fault
    addresses = _addresses(settings)
    for name, copied in found.items():
        if name not in addresses:
            setting = f"QUINTET_{'MLFLOW_BACKEND' if name == REGISTRY else 'AIRFLOW_DATABASE'}_URL"
            raise BackupInvalid(
                f"the backup has the database of {name}; set {setting} to restore it"
            )
        other_databases.check(copied, name, addresses[name])
    return found


def put_back(found: Mapping[str, Copied], settings: CommandSettings, folder: Path) -> None:
    """Restore checked databases, and the files of the registry before the rows that name them.

    Raises:
        BackupInvalid: The registry's server does not take the files.
        StoreUnavailable: A database rejected its rows and is unchanged.
    """
    if REGISTRY in found:
        _upload(folder / FILES, settings.registry_uri)
    addresses = _addresses(settings)
    for name, copied in found.items():
        other_databases.copy_in(copied, folder / DATABASES / name, addresses[name])


def gather_secrets(source: Path, folder: Path) -> None:
    """Copy the folders of secrets that Compose mounts into a staged backup.

    Raises:
        BackupInvalid: There are none.
    """
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    if not files:
        raise BackupInvalid(f"there are no secrets in {source}; leave --with-secrets out")
    for path in files:
        target = folder / SECRETS / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _addresses(settings: CommandSettings) -> dict[str, str]:
    named = {
        REGISTRY: settings.mlflow_backend_url.get_secret_value(),
        _AIRFLOW: settings.airflow_database_url.get_secret_value(),
    }
    return {name: url for name, url in named.items() if url.partition(":")[0] in _KINDS}


def _download(server: str, folder: Path) -> None:
    try:
        with httpx.Client(base_url=server, timeout=_SECONDS) as client:
            for path in _listed(client, "", 0):
                target = folder / path
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise BackupInvalid(f"the registry names {path!r}, which lies outside of it")
                target.parent.mkdir(parents=True, exist_ok=True)
                with client.stream("GET", f"{_ARTIFACTS}/{quote(path)}") as answer:
                    answer.raise_for_status()
                    with target.open("wb") as stream:
                        for piece in answer.iter_bytes(_CHUNK):
                            stream.write(piece)
    except httpx.HTTPError as fault:
        raise BackupInvalid(_unreachable(fault)) from fault


def _listed(client: httpx.Client, folder: str, depth: int) -> Iterator[str]:
    """List the files of the registry's storage below a folder."""
    answer = client.get(_ARTIFACTS, params={"path": folder} if folder else None)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return
    answer.raise_for_status()
    if depth > _MOST_DEPTH:
        raise BackupInvalid(f"folders of the registry are nested more than {_MOST_DEPTH} deep")
    for entry in answer.json().get("files", []):
        name = str(entry["path"])
        path = f"{folder}/{name}" if folder else name
        if entry.get("is_dir"):
            yield from _listed(client, path, depth + 1)
        else:
            yield path


def _upload(folder: Path, server: str) -> None:
    try:
        with httpx.Client(base_url=server, timeout=_SECONDS) as client:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    name = quote(path.relative_to(folder).as_posix())
                    with path.open("rb") as stream:
                        client.put(f"{_ARTIFACTS}/{name}", content=stream).raise_for_status()
    except httpx.HTTPError as fault:
        raise BackupInvalid(_unreachable(fault)) from fault


def _unreachable(fault: httpx.HTTPError) -> str:
    return (
        f"the registry of models does not answer ({type(fault).__name__}); start it, or leave the "
        "registry out with --without-registry"
    )
