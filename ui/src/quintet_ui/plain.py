"""Text of the catalogue and of other servers, shown as it is wherever markup would be read.

Titles, names, versions and messages are data. The page's components in the browser only ever set
text; Streamlit's own elements read Markdown, and Plotly reads some HTML.
"""

import html
import re
from typing import Final
from urllib.parse import urlsplit

from quintet_text.printable import printable

MOST_IN_TABLE: Final = 300
MOST_IN_CHART: Final = 80
"""Characters of a name beside a point: more would cover the chart."""
_TICKS: Final = re.compile("`+")
# They reorder the text after them, of the sentence around a title too. Marks stay: names of
# right-to-left scripts need them.
_REORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def code(text: str, most: int = MOST_IN_TABLE) -> str:
    """Write text for Markdown as a code span: nothing within one is a link, a picture or an emoji.

    A backslash would not do: Streamlit looks for addresses, emoji and icons after the escapes.
    """
    shown = printable(text, most).strip()
    if not shown:
        return ""
    # CommonMark 6.1: the fence is longer than any run of backticks in the text, and one space on
    # each side is no part of it.
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown}{fence}"


def chart(text: str, most: int = MOST_IN_CHART) -> str:
    """Write text for a chart of Plotly, which makes links and styles of HTML.

    Quotes stay: Plotly would show their entities, and text is never an attribute there.
    """
    return html.escape(printable(text, most), quote=False)


def ordered(text: str) -> str:
    """Leave out the characters that turn around the order of the text after them."""
    return _REORDERING.sub("", text)


def web_address(text: str) -> str:
    """Give an address if it is one of the web, else nothing: a link must not run a script."""
    try:
        parts = urlsplit(text)
        return text if parts.scheme in {"http", "https"} and parts.hostname else ""
    except ValueError:
        return ""
