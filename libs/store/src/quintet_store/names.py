"""Compare titles and artists of tracks in the database."""

import hashlib
from collections.abc import Sequence
from typing import Final

from quintet_text.normal_form import VERSION, normalise

KEY_PREFIX: Final = f"{VERSION}:"
"""Keys of another version of the normal form are computed again."""


def name_key(title: str, artists: Sequence[str]) -> str:
    """Make the key that two tracks share if title and first artist have the same normal form.

    Sources write further artists in several ways, as guests of the title or of the credit, so only
    the first is compared. The key is a prefix and 120 bits of BLAKE2b: among 10 million names
    two different ones collide with a probability of 4e-23.
    """
    first = artists[0] if artists else ""
    text = f"{normalise(first)}\x1f{normalise(title)}"
    return KEY_PREFIX + hashlib.blake2b(text.encode(), digest_size=15).hexdigest()
