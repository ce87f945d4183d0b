"""Feedback: impressions are stored after the answer, events before it."""

from quintet_store.reopening import Database

from quintet_gateway.feedback.events import (
    Event,
    EventBatch,
    RecordOutcome,
    check_artist,
    check_event_id,
    check_events,
    check_listener,
)
from quintet_gateway.feedback.export import export_record
from quintet_gateway.feedback.impressions import ServedList
from quintet_gateway.feedback.recorder import Recorder, RecorderConfig
from quintet_gateway.feedback.store import Cursor, Deleted, Page

__all__ = [
    "Cursor",
    "Database",
    "Deleted",
    "Event",
    "EventBatch",
    "Page",
    "RecordOutcome",
    "Recorder",
    "RecorderConfig",
    "ServedList",
    "check_artist",
    "check_event_id",
    "check_events",
    "check_listener",
    "export_record",
]
