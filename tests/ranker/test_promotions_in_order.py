"""Rankers that share a folder apply promotions in their order, however long one of them takes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quintet_modelkit.publication import current_version, set_current
from quintet_modelkit.registry import ModelRecord
from quintet_ranker.adapters import ModelFollower
from quintet_ranker.settings import RankerSettings

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Champions:
    """A registry whose champion a test sets, and that does something during a download."""

    def __init__(self) -> None:
        self.champion = ""
        self.promoted = 0
        self.meanwhile: Callable[[], Any] = lambda: None

    def promote(self, bundle: str) -> None:
        self.champion, self.promoted = bundle, self.promoted + 1

    def named(self, _alias: str) -> ModelRecord:
        # Times of promotions may be equal, or run back: clocks of operators differ.
        moment = NOW.replace(second=59 - self.promoted)
        facts: dict[str, Any] = dict.fromkeys(("kind", "catalogue", "feature_hash", "run_id"), "")
        return ModelRecord(
            *(str(self.promoted), self.champion, "digest"),
            **{**facts, "create_time": NOW, "promote_time": moment, "aliases": (), "source": ""},
        )

    def pull(self, record: ModelRecord, root: Path, _reuse: object) -> Path:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return root / record.bundle


def load(folder: Path) -> Any:
    facts = SimpleNamespace(
        model_version=folder.name, catalogue_version="c", kind="bootstrap", create_time=NOW
    )
    return SimpleNamespace(facts=facts)


@pytest.fixture
def models(tmp_path):
    for name in ("m1", "m2", "m3"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "manifest.json").write_text("{}", encoding="utf-8")
    set_current(tmp_path / "models", "m1")
    return tmp_path / "models"


async def test_a_slow_ranker_does_not_bring_an_earlier_promotion_back(models):
    registry, settings = Champions(), RankerSettings(home=models.parent)
    slow, fast = (ModelFollower(models, settings, registry, load) for _ in range(2))  # type: ignore[arg-type]
    for each in (slow, fast):
        await each.prepare()

    def overtake() -> None:
        """The fast ranker applies a later promotion while the slow one downloads."""
        registry.promote("m3")
        fast._bring(registry, registry.named(""))  # type: ignore[arg-type]
        assert current_version(models) == "m3"

    registry.promote("m2")
    registry.meanwhile = overtake
    await slow.poll()
    assert current_version(models) == "m3"
    assert slow.value.facts.model_version == "m1"
    await slow.poll()
    assert current_version(models) == "m3"
    registry.promote("m2")
    await slow.poll()
    assert (current_version(models), slow.value.facts.model_version) == ("m2", "m2")
