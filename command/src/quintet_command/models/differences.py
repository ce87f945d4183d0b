"""How two registered models differ: metrics, features, importances, and what they recommend."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quintet_engine.engine import Engine
from quintet_modelkit.publication import PublicationInvalid
from quintet_modelkit.registry import ModelComparison, ModelRecord, Registry, compare
from quintet_training.agreement import Agreement, agreement_of, gain_shares


@dataclass(frozen=True)
class Difference:
    """How two models differ.

    Attributes:
        left: The reference.
        right: The other.
        facts: Metrics, parameters and features.
        importances: Feature → share of the booster's whole gain, (left, right), largest first.
        agreement: How alike their lists are; None if they cannot be compared.
        why_not: The reason in that case.
    """

    left: ModelRecord
    right: ModelRecord
    facts: ModelComparison
    importances: dict[str, tuple[float, float]]
    agreement: Agreement | None
    why_not: str = ""


def difference(
    registry: Registry,
    left: ModelRecord,
    right: ModelRecord,
    bring: Callable[[ModelRecord], Path],
) -> Difference:
    """Compare two models.

    Args:
        registry: Where both are registered.
        left: With metrics and parameters, as `Registry.facts` gives it.
        right: Likewise.
        bring: Returns a model's bundle on this machine.

    Raises:
        RegistryError: The registry is down or a bundle is damaged.
    """
    facts = compare(left, right, registry.features(left), registry.features(right))
    # One after the other, so that the second can link files of the first.
    folders = [bring(record) for record in (left, right)]
    gains = [gain_shares(folder) for folder in folders]
    names = sorted({*gains[0], *gains[1]}, key=lambda n: -max(g.get(n, 0.0) for g in gains))
    importances = {name: (gains[0].get(name, 0.0), gains[1].get(name, 0.0)) for name in names}
    try:
        engines = [Engine.load(folder, verify=False) for folder in folders]
        agreement = agreement_of(engines[0], engines[1])
    except PublicationInvalid as fault:
        return Difference(left, right, facts, importances, None, str(fault))
    if agreement is None:
        why = "their catalogues have too few tracks in common"
        return Difference(left, right, facts, importances, None, why)
    return Difference(left, right, facts, importances, agreement)
