"""Calls about listeners: feedback, bans, and histories that they bring."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from quintet_client import models
from quintet_client.calls.building import fields_of, get, quoted, reads
from quintet_client.protocol import Call
from quintet_client.request_models import Event

MOST_EVENTS: Final = 500
"""Events of one request (the gateway's limit); `feedback` makes as many requests as it takes."""


def feedback(events: Iterable[Event]) -> Iterator[Call[models.Recorded]]:
    """Build the calls that send events, up to 500 in each."""
    waiting = iter(events)
    while batch := list(islice(waiting, MOST_EVENTS)):
        body = {"events": [fields_of(event) for event in batch]}
        yield Call("POST", "/api/v1/feedback", reads(models.Recorded), body=body)


def undo(event_id: str) -> Call[models.Undone]:
    """Undo an event that this client sent: lists, memory and training no longer know of it.

    Args:
        event_id: The `event_id` of the event.
    """
    return Call("DELETE", f"/api/v1/feedback/{quoted(event_id)}", reads(models.Undone))


def total(parts: Iterable[models.Recorded]) -> models.Recorded:
    """Add up the results of batches."""
    known = list(parts)
    return models.Recorded(
        accepted=sum(part.accepted for part in known),
        duplicates=sum(part.duplicates for part in known),
        degraded=tuple(dict.fromkeys(name for part in known for name in part.degraded)),
    )


def ban_artist(listener: str, artist_id: str, *, banned: bool = True) -> Call[models.Ban]:
    """Ban an artist for a listener, or lift the ban; requires the scope feedback.

    Args:
        listener: The listener's id.
        artist_id: An artist of the catalogue, none of whose tracks is recommended to them again.
        banned: False lifts the ban.
    """
    body = {"listener": listener, "artist_id": artist_id, "banned": banned}
    return Call("PUT", "/api/v1/feedback/banned-artists", reads(models.Ban), body=body)


def delete_listener(listener: str) -> Call[models.Deleted]:
    """Delete a listener's events and unlink their lists; requires the scope admin."""
    path = f"/api/v1/listeners/{quoted(listener)}"
    return Call("DELETE", path, reads(models.Deleted))


def start_history(listener: str, size: int, *, train: bool = True) -> Call[models.HistoryUpload]:
    """Start the upload of a listener's history; requires the scope feedback.

    Send the file by `add_history_part`, then ask `history` until `state` is "done" or "failed".

    Args:
        listener: The listener's id.
        size: Bytes of the whole file.
        train: Whether the next training may learn from its sessions.
    """
    body = {"listener": listener, "bytes": size, "train": train}
    read = reads(models.HistoryUpload)
    accepts = frozenset({201})
    return Call("POST", "/api/v1/histories", read, body=body, accepts=accepts, idempotent=False)


def add_history_part(upload_id: str, offset: int, part: bytes) -> Call[models.HistoryUpload]:
    """Send a part of a history; repeating it changes nothing. The last part queues the import.

    Args:
        upload_id: Of `start_history`.
        offset: Where the part begins in the file: `received` of the last answer.
        part: 1 to `part_bytes` bytes.
    """
    path, params = f"/api/v1/histories/{quoted(upload_id)}/content", {"offset": str(offset)}
    headers = {"Content-Type": "application/octet-stream"}
    read = reads(models.HistoryUpload)
    return Call("PUT", path, read, params=params, content=part, headers=headers)


def history(upload_id: str) -> Call[models.HistoryUpload]:
    """Report how the import of an uploaded history is, and what it found."""
    return get(f"/api/v1/histories/{quoted(upload_id)}", models.HistoryUpload)


def export_listener(listener: str) -> Call[tuple[Mapping[str, Any], ...]]:
    """Export all stored data of a listener, one record per item; requires the scope admin."""
    path = f"/api/v1/listeners/{quoted(listener)}/export"
    return Call("GET", path, lambda reply: tuple(map(json.loads, reply.content.splitlines())))
