"""The gate: decides by evaluation and speed whether a model may be promoted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quintet_modelkit.publication import is_version, read_manifest
from quintet_training.gate.checks import Champion as Champion
from quintet_training.gate.checks import Check, ReportInvalid, Thresholds, check_report
from quintet_training.gate.latency import check_latency

from quintet_command import models
from quintet_command.models import MODELS, ModelRecord, RegistryError
from quintet_command.settings import CommandSettings

REPORT: Final = "report.json"
"""The artefact that an evaluation is registered as."""
NOBODY: Final = "none"
"""Stands for no champion: the candidate is compared with baselines alone."""


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        model: The candidate's number in the registry; its bundle's name if it has none.
        bundle: Its bundle.
        against: The champion's number; empty without a champion.
        checks: The results, in the order of the checks.
    """

    model: str
    bundle: str
    against: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the model may be promoted: no check stops it."""
        return not any(check.stops for check in self.checks)


def judge(
    settings: CommandSettings,
    candidate: str,
    report: Path | None = None,
    against: str = models.CHAMPION,
) -> Verdict:
    """Decide whether a model may be promoted; change nothing.

    Args:
        settings: Where registry and bundles are, and the thresholds.
        candidate: A bundle of this machine, or a registered model's number, alias or bundle.
        report: Its evaluation, as `quintet evaluate --json` writes it; if None, the one that it
            was registered with.
        against: The model to compare with, by number, alias or bundle; `none` for nobody.

    Raises:
        RegistryError: A model or report is not there, or the registry is down.
        ReportInvalid: A report is not one, or not of this candidate.
        PublicationInvalid: A bundle is missing or damaged.
        OSError: The report cannot be read.
    """
    record, folder = _candidate(settings, candidate, report is not None)
    manifest = read_manifest(folder, verify=False)
    content = _report_of(settings, record, report, candidate)
    _check_same_data(content, manifest)
    rival = _champion(settings, against)
    thresholds = Thresholds(
        tolerance=settings.gate_tolerance,
        coverage=settings.gate_coverage,
        calibration=settings.gate_calibration,
        cold=settings.gate_cold,
    )
    checks = [
        *check_report(content, rival, thresholds),
        check_latency(folder, settings.gate_latency_ms),
    ]
    number = folder.name if record is None else record.version
    return Verdict(number, folder.name, "" if rival is None else rival.version, tuple(checks))


def _candidate(
    settings: CommandSettings, name: str, has_report: bool
) -> tuple[ModelRecord | None, Path]:
    """Find a candidate: its record, None if the registry was not needed, and its bundle."""
    # With a report a bundle of this machine can be judged while the registry is down.
    bundles = settings.home / MODELS
    if has_report and is_version(name) and (bundles / name).is_dir():
        return None, bundles / name
    registry = models.registry_of(settings)
    record = models.found(registry, name)
    return record, models.pulled(settings, registry, record)


def _report_of(
    settings: CommandSettings, record: ModelRecord | None, path: Path | None, name: str
) -> Mapping[str, Any]:
    if path is not None:
        return _parsed(path.read_text(encoding="utf-8"), str(path))
    if record is None:
        raise ReportInvalid(f"{name} has no evaluation; name it with --report")
    text = models.registry_of(settings).read(record, REPORT)
    return _parsed(text, f"the report of model {record.version}")


def _champion(settings: CommandSettings, name: str) -> Champion | None:
    """Find the model to compare with; None without a champion, or if none is wanted."""
    if name == NOBODY:
        return None
    registry = models.registry_of(settings)
    # The first model of an installation has no champion to beat.
    if name == models.CHAMPION and models.CHAMPION not in registry.aliases():
        return None
    record = models.found(registry, name)
    try:
        report: Mapping[str, Any] | None = _parsed(
            registry.read(record, REPORT), f"the report of model {record.version}"
        )
    except models.RegistryUnavailable:
        raise  # not the same as a missing report, which the checks handle
    except RegistryError:  # registered without a report
        report = None
    return Champion(record.version, record.kind, report)


def _parsed(text: str, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as fault:
        raise ReportInvalid(f"{name} is not JSON") from fault
    if not isinstance(content, dict) or not {"options", "by_seeds", "primary"} <= content.keys():
        raise ReportInvalid(f"{name} is not what `quintet evaluate --json` writes")
    return content


def _check_same_data(report: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Reject a report that was made with other tracks or playlists than the candidate.

    Raises:
        ReportInvalid: It was.
    """
    # A report of other data would pass a model that was never evaluated.
    counts = dict(report.get("counts", {}))
    learned = dict(manifest.get("data", {}))
    pairs = {
        "tracks": (counts.get("tracks"), manifest["track_count"]),
        "playlists": (counts.get("playlists"), learned.get("playlists")),
    }
    for name, (evaluated, trained) in pairs.items():
        if evaluated != trained:
            raise ReportInvalid(
                f"the report is of {evaluated} {name}, the model was made with {trained or 'none'}"
            )


__all__ = ["REPORT", "Check", "ReportInvalid", "Verdict", "judge"]
