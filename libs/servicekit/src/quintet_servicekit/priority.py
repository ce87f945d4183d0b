"""Priority of threads: work that no request waits for lets requests run first."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

T = TypeVar("T")
# A tenth of the time of a core that a request wants too. Much less would make requests wait long
# for a thread that holds the interpreter's lock and does not run.
_STEPS: Final = 10


def give_way() -> None:
    """Lower the priority of the calling thread, until it ends.

    Only Linux has a priority for each thread; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A container may forbid it.
        with contextlib.suppress(OSError):
            usual = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, usual + _STEPS)


async def run_beside_requests(work: Callable[[], T]) -> T:
    """Run blocking work on a thread of low priority, which ends with it."""
    threads = ThreadPoolExecutor(1, "beside-requests", initializer=give_way)
    try:
        loop = asyncio.get_running_loop()
        # Context variables do not cross threads by themselves.
        return await loop.run_in_executor(threads, copy_context().run, work)
    finally:
        threads.shutdown(wait=False)
