"""M3U8: a playlist as lines of paths or addresses, in UTF-8.

Source of the format: RFC 8216, section 4, and the de-facto `#EXTINF`, `#EXTALB`, `#PLAYLIST`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from quintet_playlists.entries import Entry

_MARK: Final = re.compile(r"^#QUINTET:([0-9a-f]{8,64})\r?$", re.MULTILINE)


def m3u8_of(title: str, entries: Iterable[Entry], comments: Sequence[str] = ()) -> bytes:
    """Write an extended M3U playlist.

    Args:
        title: Of the playlist.
        entries: Each with a location: a relative path has "./" before a leading "#".
        comments: Further lines after the title, each beginning with "#".
    """
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(title)}", *comments]
    for entry in entries:
        # -1 means unknown, by convention of players; RFC 8216 has no such value.
        seconds = round(entry.duration_ms / 1000) or -1
        lines.append(f"#EXTINF:{seconds},{_line(entry.artists)} - {_line(entry.title)}")
        if entry.album:
            lines.append(f"#EXTALB:{_line(entry.album)}")
        # Blanks in the name of a file count; a line that begins with "#" is no path.
        lines.append(f"./{entry.location}" if entry.location.startswith("#") else entry.location)
    return ("\n".join(lines) + "\n").encode()


def list_mark(list_id: str) -> str:
    """Make the comment by which a file is recognised as written for a saved list."""
    return f"#QUINTET:{list_id}"


def mark_in(text: str) -> str:
    """Find the id of the saved list that a playlist file was written for; "" if there is none."""
    found = _MARK.search(text)
    return found[1] if found else ""


def _line(text: str) -> str:
    return " ".join(text.split())
