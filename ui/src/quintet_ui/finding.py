"""Search for songs by a text or an address, for the page and for the shell that comes before it."""

from typing import Final

from quintet_client import Quintet, QuintetError
from quintet_client.models import Track
from quintet_text.normal_form import normalise
from quintet_text.track_ids import is_address, track_id_of

from quintet_ui.faults import Fault, gateway_fault
from quintet_ui.tracks import byline
from quintet_ui.translations import Translations

FOUND: Final = 8
"""Songs of one search: as many as fit without scrolling."""
_READ: Final = 3 * FOUND
"""Songs that are read for them: some are releases of the same song."""
MOST_LETTERS: Final = 200
"""Of a text that is searched for; the gateway rejects more than 256."""
_NOT_THERE: Final = frozenset({Fault.UNKNOWN, Fault.ABSENT, Fault.REFUSED})


def tracks_for(gateway: Quintet, query: str) -> list[Track]:
    """Find the songs of the catalogue that match a text, or the one at a pasted address.

    Raises:
        QuintetError: The gateway does not answer, or rejects the text.
    """
    if is_address(query):
        return _at_address(gateway, query)
    page = gateway.search(query, limit=_READ)
    # Spotify's search may find songs that the catalogue lacks: they cannot be seeds.
    tracks = [match.track for match in page.tracks if match.recommendable]
    # Releases of one song look the same: the best match stands for all of them.
    songs = {(normalise(each.title), normalise(byline(each))): each for each in reversed(tracks)}
    kept = {track.id for track in songs.values()}
    return [track for track in tracks if track.id in kept][:FOUND]


def _at_address(gateway: Quintet, address: str) -> list[Track]:
    """Look up the track of a pasted link or URI; none if the catalogue does not have it."""
    try:
        return [gateway.track(track_id_of(address))]
    except QuintetError as error:
        if gateway_fault(error).fault in _NOT_THERE:
            return []
        raise


def search_status(query: str, tracks: list[Track], texts: Translations) -> str:
    """Say how well the results fit a text."""
    if not tracks:
        return texts("search.nothing_at" if is_address(query) else "search.nothing", query=query)
    # A text with a field, such as artist:eagles, names what it wants exactly.
    if ":" in query or any(_names(track, query) for track in tracks):
        return texts("search.count", count=len(tracks))
    return texts("search.similar", query=query)


def _names(track: Track, query: str) -> bool:
    """Whether a track has a word of the text in its title, artists, album or genres."""
    names = (track.title, track.album, byline(track), *track.genres)
    known = set(normalise(" ".join(names)).split())
    words = normalise(query).split()
    # The last word may still be typed.
    return all(
        word in known or (word == words[-1] and any(name.startswith(word) for name in known))
        for word in words
    )
