"""Listening as JSON lines: ListenBrainz listens and Quintet's own feedback events."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from quintet_contract.limits import EVENT_KINDS

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import Item, Meter, make_entry
from quintet_training.datasets.reading import Refused

GAP_SECONDS: Final = 30 * 60
"""Two listens of one listener further apart than this belong to two sessions."""
POSITIVE: Final = ("like", "save", "playlist_add")
_MAX_LINE: Final = 1 << 20
_MAX_LISTENERS: Final = 100_000
_MAX_TIME: Final = 2**40


def _objects(path: Path, meter: Meter) -> Iterator[tuple[int, dict[str, Any]] | Refused]:
    """Yield objects of JSON lines with their line numbers; blank lines do not count."""
    size = max(path.stat().st_size, 1)
    number = 0
    try:
        with path.open("rb") as stream:
            while raw := stream.readline(_MAX_LINE):
                number += 1
                meter.share = min(stream.tell() / size, 1.0)
                if not raw.endswith(b"\n") and len(raw) == _MAX_LINE:
                    while (rest := stream.readline(_MAX_LINE)) and not rest.endswith(b"\n"):
                        pass
                    yield Refused(number, f"line: longer than {_MAX_LINE} bytes", "")
                elif raw.strip():
                    yield _object(number, raw)
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _object(number: int, raw: bytes) -> tuple[int, dict[str, Any]] | Refused:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Refused(number, "line: not a JSON object", raw.decode("utf-8", "replace"))
    return number, value


def read_listenbrainz(path: Path, meter: Meter) -> Iterator[Item]:
    """Read listens; those of a listener within `GAP_SECONDS` of the one before form a session.

    Listens may be in ascending or descending order of time; a session's positions are seconds
    from its first listen in the file, so they order its tracks by time either way.
    """
    # Listener to (time of last listen, time the session is named by, positions taken).
    sessions: OrderedDict[str, tuple[int, int, set[int]]] = OrderedDict()
    for item in _objects(path, meter):
        if isinstance(item, Refused):
            yield item
            continue
        number, listen = item
        at, facts = listen.get("listened_at"), listen.get("track_metadata")
        if not isinstance(facts, dict) or type(at) is not int or not 0 <= at < _MAX_TIME:
            yield Refused(
                number, "listen: without listened_at or track_metadata", json.dumps(listen)
            )
            continue
        listener = str(listen.get("user_name") or path.stem)
        last, start, taken = sessions.pop(listener, (at, at, set()))
        if abs(at - last) > GAP_SECONDS:
            start, taken = at, set()
        position = at - start
        while position in taken:
            position += 1
        taken.add(position)
        sessions[listener] = (at, start, taken)
        if len(sessions) > _MAX_LISTENERS:
            sessions.popitem(last=False)
        values = {"playlist_id": f"listenbrainz:{listener}:{start}", "position": position}
        yield make_entry(number, {**values, **_listen_track(facts)}, listen)


def _listen_track(facts: Mapping[str, Any]) -> dict[str, Any]:
    more = facts.get("additional_info")
    more = more if isinstance(more, dict) else {}
    return {
        "playlist": "listening session",
        "track_id": more.get("spotify_id"),
        "isrc": more.get("isrc"),
        "artist": facts.get("artist_name"),
        "title": facts.get("track_name"),
    }


def read_feedback(path: Path, meter: Meter) -> Iterator[Item]:
    """Read feedback: what was liked, saved or added of one recommendation forms a group.

    Other kinds are no positives: they are counted in `meter.passed_over` and not stored.
    """
    for item in _objects(path, meter):
        if isinstance(item, Refused):
            yield item
            continue
        number, event = item
        if event.get("kind") not in EVENT_KINDS:
            reason = f"kind: {str(event.get('kind'))[:40]!r} is none of {', '.join(EVENT_KINDS)}"
            yield Refused(number, reason, json.dumps(event))
        elif not event.get("recommendation_id"):
            yield Refused(number, "recommendation_id: empty", json.dumps(event))
        elif event["kind"] in POSITIVE:
            values = {
                "playlist_id": f"feedback:{event['recommendation_id']}",
                "playlist": "feedback",
                "position": event.get("position"),
                "track_id": event.get("track_id"),
                "added_at": event.get("at"),
            }
            yield make_entry(number, values, event)
        else:
            meter.passed_over += 1
