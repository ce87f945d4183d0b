"""Work that would wait too long is refused when it comes."""

import asyncio
import threading

import pytest
from quintet_servicekit.errors import Reason, ResourceExhausted
from quintet_servicekit.thread_pool import BoundedThreadPool


async def test_more_work_than_there_is_room_for_is_refused_and_nothing_else() -> None:
    gate = threading.Event()
    threads = BoundedThreadPool(1, "room", room=2)
    held = [asyncio.create_task(threads.run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(ResourceExhausted) as refused:
        await threads.run(lambda: True)

    assert refused.value.reason is Reason.OVERLOADED
    assert refused.value.metadata["retry_after"] == "1"
    gate.set()
    assert await asyncio.gather(*held) == [True] * 3
    assert await threads.run(lambda: True)
    await threads.close()


async def test_work_that_is_given_up_makes_room() -> None:
    gate = threading.Event()
    threads = BoundedThreadPool(1, "given-up", room=1)
    running, waiting = (asyncio.create_task(threads.run(gate.wait)) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    other = asyncio.create_task(threads.run(lambda: True))
    await asyncio.sleep(0)
    gate.set()

    assert await other
    assert await running
    await threads.close()
