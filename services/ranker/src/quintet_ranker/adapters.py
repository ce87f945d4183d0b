"""The domain's ports filled with real things: the engine, bundles on disk, threads."""

from datetime import datetime
from pathlib import Path
from typing import TypeVar

from quintet_engine.engine import Engine
from quintet_engine.query import Query, Ranking
from quintet_modelkit.publication import PublicationInvalid, current_version, read_manifest
from quintet_servicekit.follower import Follower

from quintet_ranker.domain import Model, ModelFacts

T = TypeVar("T")


class EngineModel:
    """A bundle's engine and the facts of its manifest."""

    def __init__(self, engine: Engine, facts: ModelFacts) -> None:
        self._engine = engine
        self.facts = facts

    @classmethod
    def load(cls, folder: Path) -> "EngineModel":
        """Loads and proves a bundle; see `Engine.load` for what it raises."""
        engine = Engine.load(folder)
        manifest = read_manifest(folder, verify=False)
        try:
            facts = ModelFacts(
                engine.versions.model,
                engine.versions.index,
                engine.versions.catalogue,
                str(manifest["kind"]),
                tuple(manifest["feature_names"]),
                str(manifest["feature_hash"]),
                int(manifest["track_count"]),
                datetime.fromisoformat(manifest["create_time"]),
                tuple(manifest["channels"]),
                {name: float(value) for name, value in manifest.get("metrics", {}).items()},
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise PublicationInvalid(f"{folder.name}: manifest is not readable") from fault
        return cls(engine, facts)

    def recommend(self, query: Query) -> Ranking:
        """Answers a query; blocks for milliseconds."""
        return self._engine.recommend(query)


def follow_models(root: Path, interval: float) -> Follower[Model]:
    """Returns a follower of the models published under a root."""
    return Follower[Model](
        "model",
        lambda: current_version(root),
        lambda version: EngineModel.load(root / version),
        interval,
    )
