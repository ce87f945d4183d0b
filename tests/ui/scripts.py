"""What scripts of the page are given when a test runs them without the page."""

import base64
import io
import wave

from quintet_ui.components import source_of

LABELS = {
    "preview": "Preview", "like": "Like", "save": "Save", "skip": "Skip", "mute": "Mute",
    "dislike": "Less", "choose": "Compare", "open": "Open", "bars": "Why", "heading": "List",
    "more": "More about", "why": "Why this song", "likeness": "Alike", "nerds": "For nerds",
    "keys": "Keys", "changed": "New list: #", "play": "Play", "pause": "Pause", "next": "Next song",
    "before": "Previous song", "queue": "Queue", "unqueue": "Remove # from the queue",
    "closePlayer": "Close the player", "searchOn": "Search on @", "elsewhere": "Search",
    "search": "Search",
}  # fmt: skip
DRAWN = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


def silence(seconds):
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000 * seconds)
    return f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode()}"


def card(name, **changes):
    return {
        "id": name, "rank": 1, "title": f"Title {name}", "byline": "Artist", "artist": "Artist",
        "details": "Album", "cover": DRAWN, "drawn": DRAWN, "preview": "", "link": "",
        "sentence": "Because.",
        "why": {"facts": ["Because."], "likeness": [], "fit": None, "bars": []},
        "year": "1976", "chip": "More",
        "liked": False, "saved": False, **changes,
    }  # fmt: skip


RUN = """async ([script, name]) => {
    const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
    const {default: show} = await import(address);
    (window.sent ??= {})[name] = [];
    const setTriggerValue = (_name, value) => window.sent[name].push(value);
    const parentElement = document.body;
    (window.give ??= {})[name] = (data) => show({data, parentElement, setTriggerValue});
}"""


class Component:
    """One script of the page in a tab.

    Args:
        tab: Where its element is.
        name: Of the component.
    """

    def __init__(self, tab, name):
        self._tab, self._name = tab, name
        tab.evaluate(RUN, [source_of(name, "js"), name])
        tab.add_style_tag(content=source_of(name, "css"))

    def give(self, data):
        """Gives it data, as the page does after each run."""
        self._tab.evaluate("([name, data]) => window.give[name](data)", [self._name, data])

    def sent(self):
        """Returns what it has sent to the page."""
        return self._tab.evaluate("(name) => window.sent[name]", self._name)
