"""From a history of listens to sessions, which training reads as playlists."""

from collections import OrderedDict
from datetime import UTC, date, datetime
from typing import Any, Final

GAP_SECONDS: Final = 30 * 60
"""Two listens of one listener further apart than this belong to two sessions; web analytics uses
the same bound (the default of Google Analytics)."""
_MAX_LISTENERS: Final = 100_000
MAX_TIME: Final = 2**40
"""Seconds; a time beyond it is damaged, and would not fit positions of 32 bits either."""
# Seconds since 1970 have ten digits until 2286; more are milliseconds or microseconds.
_LAST_SECOND: Final = 10**11
_FORMATS: Final = (
    "%d %b %Y, %H:%M",  # Last.fm by lastfm-to-csv: "14 Nov 2023, 22:13"
    "%d %b %Y %H:%M",
    "%Y-%m-%d %H:%M",  # Spotify's streaming history
    "%b %d, %Y, %I:%M:%S %p %Z",  # Google Takeout
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
)


class Sessions:
    """Groups listens of each listener by gaps in time, in ascending or descending order.

    A session's positions are seconds from its first listen in the file, so they order its tracks
    by time either way.

    Args:
        prefix: Begins the id of each session.
        listener: Names the listener of rows that name none.
    """

    def __init__(self, prefix: str, listener: str) -> None:
        self._prefix = prefix
        self._listener = listener
        # Listener to (time of last listen, time the session is named by, positions taken). Each
        # taken position comes with a later one, where the search for a free one goes on.
        self._open: OrderedDict[str, tuple[int, int, dict[int, int]]] = OrderedDict()

    def place(self, listener: str, at: int) -> dict[str, Any]:
        """Give the playlist and the position of a listen.

        Args:
            listener: Empty for the file's own.
            at: Seconds since 1970.
        """
        listener = listener or self._listener
        last, start, taken = self._open.pop(listener, (at, at, {}))
        if abs(at - last) > GAP_SECONDS:
            start, taken = at, {}
        position = at - start
        # Two listens of one second stay in the order of the file. Each taken position names a later
        # one, which is brought up to date on the way, so that a hundred thousand listens of the
        # same second take a hundred thousand steps and not their square.
        passed = []
        while position in taken:
            passed.append(position)
            position = taken[position]
        taken.update(dict.fromkeys((*passed, position), position + 1))
        self._open[listener] = (at, start, taken)
        if len(self._open) > _MAX_LISTENERS:
            self._open.popitem(last=False)
        return {
            "playlist_id": f"{self._prefix}:{listener}:{start}",
            "playlist": "listening session",
            "position": position,
        }


def seconds_of(value: object) -> int | None:
    """Read a time as seconds since 1970; None for what is no time.

    Takes numbers of seconds, milliseconds or microseconds, ISO 8601, and the forms of Last.fm's,
    Spotify's and Google's exports. A time without a zone is UTC.
    """
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    text = str(value if value is not None else "").strip().replace("\u202f", " ")
    try:
        number = float(text)
    except ValueError:
        return _parsed(text)
    while number >= _LAST_SECOND and number != float("inf"):
        number /= 1000
    return int(number) if 0 <= number < _LAST_SECOND else None


def _parsed(text: str) -> int | None:
    for read in (datetime.fromisoformat, *(_reader(form) for form in _FORMATS)):
        try:
            return seconds_of(read(text))
        except (ValueError, OverflowError):
            continue
    return None


def _reader(form: str) -> Any:
    return lambda text: datetime.strptime(text, form)
