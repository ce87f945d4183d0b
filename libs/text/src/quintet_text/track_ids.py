"""Which track, artist or album an id, URI or web address names."""

import re
from typing import Final

_KINDS: Final = "track|artist|album|playlist|show|episode"
_ADDRESS: Final = re.compile(
    rf"""\s*(?:
        spotify:(?:user:[^:\s]+:)?(?P<uri>{_KINDS}):(?P<uri_id>[0-9A-Za-z]+)
      | (?:https?://)?(?:open|play)\.spotify\.com/(?:intl-[A-Za-z-]+/)?(?:embed/)?
        (?P<web>{_KINDS})/(?P<web_id>[0-9A-Za-z]+)/?(?:[?\#]\S*)?
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
# Letters and digits of any script and the marks below travel through URLs, the comma-separated
# lists of the Web API, CSV and file names without a second meaning.
_ID: Final = re.compile(r"[^\W_](?:[\w.:~-]*[\w~-])?\Z")
MAX_ID: Final = 128
ID_RULE: Final = (
    "letters, digits and . _ ~ : - , beginning with a letter or digit, at most 128 characters"
)


def track_id_of(text: str) -> str:
    """Give the id that a track's URI or web address names; any other text without blanks around.

    Takes `spotify:track:ID`, `https://open.spotify.com/track/ID?si=…`, `…/intl-de/track/ID`,
    `…/embed/track/ID`, http and no scheme; upper or lower case.
    """
    return id_of("track", text)


def id_of(kind: str, text: str) -> str:
    """Give the id of one kind ("track", "artist", "album" or "playlist") that an address names.

    An address of another kind stays what it is, so that it is not taken for a track.
    """
    # Most ids are no address; a request may hold ten thousand.
    found = _ADDRESS.fullmatch(text) if ":" in text or "/" in text else None
    if found is None or (found["uri"] or found["web"]).lower() != kind:
        return text.strip()
    return found["uri_id"] or found["web_id"]


def is_address(text: str) -> bool:
    """Return whether text is a Spotify URI or web address of any kind."""
    return _ADDRESS.fullmatch(text) is not None


def is_valid_id(text: str) -> bool:
    """Return whether an id can be named everywhere: in URLs, lists separated by commas and files.

    The rule is `ID_RULE`.
    """
    return len(text) <= MAX_ID and _ID.match(text) is not None
