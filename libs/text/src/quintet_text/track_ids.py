"""Which track, artist or album an id, URI or web address names, and the form ids are stored in."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

from quintet_text.id_patterns import MAX_ID, address_pattern

_ADDRESSES: Final = {
    kind: re.compile(address_pattern(kind))
    for kind in ("track", "artist", "album", "playlist", "show", "episode")
}
# Letters and digits of any script and the marks below travel through URLs, the comma-separated
# lists of the Web API, CSV and file names without a second meaning.
_ID: Final = re.compile(r"[^\W_](?:[\w.:~-]*[\w~-])?\Z")
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
    text = text.strip()
    # Most ids are no address; a request may hold ten thousand.
    found = _ADDRESSES[kind].fullmatch(text) if ":" in text or "/" in text else None
    return (found[1] or found[2]) if found else text


def is_address(text: str) -> bool:
    """Return whether text is a Spotify URI or web address of any kind."""
    return any(each.fullmatch(text.strip()) for each in _ADDRESSES.values())


def is_valid_id(text: str) -> bool:
    """Return whether an id can be named everywhere: in URLs, lists separated by commas and files.

    The rule is `ID_RULE`.
    """
    return len(text) <= MAX_ID and _ID.match(text) is not None


ISRC: Final = "isrc"
SPOTIFY: Final = "spotify"
RECORDING: Final = "musicbrainz_recording"
RELEASE: Final = "musicbrainz_release"
ARTIST: Final = "musicbrainz_artist"
KINDS: Final = (ISRC, RECORDING, RELEASE, ARTIST, SPOTIFY)
"""Kinds of ids that a track may carry besides its own. A recording is one track; a release or an
artist has many."""
SAME_RECORDING: Final = (ISRC, RECORDING, SPOTIFY)
"""Kinds that name one recording: two sources that give the same value mean the same track."""
# ISO 3901: country, registrant, year and number; written with hyphens or blanks, or without.
_ISRC: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_SPOTIFY: Final = re.compile(r"[0-9A-Za-z]{22}")
_MUSICBRAINZ: Final = re.compile(
    r"(?:(?:https?://)?(?:beta\.)?musicbrainz\.org/(?P<entity>recording|release|artist)/)?"
    r"(?P<uuid>[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})/?(?:[?#]\S*)?",
    re.IGNORECASE,
)
_ENTITIES: Final = {"recording": RECORDING, "release": RELEASE, "artist": ARTIST}


class TrackIdentifier(NamedTuple):
    """An id of a track in the form in which it is stored and compared.

    Attributes:
        kind: One of `KINDS`.
        value: ISRC in capitals without hyphens; UUID in lower case with hyphens; Spotify's id as
            it is, since its case matters.
    """

    kind: str
    value: str


def normal_id(kind: str, text: str) -> str:
    """Bring an id of one of `KINDS` into the form that is stored; empty if it is none.

    Takes hyphens and lower case in ISRCs, `urn:isrc:` and `isrc:`; upper case in UUIDs, and web
    addresses of MusicBrainz; URIs and web addresses of Spotify. An address of another kind of thing
    gives nothing.
    """
    text = text.strip()
    if kind == ISRC:
        code = re.sub(r"^(?:urn:)?isrc:", "", text, flags=re.IGNORECASE)
        code = code.upper().replace("-", "").replace(" ", "")
        return code if _ISRC.fullmatch(code) else ""
    if kind == SPOTIFY:
        named = id_of("track", text)
        return named if _SPOTIFY.fullmatch(named) else ""
    found = _MUSICBRAINZ.fullmatch(text)
    entity = found["entity"] if found else None
    if found is None or (entity and _ENTITIES[entity.lower()] != kind):
        return ""
    # UUID's own text is lower case with hyphens, whatever it was read from.
    return str(UUID(found["uuid"]))


def readings_of(text: str) -> Iterator[TrackIdentifier]:
    """Yield every id that a text typed or pasted by a person may be, the most likely first.

    A bare UUID may name a recording, a release or an artist. A prefix such as `isrc:` or
    `musicbrainz_release:` allows its kind alone.
    """
    prefix, _, rest = text.strip().partition(":")
    named = prefix.lower() if prefix.lower() in KINDS and rest else ""
    # Spotify's own URIs begin with the name of the kind too: spotify:track:ID.
    body = text if not named or is_address(text) else rest
    for kind in (named,) if named else KINDS:
        if value := normal_id(kind, body):
            yield TrackIdentifier(kind, value)
