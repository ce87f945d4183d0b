"""Writes the registry: registers bundles, promotes the champion and rolls it back."""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from quintet_modelkit.bundle import CATALOGUE
from quintet_modelkit.publication import PublicationInvalid, read_manifest
from quintet_modelkit.registry import bundle_files, download
from quintet_modelkit.registry.errors import RegistryInvalid, translated
from quintet_modelkit.registry.reader import FEATURES, LISTING, Reader
from quintet_modelkit.registry.records import (
    CHALLENGER,
    CHAMPION,
    DATA,
    ModelRecord,
    Move,
    flat,
    loggable,
)

BUNDLE: Final = "bundle"
_HISTORY: Final = "champion_history"
_HISTORY_LENGTH: Final = 200
# MLflow's limits: the length of a parameter's value, and the entries of one request.
_MAX_PARAMETER: Final = 5000
_BATCH: Final = 100


class Registry(Reader):
    """Reads and writes one registered model; one thread at a time. See `Reader`."""

    def register(
        self,
        bundle_folder: Path,
        metrics: Mapping[str, float],
        parameters: Mapping[str, Any],
        tags: Mapping[str, str],
        artefacts: Mapping[str, Path],
        run_name: str,
    ) -> str:
        """Upload a bundle with its metrics, parameters and artefacts, and return its version.

        The version appears once all is uploaded. A bundle that is registered already keeps its
        version; metrics and artefacts are added to it.

        Args:
            bundle_folder: A published bundle.
            metrics: By name; `@` becomes `_at_`. Those that are not finite are named in a tag
                instead.
            parameters: Nested or flat.
            tags: Further tags of the version.
            artefacts: Files or folders by the name they get, such as `report.html`.
            run_name: Of the MLflow run.

        Raises:
            PublicationInvalid: The bundle is damaged.
            RegistryInvalid: The server rejects a name or a value.
            RegistryUnavailable: It is unreachable; nothing is registered.
        """
        manifest = read_manifest(bundle_folder)
        listing = bundle_files.text_of(bundle_files.listing_of(bundle_folder))
        digest = bundle_files.digest_of(listing)
        numbers, undefined = _checked(metrics)
        facts = {
            "bundle": str(manifest["model_version"]),
            "digest": digest,
            "kind": str(manifest["kind"]),
            "catalogue": str(manifest["catalogue_version"]),
            "feature_hash": str(manifest["feature_hash"]),
            **({"undefined_metrics": ",".join(undefined)} if undefined else {}),
            **tags,
        }
        with translated(self.uri), tempfile.TemporaryDirectory(prefix="quintet-") as scratch:
            known = next((r for r in self._records() if r.digest == digest), None)
            run = self._new_run(run_name, facts) if known is None else known.run_id
            try:
                files = _described(Path(scratch), bundle_folder, manifest, listing, artefacts)
                self._log(run, numbers, flat(parameters), files, known)
                if known is None:
                    self._upload(bundle_folder, run, f"{BUNDLE}/")
            except BaseException:
                # The registry may be unreachable: the error that led here is the one to report.
                with contextlib.suppress(Exception):
                    self._client.set_terminated(run, "FAILED" if known is None else "FINISHED")
                raise
            if known is not None:
                return self._retag(known, tags)
            self._client.set_terminated(run)
            return self._new_version(run, facts)

    def set_alias(self, alias: str, version: str) -> None:
        """Point an alias at a version; for the champion use `promote`, which keeps the history."""
        with translated(self.uri):
            self._client.set_registered_model_alias(self.name, alias, version)

    def remove_alias(self, alias: str) -> None:
        """Remove an alias; without effect if there is none."""
        with translated(self.uri):
            self._client.delete_registered_model_alias(self.name, alias)

    def promote(self, version: str) -> Move:
        """Make a version champion; rankers that follow the registry load it.

        A challenger that becomes champion is no challenger any more.

        Raises:
            RegistryInvalid: There is no such version, or it has no bundle.
        """
        record = self.version(version)
        aliases = self.aliases()
        before = aliases.get(CHAMPION)
        history = [v for v in self._history() if v != before] + ([before] if before else [])
        if aliases.get(CHALLENGER) == version:
            self.remove_alias(CHALLENGER)
        # Tags first: a ranker that sees the new alias reads the time of its promotion as well.
        tags = {"promote_time": datetime.now(UTC).isoformat(), "previous_champion": before or ""}
        with translated(self.uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(self.name, version, key, value)
        self.set_alias(CHAMPION, version)
        self._write_history([v for v in history if v != version] + [version])
        return Move(before, self.version(record.version))

    def previous_champion(self) -> str:
        """Find the version that `rollback` would make champion; empty if there is none."""
        return (self._champions_before(self.aliases().get(CHAMPION)) or [""])[-1]

    def rollback(self, expected: str = "") -> Move:
        """Make the previous champion champion again.

        Args:
            expected: The version that must be champion now, so that a request that is repeated
                goes back once; any if empty.

        Raises:
            RegistryInvalid: There is none, or another version is champion.
        """
        now = self.aliases().get(CHAMPION)
        if expected and now != expected:
            raise RegistryInvalid(
                f"the champion is model {now}, not model {expected}; nothing was rolled back"
            )
        before = self._champions_before(now)
        if now is None or not before:
            raise RegistryInvalid("there is no previous champion to roll back to")
        moment = datetime.now(UTC).isoformat()
        with translated(self.uri):
            self._client.set_model_version_tag(self.name, now, "rollback_time", moment)
            self._client.set_model_version_tag(self.name, before[-1], "promote_time", moment)
        self.set_alias(CHAMPION, before[-1])
        self._write_history(before)
        return Move(now, self.version(before[-1]))

    def forget(self, keep: int, *, dry_run: bool = False) -> list[ModelRecord]:
        """Remove old versions with their files.

        The newest ones stay, each that has an alias, and the previous champion, which `rollback`
        needs.

        Args:
            keep: How many of those without an alias stay.
            dry_run: Whether only to list what would be removed.

        Returns:
            The versions removed, the oldest first.

        Raises:
            RegistryUnavailable: The registry is unreachable.
        """
        champion = self.aliases().get(CHAMPION)
        before = [version for version in self._history() if version != champion][-1:]
        free = [r for r in self._all() if not r.aliases and r.version not in before]
        old = free[keep:][::-1]
        for record in () if dry_run else old:
            with translated(self.uri):
                run = self._client.get_run(record.run_id)
                # The version first: if a removal stops half-way, nothing serves its remains.
                self._client.delete_model_version(self.name, record.version)
                download.remove(run.info.artifact_uri, self.uri)
                self._client.delete_run(record.run_id)
        return old

    def _new_run(self, run_name: str, tags: Mapping[str, str]) -> str:
        experiment = self._client.get_experiment_by_name(self.name)
        if experiment is not None:
            number = experiment.experiment_id
        else:
            number = self._client.create_experiment(self.name)
        run = self._client.create_run(number, tags=dict(tags), run_name=run_name)
        return str(run.info.run_id)

    def _log(
        self,
        run: str,
        metrics: Mapping[str, float],
        parameters: Mapping[str, str],
        files: Path,
        known: ModelRecord | None,
    ) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        numbers = [Metric(name, value, now, 0) for name, value in metrics.items()]
        # MLflow's parameters are immutable; a known run has them already.
        texts = [Param(k, v[:_MAX_PARAMETER]) for k, v in parameters.items() if known is None]
        for start in range(0, max(len(numbers), len(texts)), _BATCH):
            end = start + _BATCH
            self._client.log_batch(run, metrics=numbers[start:end], params=texts[start:end])
        self._upload(files, run, "")

    def _upload(self, folder: Path, run: str, prefix: str) -> None:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            where = f"{prefix}{path.parent.relative_to(folder).as_posix()}".rstrip("/.")
            self._client.log_artifact(run, str(path), where or None)

    def _new_version(self, run: str, tags: Mapping[str, str]) -> str:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.name)
        except MlflowException as fault:
            if fault.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(run).info.artifact_uri}/{BUNDLE}"
        made = self._client.create_model_version(
            self.name, source, run_id=run, tags=dict(tags), await_creation_for=0
        )
        return str(made.version)

    def _retag(self, known: ModelRecord, tags: Mapping[str, str]) -> str:
        for key, value in tags.items():
            self._client.set_model_version_tag(self.name, known.version, key, value)
        return known.version

    def _champions_before(self, now: str | None) -> list[str]:
        """List former champions that are still registered, in the order of their promotion."""
        kept = {record.version for record in self._all()}
        return [version for version in self._history() if version != now and version in kept]

    def _history(self) -> list[str]:
        """List the champions, each once, in the order of their last promotion."""
        with translated(self.uri):
            model = self._model()
        text = "" if model is None else str(model.tags.get(_HISTORY, ""))
        return [version for version in text.split(",") if version]

    def _write_history(self, versions: Sequence[str]) -> None:
        text = ",".join(versions[-_HISTORY_LENGTH:])
        with translated(self.uri):
            self._client.set_registered_model_tag(self.name, _HISTORY, text)


def _checked(metrics: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    try:
        return loggable(metrics)
    except ValueError as fault:
        raise RegistryInvalid(str(fault)) from fault


def _described(
    folder: Path,
    bundle: Path,
    manifest: Mapping[str, Any],
    listing: str,
    artefacts: Mapping[str, Path],
) -> Path:
    """Gather the artefacts logged beside the bundle: listing, features, data and the caller's."""
    features = {"names": manifest["feature_names"], "hash": manifest["feature_hash"]}
    (folder / LISTING).write_text(listing, encoding="utf-8")
    (folder / FEATURES).write_text(json.dumps(features, indent=2), encoding="utf-8")
    data = _data_of(bundle, manifest)
    (folder / DATA).write_text(json.dumps(data, indent=2), encoding="utf-8")
    for name, path in artefacts.items():
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise RegistryInvalid(f"{name!r} is not a name for an artefact")
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)
    return folder


def _data_of(bundle: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Collect a model's training data for its record: origins, licences, counts and checksums."""
    data: dict[str, Any] = {"training": manifest["data"]} if "data" in manifest else {}
    try:
        catalogue = read_manifest(bundle / CATALOGUE, verify=False)
    except PublicationInvalid:
        return data
    names = ("catalogue_version", "track_count", "sources", "files")
    return {"catalogue": {name: catalogue[name] for name in names if name in catalogue}, **data}
