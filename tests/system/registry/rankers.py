"""Settings of a ranker under test that follows a registry closely."""

from pathlib import Path
from typing import Any

from quintet_modelkit.registry import Registry
from quintet_ranker.settings import RankerSettings


def following_settings(
    home: Path, registry: Registry, uri: str = "", **more: Any
) -> RankerSettings:
    return RankerSettings(
        home=home,
        port=0,
        follow_seconds=0.05,
        registry_uri=uri or registry.uri,
        registry_name=registry.name,
        registry_seconds=0.1,
        **more,
    )
