"""One track of a playlist file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """What a playlist file says of a track; empty for what is not known.

    Attributes:
        title: Of the track.
        artists: Names, joined for display.
        location: A path or an address.
        album: Title of the album.
        duration_ms: Milliseconds; 0 if not known.
        isrc: International Standard Recording Code.
        recording_mbid: MusicBrainz id of the recording.
        artist_mbids: MusicBrainz ids of the artists.
        note: Why it is in the list, for a person.
    """

    title: str
    artists: str
    location: str = ""
    album: str = ""
    duration_ms: float = 0.0
    isrc: str = ""
    recording_mbid: str = ""
    artist_mbids: tuple[str, ...] = ()
    note: str = ""
