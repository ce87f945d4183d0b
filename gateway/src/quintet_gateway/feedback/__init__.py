"""Feedback: what was shown is kept off the request's path, what listeners did before the answer."""

from quintet_gateway.feedback.events import KINDS, MAX_EVENTS, Event, check_events, check_listener
from quintet_gateway.feedback.recorder import Recorder, Rules
from quintet_gateway.feedback.shown import Shown, seeds_of
from quintet_gateway.feedback.storing import (
    Cursor,
    Database,
    Deleted,
    Job,
    Page,
    Recorded,
    record_json,
)

__all__ = [
    "KINDS",
    "MAX_EVENTS",
    "Cursor",
    "Database",
    "Deleted",
    "Event",
    "Job",
    "Page",
    "Recorded",
    "Recorder",
    "Rules",
    "Shown",
    "check_events",
    "check_listener",
    "record_json",
    "seeds_of",
]
