"""Continue a sync that was killed, or whose server failed, at the page where it stopped."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from quintet_library.listening import Heard

SAVE_PAGES: Final = 10
"""Pages between two saved states: one has up to a megabyte, mostly of what was heard."""
LONGEST: Final = timedelta(days=1)
"""An older sync starts from the beginning: by then the pages of the server may hold other songs."""
_VERSION: Final = 1
_HEARD: Final = ("favourites", "plays", "recent", "signals")


@dataclass
class SyncState:
    """How far a sync is, as it is stored with each `SAVE_PAGES`th page.

    Attributes:
        since: When it began, from `begin_sync`; the items that it met have this time.
        start: Where the reader continues, `Page.next`; empty for the beginning.
        songs: Items met so far.
        heard: What the pages so far say of stars, ratings and plays.
    """

    since: str
    start: str = ""
    songs: int = 0
    heard: Heard = field(default_factory=Heard)

    def to_json(self) -> str:
        """Write the state for `save_cursor`."""
        heard = {name: getattr(self.heard, name) for name in _HEARD}
        facts = {"version": _VERSION, "since": self.since, "start": self.start}
        return json.dumps({**facts, "songs": self.songs, "heard": heard}, separators=(",", ":"))


def state_of(cursor: str, now: datetime | None = None) -> SyncState | None:
    """Read the state of a sync that did not end; None if the next one starts from the first page.

    Args:
        cursor: As `to_json` wrote it; empty if the last sync ended.
        now: The time.
    """
    try:
        facts = json.loads(cursor)
        began = datetime.fromisoformat(facts["since"])
        if facts["version"] != _VERSION or (now or datetime.now(UTC)) - began > LONGEST:
            return None
        heard = {name: [tuple(row) for row in facts["heard"][name]] for name in _HEARD}
        return SyncState(facts["since"], str(facts["start"]), int(facts["songs"]), Heard(**heard))
    except (ValueError, KeyError, TypeError):
        # Also the cursor of an older release, which had other text.
        return None
