"""Bodies of requests as plugins of AudioMuse-AI send them: JSON with the ids of songs."""

from typing import Final

import orjson

from quintet_players.faults import PlayerFault
from quintet_players.mixes import MOST_SEEDS, MOST_SONGS
from quintet_players.parameters import MAX_ID

DEFAULT_BLEND: Final = 100
_DEFAULT_SEARCHED: Final = 50


def blend_of(body: bytes) -> tuple[list[tuple[str, bool]], int]:
    """Read the body of /api/alchemy: (id, whether it is added) of each song, and how many songs.

    Raises:
        PlayerFault: It has another shape, no song to add, or too many.
    """
    shape = PlayerFault(
        'The body must be JSON such as {"items": [{"id": "…", "op": "ADD", "type": "song"}], '
        f'"n": 25}}, with 1 to {MOST_SEEDS} items to ADD and at most as many to SUBTRACT.'
    )
    try:
        content = orjson.loads(body)
        items = [(each["id"], str(each.get("op", "ADD")).upper()) for each in content["items"]]
        count = content.get("n", DEFAULT_BLEND)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise shape from None
    added = [item for item, op in items if op == "ADD"]
    taken = [item for item, op in items if op == "SUBTRACT"]
    texts = all(isinstance(item, str) and 0 < len(item) <= MAX_ID for item in added + taken)
    counted = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    if not texts or not counted or len(added) + len(taken) != len(items):
        raise shape
    if not 1 <= len(added) <= MOST_SEEDS or len(taken) > MOST_SEEDS:
        raise shape
    found = [(item, True) for item in added] + [(item, False) for item in taken]
    return found, min(count, MOST_SONGS)


def seed_of(body: bytes) -> tuple[str, int]:
    """Read the body of a search by one song: its id, and how many songs.

    Raises:
        PlayerFault: It has another shape, or asks for another mode than similar songs.
    """
    shape = PlayerFault('The body must be JSON such as {"item_id": "…", "limit": 25}.')
    try:
        content = orjson.loads(body)
        item_id, count = content["item_id"], content.get("limit", _DEFAULT_SEARCHED)
        mode = content.get("mode", "similar")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise shape from None
    if not isinstance(item_id, str) or not 0 < len(item_id) <= MAX_ID:
        raise shape
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise shape
    if mode != "similar":
        raise PlayerFault("mode must be similar; Quintet has no other.")
    return item_id, min(count, MOST_SONGS)
