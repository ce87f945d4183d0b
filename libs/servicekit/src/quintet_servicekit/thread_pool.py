"""A thread pool with a bounded queue, for blocking work such as ranking or database calls."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from quintet_servicekit.errors import overloaded
from quintet_servicekit.metrics import QUEUED

T = TypeVar("T")


class BoundedThreadPool:
    """A few threads for blocking work, and a queue that rejects work when it is full.

    Work whose caller was cancelled, for example by a deadline, is removed from the queue.

    Args:
        count: Number of threads.
        name: The prefix of the threads' names, and the label of the queue in metrics.
        room: Pieces of work that may wait; None if the callers themselves limit the number.
    """

    def __init__(self, count: int, name: str, room: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._count = count
        self._room = room
        self._open = 0
        self._waiting = QUEUED.labels(name)

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work on a thread, with the caller's request id and trace.

        Raises:
            ResourceExhausted: The queue is full. Work that would miss its deadline anyway is
                rejected at once instead of taking time from the work before it.
        """
        if self._room is not None and self._open >= self._count + self._room:
            raise overloaded()
        # Context variables do not cross threads by themselves.
        context = copy_context()

        def begin() -> T:
            self._waiting.dec()
            return context.run(work)

        self._waiting.inc()
        try:
            future = self._pool.submit(begin)
        except RuntimeError:  # the pool is closed
            self._waiting.dec()
            raise
        future.add_done_callback(self._forget_cancelled)
        # Changed on the event loop only, so no lock is needed.
        self._open += 1
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._open -= 1

    def _forget_cancelled(self, future: "Future[T]") -> None:
        # A future can be cancelled only before its work began, while it was counted as waiting.
        if future.cancelled():
            self._waiting.dec()

    async def close(self) -> None:
        """Wait for running work and drop what is queued."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
