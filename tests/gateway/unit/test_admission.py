"""Load is shed early, and as much is admitted as the services bear."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from quintet_gateway.app.admission import OVERLOADED, Admission
from quintet_gateway.app.errors import render

ANSWERED, OUT_OF_ROOM = 200, 429


class Door:
    """An admission in front of an application that answers when told to."""

    def __init__(self, most: int) -> None:
        self.admission = Admission(self.app, most, lambda _path, error: render(error))
        self.inside: list[asyncio.Future[bool]] = []
        # Of each answer: whether it is left out of the log.
        self.unlogged: list[bool] = []

    async def app(self, scope: Any, _receive: Any, send: Any) -> None:
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.inside.append(waiting)
        if not await waiting:
            scope.setdefault("state", {})[OVERLOADED] = True
        await send({"type": "http.response.start", "status": ANSWERED, "headers": []})

    async def ask(self, path: str = "/api/v1/recommendations") -> int:
        statuses = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        scope: dict[str, Any] = {"type": "http", "path": path, "method": "POST", "headers": []}
        await self.admission(scope, receive, send)
        self.unlogged.append(bool(scope.get("state", {}).get("unlogged")))
        return int(statuses[0])

    async def enter(self) -> "asyncio.Task[int]":
        task = asyncio.create_task(self.ask())
        await asyncio.sleep(0)
        return task

    async def leave(self, well: bool = True) -> None:
        self.inside.pop(0).set_result(well)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_what_comes_beyond_the_limit_is_refused_at_once() -> None:
    door = Door(2)
    first = [await door.enter(), await door.enter()]
    assert await door.ask() == OUT_OF_ROOM
    assert door.unlogged == [True]
    await door.leave()
    third = await door.enter()
    await door.leave()
    await door.leave()
    assert [task.result() for task in (*first, third)] == [ANSWERED] * 3


async def test_health_is_answered_however_full_it_is() -> None:
    door = Door(1)
    await door.enter()
    task = asyncio.create_task(door.ask("/healthz"))
    await asyncio.sleep(0)
    assert len(door.inside) == 2
    await door.leave()
    await door.leave()
    assert await task == ANSWERED


async def test_fewer_are_admitted_after_refusals_and_more_again_after_answers() -> None:
    door = Door(64)
    for _ in range(40):
        await door.enter()
        await door.leave(well=False)
    tasks = [await door.enter() for _ in range(8)]
    assert sum(task.done() for task in tasks) == 4  # the fewest that are always admitted: four
    while door.inside:
        await door.leave()
    for _ in range(3_000):
        await door.enter()
        await door.leave()
    tasks = [await door.enter() for _ in range(64)]
    assert not any(task.done() for task in tasks)
    while door.inside:
        await door.leave()


@given(outcomes=st.lists(st.booleans(), max_size=200), most=st.integers(1, 100))
def test_the_limit_stays_between_one_and_the_most(outcomes: list[bool], most: int) -> None:
    async def run() -> None:
        door = Door(most)
        for well in outcomes:
            await door.enter()
            assert door.inside, "nobody is inside, and one is refused"
            await door.leave(well)

    asyncio.run(run())
