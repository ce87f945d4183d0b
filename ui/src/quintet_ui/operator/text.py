"""Numbers and times as text, alike in all sections and languages."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from quintet_ui.translations import Translations

# A hyphen alone would begin a list: tables read Markdown.
NOTHING: Final = "\u2013"


def percent(share: float) -> str:
    """Format a share, 0 to 1, as a percentage."""
    return f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Format a number with four significant digits; from 1,000 on without decimals."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def moment(time: datetime) -> str:
    """Show a time in UTC, to the minute: the operator's logs are in UTC too."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def facts(rows: dict[str, str], texts: Translations) -> None:
    """Show a table of fields and values, both as Markdown."""
    fact, value = texts("operator.fact"), texts("operator.value")
    st.table([{fact: name, value: text} for name, text in rows.items()])
