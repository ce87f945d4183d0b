"""What the registry stores about a model, and how two models differ; plain data."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
DATA: Final = "data.json"
"""The artefact that lists the training data: origins, licences, counts, checksums."""
# MLflow allows these characters in the names of metrics.
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_./ -]")


@dataclass(frozen=True)
class ModelRecord:
    """One registered version of the model.

    Attributes:
        version: Its number in the registry, "1", "2" …
        bundle: The bundle's name, such as `trained-1f3a…`; the version that rankers report.
        digest: SHA-256 over the names and checksums of all files of the bundle.
        kind: "bootstrap" or "trained".
        catalogue: The catalogue version it was made for.
        feature_hash: SHA-256 over the feature names.
        create_time: When it was registered.
        promote_time: When it last became champion; None if it never did.
        aliases: Such as `champion`.
        metrics: By the names of `metric_name`.
        parameters: Training parameters.
        tags: All tags of the version.
        run_id: The MLflow run with its files.
        source: Address of the bundle's files.
    """

    version: str
    bundle: str
    digest: str
    kind: str
    catalogue: str
    feature_hash: str
    create_time: datetime
    promote_time: datetime | None
    aliases: tuple[str, ...]
    run_id: str
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Identify this promotion; a version that becomes champion again gets another token."""
        moment = "" if self.promote_time is None else self.promote_time.isoformat()
        return f"{self.version} {self.digest} {moment}".strip()


@dataclass(frozen=True)
class Move:
    """A change of champion.

    Attributes:
        before: The version that was champion; None for the first.
        after: The version that is champion now.
    """

    before: str | None
    after: ModelRecord


@dataclass(frozen=True)
class ModelComparison:
    """How two models differ.

    Attributes:
        metrics: Each metric of either, by name, as (left, right); None if one lacks it.
        parameters: Parameters that differ, as (left, right); None if one lacks it.
        features_added: Features that only the right model has, in its order.
        features_removed: Features that only the left model has, in its order.
    """

    metrics: Mapping[str, tuple[float | None, float | None]]
    parameters: Mapping[str, tuple[str | None, str | None]]
    features_added: tuple[str, ...]
    features_removed: tuple[str, ...]


def compare(
    left: ModelRecord,
    right: ModelRecord,
    left_features: Sequence[str],
    right_features: Sequence[str],
) -> ModelComparison:
    """Compare the metrics, parameters and features of two models."""
    parameters = {
        name: (left.parameters.get(name), right.parameters.get(name))
        for name in sorted({*left.parameters, *right.parameters})
    }
    return ModelComparison(
        {
            name: (left.metrics.get(name), right.metrics.get(name))
            for name in sorted({*left.metrics, *right.metrics})
        },
        {name: pair for name, pair in parameters.items() if pair[0] != pair[1]},
        tuple(name for name in right_features if name not in set(left_features)),
        tuple(name for name in left_features if name not in set(right_features)),
    )


def metric_name(name: str) -> str:
    """Convert a metric's name to one that MLflow accepts: `ndcg@10` becomes `ndcg_at_10`."""
    return _NOT_IN_NAMES.sub("_", name.replace("@", "_at_"))


def loggable(metrics: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Rename metrics for MLflow, and separate those that are not finite, which it rejects.

    Returns:
        The finite metrics by their MLflow names, and the names of the others.

    Raises:
        ValueError: Two metrics get the same name.
    """
    named: dict[str, float] = {}
    undefined: list[str] = []
    for name, value in metrics.items():
        key = metric_name(name)
        if key in named or key in undefined:
            raise ValueError(f"two metrics would have the same name in MLflow: {key}")
        if math.isfinite(value):
            named[key] = float(value)
        else:
            undefined.append(key)
    return named, undefined


def flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested parameters to one level, `outer.inner`, each as text."""
    level: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            level |= flat(value, f"{prefix}{name}.")
        else:
            level[f"{prefix}{name}"] = str(value)
    return level
