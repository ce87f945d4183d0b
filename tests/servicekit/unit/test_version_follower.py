import asyncio
import os
import sys
import threading

import pytest
from quintet_servicekit.errors import NotReady
from quintet_servicekit.follower import Follower

from tests.needs import LINUX, needs


class Registry:
    def __init__(self, version: str | None) -> None:
        self.version = version
        self.broken: set[str] = set()
        self.away = False

    def current(self) -> str | None:
        if self.away:
            raise OSError("registry away")
        return self.version

    def load(self, version: str) -> str:
        if version in self.broken:
            raise ValueError(f"{version} is broken")
        return version.upper()


def follower_of(registry: Registry) -> Follower[str]:
    return Follower("thing", registry.current, registry.load, interval=0.01)


async def test_nothing_loaded_is_not_ready():
    follower = follower_of(Registry(None))
    assert not await follower.refresh()
    with pytest.raises(NotReady):
        _ = follower.value


async def test_a_new_version_replaces_the_old():
    registry = Registry("one")
    follower = follower_of(registry)
    await follower.prepare()
    assert follower.value == "ONE"
    registry.version = "two"
    await follower.refresh()
    assert (follower.value, follower.version) == ("TWO", "two")


async def test_a_refused_version_leaves_the_old_serving_and_says_why():
    registry = Registry("one")
    follower = follower_of(registry)
    await follower.prepare()
    registry.version = "two"
    registry.broken.add("two")
    assert await follower.refresh()
    assert follower.value == "ONE"
    assert follower.refused_version == "two"
    assert "two is broken" in follower.refused_reason


async def test_a_refused_version_is_tried_again_later_but_not_at_once():
    registry = Registry("one")
    follower = follower_of(registry)
    registry.broken.add("one")
    assert not await follower.refresh()
    registry.broken.clear()
    assert not await follower.refresh()  # within the first second of waiting
    follower._retry_at = 0.0
    assert await follower.refresh()
    assert (follower.value, follower.refused_version) == ("ONE", "")


async def test_a_registry_that_is_away_leaves_the_old_serving():
    registry = Registry("one")
    follower = follower_of(registry)
    await follower.prepare()
    registry.away = True
    assert await follower.refresh()
    assert follower.value == "ONE"


@needs(LINUX, sys.platform == "linux")
async def test_a_version_is_loaded_at_low_priority_while_another_serves():
    registry, priorities = Registry("one"), []

    def load(version: str) -> str:
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return registry.load(version)

    follower = Follower("thing", registry.current, load, interval=0.01)
    await follower.prepare()
    registry.version = "two"
    await follower.refresh()
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    # The first version is loaded at the usual priority: nothing is answered before it serves.
    assert priorities == [usual, min(usual + 10, 19)]
    assert (
        await asyncio.to_thread(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        == usual
    )


@pytest.mark.parametrize("when", ["reading", "loading"])
async def test_what_was_read_before_the_caller_served_another_version_is_not_served(when):
    def serve_meanwhile() -> None:
        loop.call_soon_threadsafe(follower.serve, "v3", "value of v3")

    def current() -> str:
        if when == "reading" and follower.version == "v1":
            serve_meanwhile()
        return "v1" if not follower.version else "v2"

    def load(version: str) -> str:
        if when == "loading" and version == "v2":
            serve_meanwhile()
        return f"value of {version}"

    loop = asyncio.get_running_loop()
    follower = Follower("thing", current, load, interval=0.01)
    await follower.refresh()
    assert follower.version == "v1"
    assert await follower.refresh()
    assert (follower.version, follower.value) == ("v3", "value of v3")
