"""Work that a process which stops does not wait for."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class StillBusy(Exception):
    """The work before has outlived its deadline and not ended yet."""


class BackgroundWorker:
    """Runs one piece of blocking work at a time, each on a daemon thread of its own.

    The pool of `asyncio.to_thread` is joined when a process ends, so a download in it would hold
    up SIGTERM for as long as it takes.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy = False

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """Returns what the work returns, within a deadline.

        Raises:
            TimeoutError: It takes longer; it goes on, and whatever it gives is dropped.
            StillBusy: The work before did so and has not ended.
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
                result = work()
            except BaseException as caught:
                fault = caught
            # Before anybody is told: whoever is may come with the next piece at once.
            self._busy = False
            # The loop may have ended meanwhile; then nobody waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, fault)

        self._busy = True
        threading.Thread(target=body, name=self._name, daemon=True).start()
        async with asyncio.timeout(seconds):
            return await done
