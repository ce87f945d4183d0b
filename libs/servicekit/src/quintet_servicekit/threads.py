"""Threads for work that blocks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """A few threads for blocking work.

    What waits is bounded by the server's own limit of concurrent calls, and a call whose
    deadline passes takes its work out of the queue.

    Args:
        count: Pieces of work at once; more wait for their turn.
        name: What the threads' names start with.
    """

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def close(self) -> None:
        """Lets running work end and drops what waits."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
