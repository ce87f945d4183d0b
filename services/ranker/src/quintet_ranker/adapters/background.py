"""Run blocking work that must not delay the end of the process, such as a download."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from quintet_servicekit.priority import give_way

T = TypeVar("T")


class StillBusy(Exception):
    """Earlier work exceeded its deadline and is still running."""


class BackgroundWorker:
    """Run one piece of blocking work at a time, each on a separate daemon thread.

    Python joins the threads of `asyncio.to_thread` when the process ends, so a download there would
    delay the reaction to SIGTERM until it is finished.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy = False

    async def run(
        self, work: Callable[[], T], seconds: float, *, beside_requests: bool = True
    ) -> T:
        """Run work and wait for its result, for a number of seconds at most.

        Args:
            work: The work.
            seconds: How long to wait.
            beside_requests: Whether requests are answered meanwhile: the thread then has low
                priority.

        Raises:
            TimeoutError: The work takes longer. It continues, and its result is dropped.
            StillBusy: Earlier work exceeded its deadline and is still running.
        """
        if self._busy:
            raise StillBusy(f"{self._name} is still busy")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, fault: BaseException | None) -> None:
            if done.done():
                return
            if fault is not None:
                done.set_exception(fault)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # T where there is no fault

        def body() -> None:
            result: T | None = None
            fault: BaseException | None = None
            try:
                if beside_requests:
                    give_way()
                result = work()
            except BaseException as caught:
                fault = caught
            # Before the waiting caller is woken: it may start the next piece of work at once.
            self._busy = False
            # RuntimeError: the event loop is closed, so no caller waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, fault)

        self._busy = True
        threading.Thread(target=body, name=self._name, daemon=True).start()
        # `done` is cancelled then, and `settle` drops the late result.
        async with asyncio.timeout(seconds):
            return await done
