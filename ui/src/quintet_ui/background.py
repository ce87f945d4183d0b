"""Slow calls in background threads, so that the page stays responsive; bounded in number."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from quintet_ui.faults import Fault, GatewayFault

T = TypeVar("T")
_WORKERS: Final = 8  # calls that run at once, of all sessions
_MOST: Final = 64  # running and queued calls


class Background:
    """A few threads that all sessions share."""

    def __init__(self, workers: int = _WORKERS, most: int = _MOST) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="background")
        self._places = threading.BoundedSemaphore(most)

    def start(self, work: Callable[[], T]) -> "Future[T]":
        """Start a call.

        Raises:
            GatewayFault: Too many calls are queued or running.
        """
        if not self._places.acquire(blocking=False):
            raise GatewayFault(Fault.LIMITED)
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def close(self) -> None:
        """Cancel queued work; running calls end by their deadlines."""
        self._threads.shutdown(wait=False, cancel_futures=True)
