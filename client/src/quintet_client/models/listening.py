"""Answers to feedback, bans, deletions and imported histories."""

from collections.abc import Mapping
from typing import Literal

from quintet_client.models.answers import Answer


class Recorded(Answer):
    """How many events were new; all are on the gateway's disk.

    `degraded` contains "database" if they wait on disk because it is unavailable.
    """

    accepted: int
    duplicates: int  # events that were stored before
    degraded: tuple[str, ...] = ()


class Undone(Answer):
    """An event that counts no longer."""

    event_id: str
    undone: bool


class Ban(Answer):
    """Whether a listener has banned an artist."""

    listener: str
    artist_id: str
    banned: bool


class Deleted(Answer):
    """How much of a listener's data was deleted."""

    deleted_events: int
    unlinked_recommendations: int
    deleted_playlists: int
    deleted_signals: int = 0  # rows of the memory; servers before it do not send the field


class HistoryReport(Answer):
    """What the import of a history found; read = stored + duplicate + quarantined."""

    rows_read: int
    rows_stored: int
    rows_duplicate: int
    rows_quarantined: int
    sources: Mapping[str, int]  # rows by what the files were recognised as
    kinds: Mapping[str, int]  # signals by kind
    matched: Mapping[str, int]  # rows by how their track was found
    sessions: int
    banned_artists: int
    passed_over: int
    files_ignored: int
    unchanged: bool
    unmatched: tuple[str, ...]  # up to 50 songs that the catalogue does not have


class HistoryUpload(Answer):
    """The state of an uploaded history; `report` is None before the end."""

    upload_id: str
    state: Literal["receiving", "queued", "running", "done", "failed"]
    bytes: int
    received: int
    part_bytes: int
    share: float  # of the import, 0 to 1
    failure: str
    reason: str  # unmatched, empty, unreadable or interrupted; empty without a failure
    worker_running: bool
    worker_command: str
    report: HistoryReport | None
