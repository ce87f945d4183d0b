"""HTML of the operator's page: states and events, each with a mark, a word and a colour.

The mark and the word say the same as the colour, so that nothing depends on colour alone.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, Literal

import streamlit as st
from quintet_text.printable import printable

Tone = Literal["good", "warn", "bad", "plain"]
_MARKS: Final[dict[str, str]] = {"good": "✓", "warn": "!", "bad": "✕", "plain": "·"}
_MOST: Final = 300
# Each colour has a contrast of 4.5 to 1 at least with the page, light and dark.
_STYLE: Final = """<style>
.op-states {display: flex; flex-wrap: wrap; gap: 0.6rem;}
.op-states > div {flex: 1 1 9rem; margin: 0; padding: 0.6rem 0.8rem;
  border: 1px solid rgb(128 128 128 / 35%); border-left: 0.4rem solid var(--op-tone);
  border-radius: 0.5rem;}
.op-states b {display: block; font-weight: 600;}
.op-tone {color: var(--op-tone); font-weight: 600;}
.op-mark {display: inline-block; min-width: 1.1em; text-align: center; font-weight: 700;}
.op-good {--op-tone: light-dark(#0a7040, #5fd39a);}
.op-warn {--op-tone: light-dark(#8a5300, #f2b95c);}
.op-bad {--op-tone: light-dark(#b3261e, #ff9d94);}
.op-plain {--op-tone: light-dark(#4a4a55, #b9b9c6);}
.op-wide {overflow-x: auto;}
.op-events {border-collapse: collapse; width: 100%; font-size: 0.9rem;}
.op-events th, .op-events td {text-align: left; padding: 0.3rem 0.7rem 0.3rem 0;
  vertical-align: top; border-bottom: 1px solid rgb(128 128 128 / 25%); overflow-wrap: anywhere;}
.op-events td:first-child {white-space: nowrap; font-variant-numeric: tabular-nums;}
@media (forced-colors: active) {.op-states > div {border-left: 0.4rem solid CanvasText;}}
</style>"""


def tone_of_state(state: str) -> Tone:
    """Choose the tone of a service's state."""
    if state == "SERVING":
        return "good"
    return "warn" if state == "NOT_SERVING" else "bad"


def show_states(states: Iterable[tuple[str, str, Tone]]) -> None:
    """Show states side by side.

    Args:
        states: Name, word and tone of each.
    """
    items = "".join(
        f'<div role="listitem" class="op-{tone}"><b>{_text(name)}</b>{_toned(word, tone)}</div>'
        for name, word, tone in states
    )
    _show(f'<div role="list" class="op-states">{items}</div>')


def show_rows(
    titles: Sequence[str], rows: Iterable[tuple[Tone, Sequence[str]]], label: str, toned: int
) -> None:
    """Show a table of which one column has the tone of its row.

    Args:
        titles: Of the columns.
        rows: Tone and cells of each.
        label: What the table lists, for readers of the screen.
        toned: The number of the column with mark and colour.
    """
    head = "".join(f'<th scope="col">{_text(title)}</th>' for title in titles)
    body = "".join(
        f'<tr class="op-{tone}">'
        + "".join(
            f"<td>{_toned(cell, tone) if place == toned else _text(cell)}</td>"
            for place, cell in enumerate(cells)
        )
        + "</tr>"
        for tone, cells in rows
    )
    table = f'<table class="op-events"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    region = f'role="region" tabindex="0" aria-label="{escape(label, quote=True)}"'
    _show(f'<div class="op-wide" {region}>{table}</div>')


def _toned(word: str, tone: Tone) -> str:
    mark = f'<span class="op-mark" aria-hidden="true">{_MARKS[tone]}</span>'
    return f'<span class="op-tone">{mark} {_text(word)}</span>'


def _text(text: str) -> str:
    return escape(printable(text, _MOST), quote=True)


def _show(body: str) -> None:
    # `light-dark` follows the scheme of the theme that Streamlit shows, not that of the system.
    scheme = "dark" if st.context.theme.type == "dark" else "light"
    st.html(f'{_STYLE}<div style="color-scheme: {scheme}">{body}</div>')
