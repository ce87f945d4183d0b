"""However champions and challengers come and go, no more than two engines are in memory."""

import asyncio
import contextlib
import gc
import itertools
import weakref
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from quintet_modelkit.publication import set_current
from quintet_ranker.adapters import ModelFollower
from quintet_ranker.adapters.challenger import ChallengerFollower
from quintet_ranker.settings import RankerSettings

WAIT = 90.0


class Engine:
    """Stands for what costs gigabytes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.facts = SimpleNamespace(
            model_version=name,
            catalogue_version="cat-1",
            kind="bootstrap",
            create_time=datetime.now(UTC),
        )


@pytest.fixture
def models(tmp_path):
    root = tmp_path / "models"
    for name in ("m1", "m2", "m3", "m4", "broken"):
        (root / name).mkdir(parents=True)
        (root / name / "manifest.json").write_text("{}", encoding="utf-8")
    set_current(root, "m1")
    return root


async def test_never_more_than_two_engines_live(models):
    alive: weakref.WeakSet[Engine] = weakref.WeakSet()
    most = 0

    def load(folder) -> Any:
        nonlocal most
        if folder.name == "broken":
            raise ValueError("not fit")
        gc.collect()
        engine = Engine(folder.name)
        alive.add(engine)
        most = max(most, len(alive))
        return engine

    settings = RankerSettings(home=models.parent, follow_seconds=0.01, registry_seconds=0.05)
    follower = ModelFollower(models, settings, None, load)
    await follower.prepare()
    task = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(WAIT):
            for champion, challenger in (
                ("m1", "m2"), ("m1", "m3"), ("m4", "m3"), ("m4", "m2"), ("m2", "m2"), ("m2", "m1"),
            ):  # fmt: skip
                set_current(models, champion)
                while follower.value.facts.model_version != champion:
                    await asyncio.sleep(0.01)
                while champion != challenger and follower.hold_challenger(challenger) is None:
                    await asyncio.sleep(0.01)
                held = follower.challenger_version
                assert held == ("" if champion == challenger else challenger)
            assert follower.hold_challenger("broken") is None
            while not follower.challenger_refused_reason:
                await asyncio.sleep(0.01)
        assert "not fit" in follower.challenger_refused_reason
        assert follower.value.facts.model_version == "m2"
        assert most == 2
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_challenger_promoted_just_before_it_is_loaded_is_not_loaded_beside_itself(models):
    loaded: list[str] = []

    def load(folder) -> Any:
        loaded.append(folder.name)
        return Engine(folder.name)

    settings = RankerSettings(home=models.parent, follow_seconds=0.01, registry_seconds=0.05)
    follower = ChallengerFollower(models, settings, None, load)
    follower.hold("m2")
    served = itertools.chain(["m1"], itertools.repeat("m2"))
    task = asyncio.create_task(follower.run(lambda: next(served)))
    try:
        async with asyncio.timeout(WAIT):
            while not follower.refused_reason:
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert follower.refused_reason == "m2 is the champion"
    assert loaded == []
