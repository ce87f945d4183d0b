"""Listening as JSON: ListenBrainz listens and Quintet's own feedback events."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from quintet_contract.limits import EVENT_KINDS
from quintet_text.bounded_json import JsonRefused
from quintet_text.track_ids import ISRC, RECORDING

from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.json_files import records_of, shape_of, text_of
from quintet_training.datasets.listens import Listen, make_listen
from quintet_training.datasets.playlist_tables import sessions_of
from quintet_training.datasets.sessions import MAX_TIME, Sessions
from quintet_training.datasets.tables import Refused

POSITIVE: Final = ("like", "save", "playlist_add")


def objects_of(
    path: Path, meter: Meter, how: Reading, *keys: str
) -> Iterator[tuple[int, dict[str, Any]] | Refused]:
    """Yield the objects of an array or of lines with their numbers; blank lines do not count."""
    shape = shape_of(path, how.encoding)
    prefix = shape.records(*keys) or ""
    lines = shape.lines and not prefix
    # No object has all the keys: each item is then rejected by itself, not the file.
    if shape.array and not prefix:
        prefix = "item"
    for number, value, meter.share in records_of(path, prefix, lines, how.encoding):
        if isinstance(value, dict):
            yield number, value
        else:
            why = f": {value}" if isinstance(value, JsonRefused) else ""
            yield Refused(number, f"line: not a JSON object{why}", text_of(value))


def read_listenbrainz(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read listens; those of one listener without a long gap in time form a session.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    listens = listens_of_listenbrainz(path, meter, how)
    yield from sessions_of(listens, Sessions("listenbrainz", path.stem), meter)


def listens_of_listenbrainz(
    path: Path, meter: Meter, how: Reading = HOW
) -> Iterator[Listen | Refused]:
    """Read listens as an array, as lines or as an answer of the API.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    for item in objects_of(path, meter, how, "listened_at", "track_metadata"):
        if isinstance(item, Refused):
            yield item
            continue
        number, listen = item
        owner = str(listen.pop("user_name", None) or "")
        # `listened_at` is in seconds since 1970 (docs of ListenBrainz: JSON format).
        at, facts = listen.get("listened_at"), listen.get("track_metadata")
        if not isinstance(facts, dict) or type(at) is not int or not 0 <= at < MAX_TIME:
            yield Refused(
                number, "listen: without listened_at or track_metadata", json.dumps(listen)
            )
            continue
        yield make_listen(number, listen_track(facts), at, owner=owner)


def listen_track(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Read which track the metadata of a listen name."""
    more = facts.get("additional_info")
    more = more if isinstance(more, dict) else {}
    # What the player sent, and what ListenBrainz found afterwards.
    mapped = facts.get("mbid_mapping")
    mapped = mapped if isinstance(mapped, dict) else {}
    return {
        "track_id": more.get("spotify_id"),
        ISRC: more.get("isrc"),
        RECORDING: more.get("recording_mbid") or mapped.get("recording_mbid"),
        "artist": facts.get("artist_name"),
        "title": facts.get("track_name"),
    }


def read_feedback(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read feedback: what was liked, saved or added of one recommendation forms a group.

    Other kinds are no positives: they are counted in `meter.passed_over` and not stored.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    for item in objects_of(path, meter, how, "recommendation_id", "kind"):
        if isinstance(item, Refused):
            yield item
            continue
        number, event = item
        # A kind that a later version adds is rejected with its name, not counted as a play.
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
