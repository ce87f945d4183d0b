"""Histories that listeners upload: the request, the state, and what an import found."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from quintet_contract.patterns import LISTENER_PATTERN

from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.validation import STRICT

UPLOAD_PATTERN: Final = r"^[0-9a-f]{32}$"
MAX_UPLOAD_BYTES: Final = 64 * 1024**3
"""The largest number that a request may state; a setting bounds it further."""


class HistoryBody(BaseModel):
    """A history to upload; its content follows in parts."""

    model_config = STRICT
    listener: Annotated[
        str,
        Field(
            description="The listener's id, as in requests for recommendations",
            json_schema_extra={"pattern": LISTENER_PATTERN},
        ),
    ]
    bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES, description="Of the whole file")]
    train: Annotated[
        bool, Field(description="Whether the next training may learn from its sessions")
    ] = True


HISTORY_EXAMPLES: Final[dict[str, Any]] = {
    "zip": {"value": {"listener": "listener-7", "bytes": 4_812_331}},
    "not for training": {"value": {"listener": "listener-7", "bytes": 90_211, "train": False}},
}


class HistoryReport(ResponseModel):
    """What an import found; rows read = stored + duplicate + quarantined."""

    rows_read: int
    rows_stored: int
    rows_duplicate: int = Field(description="They were in the memory before")
    rows_quarantined: int = Field(description="Without a match in the catalogue, or rejected")
    sources: dict[str, int] = Field(description="Rows by what the files were recognised as")
    kinds: dict[str, int] = Field(description="Signals by kind: play, skip, like, save, dislike")
    matched: dict[str, int] = Field(description="Rows by how their track was found; none: not")
    sessions: int = Field(description="For the next training")
    banned_artists: int
    passed_over: int = Field(description="Podcasts, videos and events that are no listens")
    files_ignored: int = Field(description="Files of an archive that are no history")
    unchanged: bool = Field(description="The same file was imported before")
    unmatched: list[str] = Field(description="Up to 50 songs that the catalogue does not have")


class HistoryUpload(ResponseModel):
    """The state of an uploaded history."""

    upload_id: str = Field(json_schema_extra={"pattern": UPLOAD_PATTERN})
    state: Literal["receiving", "queued", "running", "done", "failed"]
    bytes: int
    received: int = Field(description="Bytes so far; the next part begins here")
    part_bytes: int = Field(description="The longest part")
    share: float = Field(description="Of the import, 0 to 1")
    failure: str = Field(description="Why it failed; empty otherwise")
    reason: Literal["", "unmatched", "empty", "unreadable", "interrupted"] = Field(
        description="The kind of failure"
    )
    worker_running: bool = Field(description="Whether a process imports what is queued")
    worker_command: str = Field(description="Starts that process")
    report: HistoryReport | None = Field(description="null before the end")
