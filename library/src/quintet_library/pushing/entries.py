"""Names of tracks as playlist files state them."""

from dataclasses import replace

from quintet_playlists import Entry
from quintet_store.saved_lists import TrackNames

_UNKNOWN = Entry("", "")


def entry_of(
    names: TrackNames | None, recording_mbid: str = "", artist_mbids: tuple[str, ...] = ()
) -> Entry:
    """Make an entry, without a location; empty names for a track that the catalogue lacks."""
    ids = {"recording_mbid": recording_mbid, "artist_mbids": artist_mbids}
    if names is None:
        return replace(_UNKNOWN, **ids)  # type: ignore[arg-type]
    return Entry(
        names.title,
        ", ".join(names.artists),
        album=names.album,
        duration_ms=names.duration_ms,
        recording_mbid=recording_mbid,
        artist_mbids=artist_mbids,
    )
