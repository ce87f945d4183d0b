"""Artist and title in the name of a file, for playlists that name files alone."""

import re
from typing import Final
from urllib.parse import unquote

_DASH: Final = re.compile(r"\s+[-\u2013\u2014]\s+")
# "03 - ", "03. ", "1-03 ": the number of a track, of a disc before it.
_NUMBER: Final = re.compile(r"^(?:\d{1,2}-)?\d{1,3}[\s._-]+")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://[^/]*")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def split_dash(text: str) -> tuple[str, str]:
    """Split "Artist - Title" at its first dash between blanks; without one, all is the title."""
    parts = _DASH.split(text.strip(), maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else ("", text.strip())


def named_by_file(location: str) -> dict[str, str]:
    """Find artist and title in a path or an address of a file.

    Reads `Artist - Title.mp3`, with a track number before it, and the folders of players:
    `Artist/Album/03 Title.mp3`. Percent-encoding is decoded.

    Args:
        location: A path with slashes or backslashes, absolute or relative, or an address.

    Returns:
        `artist` and `title`; empty where the name holds only one of them.
    """
    address = _SCHEME.match(location)
    if address is not None and not location.lower().startswith("file:"):
        location = re.split(r"[?#]", location)[0]
    parts = [part for part in re.split(r"[/\\]", _decoded(_SCHEME.sub("", location))) if part]
    if not parts or not _SUFFIX.search(parts[-1]):
        return {}
    stem = _SUFFIX.sub("", parts[-1])
    # Programs that avoid blanks write "Artist_-_Title".
    stem = stem if " " in stem else stem.replace("_", " ")
    plain = _NUMBER.sub("", stem)
    # The number goes first, or "03 - Eagles - X" would have the artist "03".
    artist, title = split_dash(plain)
    if artist and title:
        return {"artist": artist, "title": title}
    return {"artist": parts[-3], "title": plain} if len(parts) > 3 and plain else {}


def _decoded(text: str) -> str:
    """Decode percent-encoding where it is UTF-8; else "%" is a character of the name."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
