"""Receives histories that listeners upload, and reads how their import is."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from quintet_access.pseudonyms import Pseudonyms
from quintet_servicekit.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotReady,
    Reason,
    ResourceExhausted,
)
from quintet_store import StoreUnavailable
from quintet_store.library_requests import worker_seen
from quintet_store.uploads import DONE, FAILED, PartMisplaced, Upload, Uploads, UploadsFull

from quintet_gateway.adapters.music.sources import WORKER_COMMAND
from quintet_gateway.feedback import Database
from quintet_gateway.schemas.histories import HistoryReport, HistoryUpload

_log = structlog.get_logger(__name__)
# Calls of this part at once; the others wait, so that they never take all threads.
_CALLS: Final = 4
_MOST_PART: Final = 4 * 1024 * 1024


class Histories:
    """Uploaded histories; each call runs in a thread.

    Args:
        database: The gateway's database, where the worker reports that it runs.
        uploads: The files.
        names: The installation's key for hashing listeners' ids.
        most_bytes: Of one file.
        most_body_bytes: Of a request, and so of a part.
    """

    def __init__(
        self,
        database: Database,
        uploads: Uploads,
        names: Pseudonyms,
        most_bytes: int,
        most_body_bytes: int,
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._names = names
        self._most = most_bytes
        self._part = min(most_body_bytes, _MOST_PART)
        self._calls = asyncio.Semaphore(_CALLS)

    async def begin(self, listener: str, size: int, *, train: bool) -> HistoryUpload:
        """Start an upload.

        Raises:
            InvalidInput: The file is too large.
            ResourceExhausted: Too many uploads are open.
            NotReady: The disk or the database is unavailable.
        """
        if size > self._most:
            raise InvalidInput(
                Reason.REQUEST_TOO_LARGE,
                f"bytes must be at most {self._most:,}; got {size:,}. Split the export, or raise "
                "QUINTET_GATEWAY_HISTORY_BYTES",
                field="bytes",
            )
        who = self._names.listener(listener)
        return await self._run(lambda: self._uploads.begin(who, size, train=train))

    async def append(self, name: str, offset: int, part: bytes) -> HistoryUpload:
        """Add a part; one that was received before changes nothing.

        Raises:
            Conflict: The part does not begin where the received bytes end.
            InvalidInput: The part is empty.
            NotFound: There is no such upload.
            NotReady: The disk or the database is unavailable.
        """
        if not part:
            raise InvalidInput(
                Reason.REQUEST_MALFORMED, "the body must hold at least 1 byte", field="body"
            )
        return await self._run(lambda: self._uploads.append(name, offset, part))

    async def get(self, name: str) -> HistoryUpload:
        """Read how an upload is.

        Raises:
            NotFound: There is no such upload.
            NotReady: The disk or the database is unavailable.
        """
        return await self._run(lambda: self._uploads.get(name))

    async def _run(self, work: Callable[[], Upload]) -> HistoryUpload:
        async with self._calls:
            return await asyncio.to_thread(self._done, work)

    def _done(self, work: Callable[[], Upload]) -> HistoryUpload:
        try:
            upload = work()
            with self._database.reading() as connection:
                runs = worker_seen(connection)
        except KeyError:
            raise NotFound(
                Reason.ID_UNKNOWN,
                "There is no such upload; results are kept for 7 days, and parts that nothing "
                "followed for a day. Start another one.",
                field="upload_id",
            ) from None
        except PartMisplaced as fault:
            raise Conflict(
                Reason.STATE_CONFLICT,
                f"{fault}; the next part must begin there and end within the file.",
                field="offset",
                metadata={"received": str(fault.received)},
            ) from None
        except UploadsFull as fault:
            raise ResourceExhausted(
                Reason.OVERLOADED, f"{fault}.", metadata={"retry_after": "30"}
            ) from None
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise _unavailable("The database is unavailable; try again soon.", fault) from fault
        except OSError as fault:
            message = "The upload cannot be written to the disk now; try again later."
            raise _unavailable(message, fault) from fault
        return self._state(upload, runs)

    def _state(self, upload: Upload, worker_runs: bool) -> HistoryUpload:
        ended = upload.state in (DONE, FAILED)
        facts: dict[str, Any] = dict(upload.result)
        return HistoryUpload(
            upload_id=upload.id,
            state=upload.state,  # type: ignore[arg-type]
            bytes=upload.size,
            received=upload.size if ended else upload.received,
            part_bytes=self._part,
            share=upload.share,
            failure=facts.get("failure", ""),
            reason=facts.get("reason", ""),
            worker_running=worker_runs,
            worker_command=WORKER_COMMAND,
            report=HistoryReport(**facts["report"]) if facts.get("report") else None,
        )


def _unavailable(message: str, fault: Exception) -> NotReady:
    _log.warning("upload failed", error=str(fault))
    return NotReady(Reason.STORE_UNAVAILABLE, message)
