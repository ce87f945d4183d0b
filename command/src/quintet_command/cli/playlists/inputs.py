"""Where a list of tracks comes from: seeds, a response of Quintet as JSON, or what was recorded."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from quintet_contract.limits import MAX_LIMIT, MAX_SEEDS
from quintet_store import open_engine, reading
from quintet_store.saved_lists import recommended_tracks
from quintet_text.bounded_json import Bounds, JsonRefused, loads
from quintet_text.track_ids import track_id_of

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.gateway import ask, connect
from quintet_command.cli.list_options import resolve
from quintet_command.settings import CommandSettings

_MOST_BYTES: Final = 16 * 1024**2
_KEYS: Final = ("id", "track_id")


def tracks_for(seeds: Sequence[str], how: str, limit: int, listener: str | None) -> list[str]:
    """Ask the gateway for a list.

    Args:
        seeds: Track ids, links or song names; of a path the first and the last song.
        how: recommend, radio or path.
        limit: How many tracks.
        listener: Whose memory counts; None for nobody's.

    Raises:
        CommandFailed: The gateway cannot be asked, or denies.
    """
    from quintet_client import calls

    if how == "path" and len(seeds) != 2:
        raise CommandFailed(f"--path needs two songs, its first and its last; got {len(seeds)}")
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise CommandFailed(f"seeds: give 1 to {MAX_SEEDS} songs; got {len(seeds)}")
    gateway = connect()
    ids = [resolve(gateway, seed) for seed in seeds]
    if how == "path":
        path = ask(gateway, calls.path(*ids, length=limit, listener=listener, reasons=False))
        return [each.track.id for each in path.tracks]
    if how == "radio":
        batch = ask(gateway, calls.radio(ids, limit=limit, listener=listener, reasons=False))
        return [each.track.id for each in batch.tracks]
    call = calls.recommend(ids, limit=limit, listener=listener, reasons=False)
    return [each.track.id for each in ask(gateway, call).tracks]


def tracks_in(path: Path) -> list[str]:
    """Read the tracks of a response of Quintet, as `quintet recommend --json` prints it.

    A list of ids is read too, and an object with `track_ids`.

    Args:
        path: A file; "-" for the standard input.

    Raises:
        CommandFailed: It is no such JSON.
        OSError: It cannot be read.
    """
    stream = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    with stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise CommandFailed(f"--from: {path} has more than {_MOST_BYTES:,} bytes")
    try:
        answer = loads(data, Bounds(total=_MOST_BYTES))
    except JsonRefused as fault:
        raise CommandFailed(f"--from: {path} is no JSON: {fault}") from fault
    if isinstance(answer, dict):
        answer = answer.get("tracks", answer.get("track_ids"))
    ids = [_id_of(each) for each in answer] if isinstance(answer, list) else [""]
    if not all(ids) or not ids:
        raise CommandFailed(
            f"--from: {path} has no list of tracks; give what quintet recommend --json prints, or "
            'a JSON list of track ids, such as ["6rqhFgbbKwnb9MLmUQDhG6"]'
        )
    return list(dict.fromkeys(ids))[:MAX_LIMIT]


def tracks_of_recommendation(settings: CommandSettings, recommendation_id: str) -> list[str]:
    """Read the tracks of a list that the gateway recorded.

    Raises:
        CommandFailed: There is no such list.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            ids = recommended_tracks(connection, recommendation_id)
    finally:
        engine.dispose()
    if not ids:
        raise CommandFailed(
            f"--recommendation: no list {recommendation_id!r:.80} is recorded; its id is "
            "recommendation_id of the gateway's response, and lists are deleted after "
            "QUINTET_FEEDBACK_RETENTION_DAYS"
        )
    return list(dict.fromkeys(ids))


def _id_of(entry: Any) -> str:
    """Find the track's id in an entry of a response; "" if it has none."""
    if isinstance(entry, str):
        return track_id_of(entry)
    if not isinstance(entry, dict):
        return ""
    inner = entry.get("track")
    holder = inner if isinstance(inner, dict) else entry
    found = next((holder[key] for key in _KEYS if isinstance(holder.get(key), str)), "")
    return str(found)
