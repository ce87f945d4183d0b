"""Operations on registered models: register, compare, promote, roll back, describe."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from quintet_modelkit.publication import PublicationInvalid, current_folder, read_manifest
from quintet_modelkit.registry import (
    CHALLENGER,
    CHAMPION,
    ModelRecord,
    Move,
    Registry,
)
from quintet_modelkit.registry import RegistryError as RegistryError
from quintet_modelkit.registry import RegistryInvalid as RegistryInvalid
from quintet_modelkit.registry import RegistryUnavailable as RegistryUnavailable

from quintet_command.models.card import write_card as _write_card
from quintet_command.settings import CommandSettings

if TYPE_CHECKING:
    from quintet_command.models.differences import Difference

MODELS: Final = "models"
_PARAMETERS: Final = ("parameters", "chosen", "seed", "threads", "index", "channels", "libraries")
"""What a manifest says of how its model was made; whatever of it there is, is logged."""


def registry_of(settings: CommandSettings) -> Registry:
    """Build the client of the registry that the settings name; send no request yet."""
    return Registry(settings.registry_uri, settings.mlflow_model)


def register_model(
    settings: CommandSettings,
    version: str | None = None,
    metrics: Mapping[str, float] | None = None,
    artefacts: Mapping[str, Path] | None = None,
    alias: str = CHALLENGER,
) -> str:
    """Register a published bundle with its metrics and files, and set an alias.

    A bundle that is registered already keeps its number; metrics and artefacts are added.

    Args:
        settings: Where bundles and registry are.
        version: The bundle, such as `trained-1f3a…`; the one in use if None.
        metrics: Of its evaluation; those in its manifest come with them.
        artefacts: Files or folders by name, such as `report.html` and `data.json`.
        alias: What it is called from now on; empty for nothing. The champion is never called
            challenger as well.

    Returns:
        Its number in the registry.

    Raises:
        PublicationInvalid: The bundle is missing or damaged.
        RegistryError: The registry is down or rejects it.
    """
    models = settings.home / MODELS
    folder = current_folder(models) if version is None else models / version
    manifest = read_manifest(folder, verify=False)
    recorded = {str(k): float(v) for k, v in dict(manifest.get("metrics", {})).items()}
    registry = registry_of(settings)
    number = registry.register(
        folder,
        {**recorded, **(metrics or {})},
        {name: manifest[name] for name in _PARAMETERS if name in manifest},
        {},
        artefacts or {},
        folder.name,
    )
    if alias == CHAMPION:
        registry.promote(number)
    # The champion as its own challenger would start an experiment of a model against itself.
    elif alias and registry.aliases().get(CHAMPION) != number:
        registry.set_alias(alias, number)
    return number


def registered(settings: CommandSettings) -> list[ModelRecord]:
    """List all registered models, the newest first."""
    return registry_of(settings).versions()


def promote(settings: CommandSettings, name: str) -> Move:
    """Make a model champion.

    Args:
        settings: The address of the registry.
        name: The model's number, an alias, or its bundle's name.

    Raises:
        RegistryError: There is no such model, or the registry is down.
    """
    registry = registry_of(settings)
    return registry.promote(found(registry, name).version)


def rollback(settings: CommandSettings, expected: str = "") -> Move:
    """Make the champion before this one champion again.

    Args:
        settings: Of the command.
        expected: The model that must be champion now; any if empty.

    Raises:
        RegistryError: There is none, another model is champion, or the registry is down.
    """
    return registry_of(settings).rollback(expected)


def compare_models(settings: CommandSettings, left: str, right: str) -> "Difference":
    """Compare two models; bundles that this machine lacks are downloaded.

    Args:
        settings: Where registry and bundles are.
        left: The reference: a number, an alias or a bundle's name.
        right: The other.

    Raises:
        RegistryError: One is not there or damaged, or the registry is down.
    """
    # Imported here: the engine's libraries are for this alone.
    from quintet_command.models.differences import difference

    registry = registry_of(settings)
    pair = [registry.facts(found(registry, name).version) for name in (left, right)]
    return difference(registry, pair[0], pair[1], lambda one: pulled(settings, registry, one))


def pulled(settings: CommandSettings, registry: Registry, record: ModelRecord) -> Path:
    """Find a model's bundle on this machine, or download it first.

    Raises:
        RegistryError: It is damaged, the registry is down, or it takes longer than
            `mlflow_download_seconds`.
        OSError: The disk is full.
    """
    home, limit = settings.home, settings.mlflow_download_seconds
    done: SimpleQueue[Path | BaseException] = SimpleQueue()

    def fetch() -> None:
        try:
            done.put(registry.pull(record, home / MODELS, [home / "catalogue"]))
        except BaseException as fault:
            done.put(fault)

    # A timeout of each request does not bound their sum. The command does not wait for this thread
    # at its end; an incomplete download is no bundle, and the next one removes it.
    threading.Thread(target=fetch, name="fetch", daemon=True).start()
    try:
        found = done.get(timeout=limit)
    except Empty:
        raise RegistryUnavailable(
            f"fetching {record.bundle} took longer than QUINTET_MLFLOW_DOWNLOAD_SECONDS={limit:g}"
        ) from None
    if isinstance(found, BaseException):
        raise found
    return found


def read_metrics(path: Path | None) -> dict[str, float]:
    """Read a JSON file of metrics, name to number; none without a file.

    Raises:
        RegistryInvalid: It is something else.
        OSError: It cannot be read.
    """
    if path is None:
        return {}
    try:
        return {
            str(name): float(value)
            for name, value in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (ValueError, TypeError, AttributeError) as fault:
        raise RegistryInvalid(f"{path} is not a JSON object of numbers") from fault


def write_card(settings: CommandSettings, path: Path, name: str = CHAMPION) -> ModelRecord:
    """Write a model's card as Markdown; return the model that it describes.

    Raises:
        RegistryError: There is no such model, or the registry is down.
        OSError: The file cannot be written.
    """
    registry = registry_of(settings)
    record = registry.facts(found(registry, name).version)
    _write_card(registry, record, path)
    return record


def found(registry: Registry, name: str) -> ModelRecord:
    """Find the model of a number, an alias or a bundle's name.

    Raises:
        RegistryInvalid: There is none.
    """
    records = registry.versions()
    for record in records:
        if name in (record.version, record.bundle, *record.aliases):
            return record
    # Five fit into one line of a terminal.
    known = ", ".join(f"{r.version} ({r.bundle})" for r in records[:5]) or "none"
    raise RegistryInvalid(f"no registered model is called {name!r}; registered: {known}")


__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "ModelRecord",
    "Move",
    "PublicationInvalid",
    "RegistryError",
    "RegistryInvalid",
    "RegistryUnavailable",
    "compare_models",
    "found",
    "promote",
    "pulled",
    "read_metrics",
    "register_model",
    "registered",
    "registry_of",
    "rollback",
    "write_card",
]
