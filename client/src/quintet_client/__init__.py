"""The client of Quintet's API: typed, for ordinary code and for asyncio.

from quintet_client import Quintet

with Quintet("http://127.0.0.1:8000") as quintet:
found = quintet.search("hotel california")
answer = quintet.recommend([found.tracks[0].track.id])
"""

from quintet_client.async_client import AsyncQuintet
from quintet_client.errors import (
    AnswerInvalid,
    AnswerLost,
    ApiError,
    CertificateUntrusted,
    ConnectionFailed,
    QuintetError,
    TimedOut,
)
from quintet_client.request_models import Event, Filters, RadioEvent, Seed
from quintet_client.retries import Retries
from quintet_client.session import ClientSettings
from quintet_client.sync_client import Quintet

__all__ = [
    "AnswerInvalid",
    "AnswerLost",
    "ApiError",
    "AsyncQuintet",
    "CertificateUntrusted",
    "ClientSettings",
    "ConnectionFailed",
    "Event",
    "Filters",
    "Quintet",
    "QuintetError",
    "RadioEvent",
    "Retries",
    "Seed",
    "TimedOut",
]
