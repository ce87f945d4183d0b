"""The first screen: a search that works while the rest of the page is still loading.

Streamlit's scripts are 0.6 MB: some seconds on a slow line. The HTML of the listener's page holds
the search component itself with a small script, so that a song can be searched for and picked at
once. The component of the page takes over what was typed and picked (components/search.js).
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

from quintet_ui.mark import mark_address, mark_svg
from quintet_ui.preferences import SEEDS_PARAMETER
from quintet_ui.translations import LANGUAGES, translations_for

PATH: Final = "/"
"""The path of the listener's page, the only one with a search."""
_TEXTS: Final = (
    "page.title", "page.lead", "shell.loading", "shell.slow", "shell.failed",
)  # fmt: skip
_ICON: Final = re.compile(r'<link rel="shortcut icon"[^>]*>')
# The text font comes when it is used; a preload of 170 kB would delay the scripts.
_FONT: Final = re.compile(r'<link\s+rel="preload"[^>]*as="font"[^>]*>', re.DOTALL)
_SCRIPTS: Final = re.compile(r'<(script type="module"|link rel="modulepreload")')
_TITLE: Final = re.compile(r"<title>[^<]*</title>")
_HEAD_END: Final = "</head>"
_ROOT: Final = '<div id="root"></div>'
# The panel at the side would move all that was drawn before it: the page is shown with it, or after
# some seconds, so that an error without a panel is shown too. What decides where things are is
# here too: the other styles (page.py) come when the page is already shown.
_WHOLE: Final = """<style>
body:not(:has([data-testid="stSidebar"])) [data-testid="stAppViewContainer"] {
  visibility: hidden; animation: whole 0s linear 8s forwards;}
@keyframes whole {to {visibility: visible;}}
/* What is at the bottom of the window takes no room in the page. */
.st-key-watch, .st-key-toast, [data-testid="stLayoutWrapper"]:has(> div > .st-key-player) {
  position: absolute !important; height: 0;}
/* Room for what arrives later, so that nothing below it moves. */
body .st-key-finder {min-height: 5.6rem;}
body .st-key-lead:empty {display: none;}
[data-testid="stLayoutWrapper"]:has(> .st-key-begun) {
  position: absolute !important; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);}
body:has(.st-key-lead p) .st-key-finder {min-height: 25.5rem;}
body .st-key-tuning {min-height: 40.5rem;}
body .st-key-slots {min-height: 4.6rem;}
body [data-testid="stMainBlockContainer"] {padding-top: 4rem;}
@media (max-width: 900px) {body:has(.st-key-lead p) .st-key-finder {min-height: 47rem;}}
/* A phone has the button of the panel at the bottom. */
@media (max-width: 640px) {
  body [data-testid="stExpandSidebarButton"] {
    position: fixed; bottom: calc(var(--quintet-bottom, 0px) + 0.8rem); left: 50%;
    transform: translateX(-50%); width: max-content;
    padding: 0.6rem 1rem; border: 1px solid; border-radius: 1.5rem;}
}
</style>"""


def page_of(index: str, path: str) -> str:
    """Write the page's HTML: that of Streamlit, with the mark, the styles and the first screen.

    Args:
        index: The HTML that Streamlit answers every address with.
        path: Of the request; only the listener's page has the first screen.
    """
    page = _ICON.sub(f'<link rel="shortcut icon" href="{mark_address()}">', index, count=1)
    page = _FONT.sub("", page, count=1)
    page = _TITLE.sub("<title>Quintet</title>", page, count=1)
    page = page.replace(_HEAD_END, _WHOLE + _HEAD_END, 1)
    if path != PATH:
        return page
    # What the first screen asks for is answered before scripts that are still waiting.
    page = _SCRIPTS.sub(r'\g<0> fetchpriority="low"', page)
    return page.replace(_ROOT, first_screen() + _ROOT, 1)


@cache
def first_screen() -> str:
    """Write the first screen: an element, and the script that fills it."""
    return f'<div id="shell"></div><script>{_script()}</script>'


def _script() -> str:
    """Write the script; the search component has a scope for its functions."""
    parts = files("quintet_ui") / "components"
    helpers, component = ((parts / name).read_text("utf-8") for name in ("dom.js", "search.js"))
    component = component.replace("export default function", "function search", 1)
    shell = (files(__package__) / "shell.js").read_text("utf-8")
    # An element of a script ends at the first "</", also within a string of it.
    facts = json.dumps(_facts(), ensure_ascii=False).replace("</", "<\\/")
    return (
        f"(() => {{\nconst FACTS = {facts};\n{helpers}\n"
        f"const search = (() => {{\n{component}\nreturn search;\n}})();\n{shell}\n}})();"
    )


def _facts() -> dict[str, Any]:
    """Collect the styles, the mark and the texts of the first screen, in every language."""
    parts = files("quintet_ui") / "components"
    sheets = (parts / "base.css", parts / "search.css", files(__package__) / "shell.css")
    return {
        "style": "\n".join(sheet.read_text("utf-8") for sheet in sheets),
        "mark": mark_svg(),
        "seeds": SEEDS_PARAMETER,
        "texts": {language: _texts(language) for language in LANGUAGES},
    }


def _texts(language: str) -> dict[str, Any]:
    texts = translations_for(language)
    return {"labels": texts.group("search"), **{key: texts(key) for key in _TEXTS}}
