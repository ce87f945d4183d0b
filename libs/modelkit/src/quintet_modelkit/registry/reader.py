"""Reads the registry: aliases, versions, artefacts, bundles."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quintet_text import bounded_json

from quintet_modelkit.publication import BOUNDS
from quintet_modelkit.registry import bundle_files, download
from quintet_modelkit.registry.errors import RegistryInvalid, translated
from quintet_modelkit.registry.records import ModelRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME: Final = "quintet-ranker"
LISTING: Final = "bundle-files.json"
FEATURES: Final = "features.json"
_PAGE: Final = 100
# An upper bound for one listing: ten requests.
_MAX_VERSIONS: Final = 1000


class Reader:
    """Reads one registered model; one thread at a time.

    Each request has a timeout and few retries, and every failure is a `RegistryError`.

    Args:
        uri: Address of the MLflow server, `http://` or `https://`. User and password come from
            MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
        name: Of the registered model, and of the experiment with its runs.
        timeout: Whole seconds to connect, and between two pieces of an answer.
        retries: Further attempts of one request, each later than the one before.
    """

    def __init__(self, uri: str, name: str = NAME, timeout: int = 20, retries: int = 2) -> None:
        self.uri = uri.rstrip("/")
        self.name = name
        self._limits = {
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries),
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # Files go through the server; its S3 is for it alone to reach.
            "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
            "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
            # MLflow prints addresses to standard output, which is a command's result or a log.
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }
        self._made: MlflowClient | None = None

    @property
    def _client(self) -> "MlflowClient":
        if self._made is None:
            # MLflow reads these from the environment only; an operator's values stay.
            for name, value in self._limits.items():
                os.environ.setdefault(name, value)
            from mlflow import MlflowClient

            self._made = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        return self._made

    def aliases(self) -> dict[str, str]:
        """Map each alias to its version; empty before the first model is registered."""
        with translated(self.uri):
            model = self._model()
            return {} if model is None else {k: str(v) for k, v in model.aliases.items()}

    def named(self, alias: str) -> ModelRecord | None:
        """Find the version with an alias, without metrics: one or two small requests."""
        version = self.aliases().get(alias)
        return None if version is None else self.version(version)

    def version(self, version: str) -> ModelRecord:
        """Read a version without metrics and parameters.

        Raises:
            RegistryInvalid: There is no such version, or it has no bundle.
        """
        with translated(self.uri):
            return _record(self._client.get_model_version(self.name, version))

    def facts(self, version: str) -> ModelRecord:
        """Read a version with its metrics and parameters."""
        record = self.version(version)
        with translated(self.uri):
            data = self._client.get_run(record.run_id).data
        return replace(record, metrics=dict(data.metrics), parameters=dict(data.params))

    def versions(self) -> list[ModelRecord]:
        """List all versions with metrics and parameters, the newest first."""
        with translated(self.uri):
            records = self._records()
            runs = self._runs()
        return [
            replace(record, metrics=runs[record.run_id][0], parameters=runs[record.run_id][1])
            if record.run_id in runs
            else record
            for record in records
        ]

    def read(self, record: ModelRecord, artefact: str) -> str:
        """Read the text of an artefact, such as `data.json`.

        Raises:
            RegistryInvalid: There is no such artefact.
        """
        with translated(self.uri):
            run = self._client.get_run(record.run_id)
            return download.read_text(run.info.artifact_uri, artefact, self.uri)

    def features(self, record: ModelRecord) -> tuple[str, ...]:
        """Read a model's feature names, in order.

        Raises:
            RegistryInvalid: They are missing or unreadable.
        """
        try:
            return tuple(bounded_json.loads(self.read(record, FEATURES), BOUNDS)["names"])
        except (ValueError, KeyError, TypeError) as fault:
            raise RegistryInvalid(f"version {record.version}: unreadable {FEATURES}") from fault

    def pull(self, version: str | ModelRecord, root: Path, reuse: Sequence[Path] = ()) -> Path:
        """Download a version's bundle into a folder of versions, whole or not at all.

        Every file is checked against the checksum it was registered with. Files that a bundle in
        `root`, or a version in one of `reuse`, has already are linked instead of downloaded. It
        never changes which version is in use.

        Raises:
            RegistryInvalid: A file is missing or altered.
            RegistryUnavailable: The registry is unreachable, or an answer was cut short.
            OSError: The disk is full or not writable.
        """
        record = self.version(version) if isinstance(version, str) else version
        self._client  # noqa: B018 - sets the limits that the transfer reads
        with translated(self.uri):
            folder = root / record.bundle
            if not bundle_files.is_whole(folder, record.digest):
                run = self._client.get_run(record.run_id)
                origin = download.Origin(run.info.artifact_uri, record.source, self.uri, LISTING)
                folder = download.bring(record, origin, root, [root, *reuse])
                bundle_files.mark_pulled(root, record.bundle)
        bundle_files.touch_pulled(root, record.bundle)
        return folder

    def _all(self) -> list[ModelRecord]:
        with translated(self.uri):
            return self._records()

    def _model(self) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_registered_model(self.name)
        except MlflowException as fault:
            if fault.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _records(self) -> list[ModelRecord]:
        found: list[ModelRecord] = []
        aliases: dict[str, list[str]] = {}
        model = self._model()
        for alias, version in ({} if model is None else model.aliases).items():
            aliases.setdefault(str(version), []).append(alias)
        token = None
        while len(found) < _MAX_VERSIONS:
            page = self._client.search_model_versions(
                f"name='{self.name}'",
                max_results=_PAGE,
                order_by=["version_number DESC"],
                page_token=token,
            )
            for item in page:
                # A version that was registered by hand has no digest and no bundle.
                if "digest" in item.tags:
                    given = tuple(sorted(aliases.get(str(item.version), ())))
                    found.append(replace(_record(item), aliases=given))
            token = page.token
            if not token:
                break
        return found

    def _runs(self) -> dict[str, tuple[dict[str, float], dict[str, str]]]:
        experiment = self._client.get_experiment_by_name(self.name)
        if experiment is None:
            return {}
        found: dict[str, tuple[dict[str, float], dict[str, str]]] = {}
        token = None
        while len(found) < _MAX_VERSIONS:
            page = self._client.search_runs(
                [experiment.experiment_id], max_results=_PAGE, page_token=token
            )
            for run in page:
                found[run.info.run_id] = (dict(run.data.metrics), dict(run.data.params))
            token = page.token
            if not token:
                break
        return found


def _record(item: Any) -> ModelRecord:
    tags = dict(item.tags)
    try:
        promoted = tags.get("promote_time")
        return ModelRecord(
            version=str(item.version),
            bundle=tags["bundle"],
            digest=tags["digest"],
            kind=tags["kind"],
            catalogue=tags["catalogue"],
            feature_hash=tags["feature_hash"],
            create_time=datetime.fromtimestamp(item.creation_timestamp / 1000, UTC),
            promote_time=None if promoted is None else datetime.fromisoformat(promoted),
            aliases=tuple(sorted(item.aliases or ())),
            run_id=str(item.run_id),
            source=str(item.source),
            tags=tags,
        )
    except (KeyError, ValueError) as fault:
        raise RegistryInvalid(
            f"version {item.version} has no Quintet bundle: `quintet` did not register it"
        ) from fault
