"""Feedback: impressions are stored after the answer, events before it."""

from quintet_gateway.feedback.events import Event, check_events, check_listener
from quintet_gateway.feedback.impressions import ServedList
from quintet_gateway.feedback.recorder import Recorder, RecorderConfig
from quintet_gateway.feedback.store import (
    Cursor,
    Database,
    Deleted,
    EventBatch,
    Page,
    RecordOutcome,
    export_record,
)

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
    "check_events",
    "check_listener",
    "export_record",
]
