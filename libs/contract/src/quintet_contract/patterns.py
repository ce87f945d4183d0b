r"""What ids and names look like, as regular expressions of a whole text.

Each is written between ^ and $ for JSON Schema, OpenAPI and pydantic. In Python use `fits`, because
$ also matches before a line break at the end of a text.
"""

import re
from typing import Final

LISTENER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"
"""A listener's id, as a client knows the listener."""
LISTENER_RULE: Final = "1 to 128 letters, digits and ._:@-, the first a letter or a digit"
EVENT_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,64}$"
"""An event's id, made by the client, and a recommendation's id, made by the gateway."""
EVENT_RULE: Final = "1 to 64 letters, digits and ._:-"
REQUEST_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,128}$"
"""A request's id in the header x-request-id; it goes into logs as it is."""
VERSION_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
"""The version of a published folder or of a registered model; it becomes a file name."""
SPOTIFY_TRACK_PATTERN: Final = r"^[0-9A-Za-z]{22}$"
"""A Spotify id: base 62 of 128 bits. Tracks of other catalogues have other ids."""


def fits(pattern: str, text: str) -> bool:
    """Check a whole text against one of the patterns of this module."""
    return re.fullmatch(pattern, text, re.ASCII) is not None
