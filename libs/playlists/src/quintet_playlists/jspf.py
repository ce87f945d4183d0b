"""JSPF: a playlist as JSON (https://www.xspf.org/jspf), also in the form of ListenBrainz."""

import json
from collections.abc import Iterable
from typing import Any, Final

from quintet_playlists.entries import Entry

LISTENBRAINZ_EXTENSION: Final = "https://musicbrainz.org/doc/jspf#playlist"
_TRACK_EXTENSION: Final = "https://musicbrainz.org/doc/jspf#track"
_RECORDING: Final = "https://musicbrainz.org/recording/"
_ARTIST: Final = "https://musicbrainz.org/artist/"
_CREATOR: Final = "Quintet"


def jspf_of(title: str, entries: Iterable[Entry]) -> bytes:
    """Write a playlist with ISRCs and MusicBrainz recordings as identifiers, where known."""
    tracks = []
    for number, entry in enumerate(entries, 1):
        codes = [f"isrc:{entry.isrc}"] if entry.isrc else []
        recordings = [_RECORDING + entry.recording_mbid] if entry.recording_mbid else []
        track: dict[str, object] = {
            "title": entry.title,
            "creator": entry.artists,
            "album": entry.album,
            "duration": entry.duration_ms,
            "trackNum": number,
            "location": [entry.location] if entry.location else [],
            "identifier": [*recordings, *codes],
            "annotation": entry.note,
        }
        tracks.append({name: value for name, value in track.items() if value})
    return _written({"title": title, "creator": _CREATOR, "track": tracks})


def listenbrainz_jspf_of(title: str, entries: Iterable[Entry], *, public: bool = False) -> bytes:
    """Write a playlist as ListenBrainz accepts it: each track by its MusicBrainz recording.

    Source: listenbrainz.readthedocs.io, "Playlists", and musicbrainz.org/doc/jspf.

    Args:
        title: Of the playlist.
        entries: Each with a `recording_mbid`.
        public: Whether others may see the playlist at ListenBrainz.
    """
    tracks = []
    for entry in entries:
        track: dict[str, Any] = {
            "identifier": [_RECORDING + entry.recording_mbid],
            "title": entry.title,
            "creator": entry.artists,
            "album": entry.album,
            "duration": round(entry.duration_ms),
        }
        if entry.artist_mbids:
            artists = [_ARTIST + mbid for mbid in entry.artist_mbids]
            track["extension"] = {_TRACK_EXTENSION: {"artist_identifiers": artists}}
        tracks.append({name: value for name, value in track.items() if value})
    extension = {LISTENBRAINZ_EXTENSION: {"public": public}}
    return _written({"title": title, "creator": _CREATOR, "extension": extension, "track": tracks})


def _written(playlist: dict[str, Any]) -> bytes:
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=1).encode()
