"""The client of Quintet's API: typed, for ordinary code and for asyncio.

from quintet_client import Quintet

with Quintet("http://127.0.0.1:8000") as quintet:
found = quintet.search("hotel california")
answer = quintet.recommend([found.tracks[0].track.id])
"""

from quintet_client.asking import Event, Filters, Seed
from quintet_client.asynchronous import AsyncQuintet
from quintet_client.blocking import Quintet
from quintet_client.errors import (
    AnswerInvalid,
    AnswerLost,
    ApiError,
    ConnectionFailed,
    QuintetError,
    TimedOut,
)
from quintet_client.retrying import Retries
from quintet_client.session import Settings

__all__ = [
    "AnswerInvalid",
    "AnswerLost",
    "ApiError",
    "AsyncQuintet",
    "ConnectionFailed",
    "Event",
    "Filters",
    "Quintet",
    "QuintetError",
    "Retries",
    "Seed",
    "Settings",
    "TimedOut",
]
