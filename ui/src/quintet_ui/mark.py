"""The mark of the product: five bars, one for each song that a listener picks."""

import base64
from functools import cache
from pathlib import Path
from typing import Final

MARK: Final = Path(__file__).parent / "assets" / "mark.svg"
"""The picture. `docs/logo.svg` is the same file, for the documentation and the README."""


@cache
def mark_svg() -> str:
    """Read the picture."""
    return MARK.read_text(encoding="utf-8").strip()


@cache
def mark_address() -> str:
    """Write the picture as a `data:` address, which costs a browser no request."""
    return f"data:image/svg+xml;base64,{base64.b64encode(mark_svg().encode()).decode()}"
