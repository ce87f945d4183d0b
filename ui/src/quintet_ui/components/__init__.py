"""The parts of the page that run in the browser; each is a script, a style and its triggers."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import streamlit as st

Handler = Callable[[], None]


def search_box(data: Mapping[str, Any], *, key: str, typed: Handler, picked: Handler) -> None:
    """Shows the search; `typed` and `picked` find what was typed or picked in the state."""
    _component("search", '<div class="search quintet"></div>')(
        key=key, data=dict(data), on_typed_change=typed, on_picked_change=picked
    )


def seed_row(data: Mapping[str, Any], *, key: str, changed: Handler) -> None:
    """Shows the seeds; `changed` finds all seeds as they now are in the state."""
    _component("seeds", '<ol class="seeds quintet"></ol>')(
        key=key, data=dict(data), on_changed_change=changed
    )


def card_list(data: Mapping[str, Any], *, key: str, acted: Handler) -> None:
    """Shows the ranked list; `acted` finds what the listener did to which track in the state."""
    _component("cards", '<ol class="cards quintet"></ol>')(
        key=key, data=dict(data), on_acted_change=acted
    )


def triggered(key: str, name: str) -> Any:
    """Returns what a component sent with a trigger; None where it sent nothing in this run."""
    return getattr(st.session_state.get(key), name, None)


@cache
def _component(name: str, html: str) -> Callable[..., Any]:
    folder = files(__package__)
    parts = {
        kind: "\n".join(
            (folder / part).read_text(encoding="utf-8") for part in (first, f"{name}.{kind}")
        )
        for kind, first in (("js", "dom.js"), ("css", "base.css"))
    }
    return st.components.v2.component(
        f"quintet_{name}", html=html, css=parts["css"], js=parts["js"]
    )
