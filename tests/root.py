"""Where the repository starts, and where data beside it is, for tests that read files there."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SHARED: Final = Path(os.environ.get("QUINTET_SHARED_DATA", ROOT.parent / "shared" / "data"))
"""Playlists and tracks that are not part of the repository."""
