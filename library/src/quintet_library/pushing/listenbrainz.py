"""Write a saved list as a JSPF file that ListenBrainz accepts."""

import json
from pathlib import Path
from typing import Final

from quintet_files import PRIVATE_MODE, write_atomically
from quintet_playlists import LISTENBRAINZ_EXTENSION, listenbrainz_jspf_of
from quintet_store import open_engine, reading
from quintet_store.saved_lists import SavedList, names_of
from quintet_store.track_ids import ids_of
from quintet_text.bounded_json import Bounds, JsonRefused, loads
from quintet_text.track_ids import ARTIST, RECORDING
from quintet_training.settings import TrainingSettings

from quintet_library.pushing.entries import entry_of
from quintet_library.pushing.target import Action, Missing, PushReport
from quintet_library.records import SourceFailed

_MOST_BYTES: Final = 16 * 1024**2


def write_listenbrainz(
    settings: TrainingSettings,
    saved: SavedList,
    path: Path,
    *,
    public: bool = False,
    dry_run: bool = False,
) -> PushReport:
    """Write a saved list as a JSPF file of ListenBrainz.

    ListenBrainz knows a track by its MusicBrainz recording alone: tracks without one are missing.

    Args:
        settings: Where the database is.
        saved: The list.
        path: The file; one that Quintet wrote before is replaced.
        public: Whether others may see the playlist at ListenBrainz.
        dry_run: Write nothing.

    Raises:
        SourceFailed: The file cannot be written, or is none of Quintet's, or would be empty.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            names = names_of(connection, saved.track_ids)
            ids = ids_of(connection, saved.track_ids)
    finally:
        engine.dispose()
    before = _ours(path)
    entries, missing = [], []
    for track_id in saved.track_ids:
        known = ids.get(track_id, [])
        recordings = [value for kind, value in known if kind == RECORDING]
        artists = tuple(value for kind, value in known if kind == ARTIST)
        entry = entry_of(names.get(track_id), recordings[0] if recordings else "", artists)
        if recordings:
            entries.append(entry)
        else:
            why = "the catalogue knows no MusicBrainz recording of it"
            missing.append(Missing(track_id, entry.title, entry.artists, why))
    if not entries:
        raise SourceFailed(
            f"{path}: none of the {len(missing)} tracks of {saved.name!r} has a MusicBrainz "
            "recording, by which ListenBrainz knows tracks; tag the files, for example with Picard"
        )
    content = listenbrainz_jspf_of(saved.name, entries, public=public)
    action = Action.CREATED if before is None else Action.UPDATED
    action = Action.UNCHANGED if before == content else action
    if not dry_run and action is not Action.UNCHANGED:
        write_atomically(path, content, PRIVATE_MODE)
    return PushReport(
        str(path), saved.name, action, len(entries), missing, [], str(path), dry_run=dry_run
    )


def _ours(path: Path) -> bytes | None:
    """Read a file that Quintet wrote; None if there is no file.

    Raises:
        SourceFailed: There is a file of another origin.
    """
    if not path.exists():
        return None
    try:
        content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        document = loads(content, Bounds(total=_MOST_BYTES))
        playlist = document["playlist"]
        if playlist["creator"] == "Quintet" and LISTENBRAINZ_EXTENSION in playlist["extension"]:
            return content
    except (JsonRefused, KeyError, TypeError, json.JSONDecodeError):
        pass  # the same answer as for any other file
    raise SourceFailed(
        f"{path}: exists, and is no JSPF file that Quintet wrote; it stays as it is: name another"
    )
