"""Threads for work that blocks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from quintet_servicekit.errors import overloaded
from quintet_servicekit.metrics import QUEUED

T = TypeVar("T")


class BoundedThreadPool:
    """A few threads for blocking work.

    A call whose deadline passes takes its work out of the queue.

    Args:
        count: Pieces of work at once; more wait for their turn.
        name: What the threads' names start with, and the queue's in metrics.
        room: Pieces of work that may wait; bounded by who calls where None.
    """

    def __init__(self, count: int, name: str, room: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._count = count
        self._room = room
        self._open = 0
        self._waiting = QUEUED.labels(name)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking work on one of the threads, with the caller's request id and span.

        Raises:
            ResourceExhausted: As much waits as may: what would be late is refused at once.
        """
        if self._room is not None and self._open >= self._count + self._room:
            raise overloaded()
        context = copy_context()

        def begin() -> T:
            self._waiting.dec()
            return context.run(work)

        self._waiting.inc()
        try:
            future = self._pool.submit(begin)
        except RuntimeError:  # closed
            self._waiting.dec()
            raise
        future.add_done_callback(self._forget_cancelled)
        self._open += 1  # on the event loop alone, and so without a lock
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._open -= 1

    def _forget_cancelled(self, future: "Future[T]") -> None:
        # Cancelled only before it began: what runs cannot be.
        if future.cancelled():
            self._waiting.dec()

    async def close(self) -> None:
        """Lets running work end and drops what waits."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
