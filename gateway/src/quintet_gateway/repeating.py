"""Work of the gateway that is repeated until it is cancelled, whatever a round raises."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import structlog
from quintet_servicekit.errors import AppError
from quintet_store import StoreUnavailable

_log = structlog.get_logger(__name__)


async def repeat(
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    seconds: float,
    retry_seconds: float,
    failure: str,
) -> NoReturn:
    """Repeat work, with a pause after each round and a longer one after a round that failed.

    Args:
        work: One round.
        seconds: The pause after each round.
        retry_seconds: What is added to it after a round that failed.
        failure: The event that is logged for such a round.
    """
    while True:
        try:
            await work()
        except (StoreUnavailable, AppError) as fault:
            _log.warning(failure, error=str(fault))
            await asyncio.sleep(retry_seconds)
        except Exception as fault:  # a fault here must not stop recommendations
            _log.error(failure, exc_info=fault)
            await asyncio.sleep(retry_seconds)
        await asyncio.sleep(seconds)
