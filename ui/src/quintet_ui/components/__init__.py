"""The components of the page that run in the browser: each has a script, a style and triggers."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import streamlit as st

Handler = Callable[[], None]
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {"js": ("dom.js",), "css": ("base.css",)}
_WITH_COVERS: Final = frozenset({"cards", "player", "radio", "search", "seeds", "tray"})
"""Components whose covers play, or that play them."""


def search_box(
    data: Mapping[str, Any], *, key: str, typed: Handler, picked: Handler, surprised: Handler
) -> None:
    """Show the search box; a handler is called after the state holds the new value."""
    _component("search", '<div class="search quintet"></div>')(
        key=key,
        data=dict(data),
        on_typed_change=typed,
        on_picked_change=picked,
        on_surprised_change=surprised,
    )


def seed_row(data: Mapping[str, Any], *, key: str, changed: Handler) -> None:
    """Show the seeds; `changed` is called after the state holds the new order and weights."""
    _component("seeds", '<ol class="seeds quintet"></ol>')(
        key=key, data=dict(data), on_changed_change=changed
    )


def card_list(data: Mapping[str, Any], *, key: str, acted: Handler) -> None:
    """Show the ranked list; `acted` is called after the state holds the action and its track."""
    _component("cards", '<ol class="cards quintet"></ol>')(
        key=key, data=dict(data), on_acted_change=acted
    )


def mood_box(data: Mapping[str, Any], *, key: str, tuned: Handler) -> None:
    """Show the mood pad; `tuned` is called after the state holds the point, preset or tempo."""
    _component("mood", '<div class="mood quintet"></div>')(
        key=key, data=dict(data), on_tuned_change=tuned
    )


def who_box(data: Mapping[str, Any], *, key: str, chosen: Handler) -> None:
    """Show who listens; `chosen` is called after the state holds the name and its id."""
    _component("who", '<div class="who quintet"></div>')(
        key=key, data=dict(data), on_chosen_change=chosen
    )


def upload_box(data: Mapping[str, Any], *, key: str, imported: Handler) -> None:
    """Show the upload of a history; `imported` is called after one became part of the memory."""
    _component("upload", '<div class="upload quintet"></div>')(
        key=key, data=dict(data), on_imported_change=imported
    )


def tray_box(data: Mapping[str, Any], *, key: str, restored: Handler, removed: Handler) -> None:
    """Show the saved songs; `restored` is called with those that the browser kept."""
    _component("tray", '<div class="tray quintet"></div>')(
        key=key, data=dict(data), on_restored_change=restored, on_removed_change=removed
    )


def map_view(data: Mapping[str, Any], *, key: str, acted: Handler) -> None:
    """Show the map; `acted` is called after the state holds what to do with which song."""
    _component("map_view", '<div class="map quintet"></div>')(
        key=key, data=dict(data), on_acted_change=acted
    )


def clock(seconds: float, *, key: str) -> None:
    """Run the script, or the fragment, again every so many seconds while the page can be seen."""
    _component("clock", '<div class="clock"></div>')(
        key=key, data={"seconds": seconds}, on_ticked_change=lambda: None
    )


def player_box(data: Mapping[str, Any], *, key: str, played: Handler) -> None:
    """Show the player while it plays; `played` is called with what was heard."""
    _component("player", '<div class="sound quintet"></div>')(
        key=key, data=dict(data), on_played_change=played
    )


def radio_box(data: Mapping[str, Any], *, key: str, left: Handler) -> None:
    """Show the songs of a radio; `left` is called after one was heard or passed over."""
    _component("radio", '<ol class="radio quintet"></ol>')(
        key=key, data=dict(data), on_left_change=left
    )


def radar_box(data: Mapping[str, Any], *, key: str) -> None:
    """Show the radar with its legend."""
    _component("radar", '<div class="radar quintet"></div>')(key=key, data=dict(data))


def toast_box(data: Mapping[str, Any], *, key: str) -> None:
    """Show what was done last with a button that undoes it; other components say what that was."""
    _component("toast", '<div class="toast quintet"></div>')(key=key, data=dict(data))


def watch_box(data: Mapping[str, Any], *, key: str) -> None:
    """Watch the connection to the page's server, and say so while it is lost."""
    _component("watch", '<div class="watch quintet"></div>')(key=key, data=dict(data))


def triggered(key: str, name: str) -> Any:
    """Read the value that a component sent in this run; None if it sent nothing."""
    return getattr(st.session_state.get(key), name, None)


def source_of(name: str, kind: str) -> str:
    """Read the script or the style of a component, after the parts that it needs.

    Args:
        name: Of the component.
        kind: `js` or `css`.
    """
    covers = (f"covers.{kind}",) if name in _WITH_COVERS else ()
    parts = (*_PARTS[kind], *covers, f"{name}.{kind}")
    return "\n".join((files(__package__) / part).read_text(encoding="utf-8") for part in parts)


@cache
def _component(name: str, html: str) -> Callable[..., Any]:
    return st.components.v2.component(
        f"quintet_{name}", html=html, css=source_of(name, "css"), js=source_of(name, "js")
    )
