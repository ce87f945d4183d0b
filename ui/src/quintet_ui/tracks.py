"""Facts of a track as one line of text."""

from quintet_client.models import Track


def byline(track: Track) -> str:
    """Join the names of a track's artists in one line."""
    return ", ".join(artist.name for artist in track.artists)


def details(track: Track) -> str:
    """Join album, year and length in one line, leaving out what is unknown."""
    parts = [track.album, track.release_date[:4], duration(track.duration_ms)]
    return " · ".join(part for part in parts if part)


def duration(milliseconds: float) -> str:
    """Format a length as minutes and seconds; empty if unknown."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02d}" if milliseconds > 0 else ""
