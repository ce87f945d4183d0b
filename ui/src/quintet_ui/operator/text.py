"""Facts as text."""

from datetime import datetime
from typing import Final

# A hyphen alone would begin a list: tables read Markdown.
NOTHING: Final = "\u2013"


def percent(share: float) -> str:
    """Returns a share, 0..1, as a percentage."""
    return f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Returns a number with four digits, or with all before its point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def moment(text: str) -> str:
    """Returns a time of the gateway, which tells it in UTC, to the minute."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")
