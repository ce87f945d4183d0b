"""What commands print: text as it is, whatever a title, a path or a message contains."""

import json
from typing import Any

import rich.console
from quintet_text.printable import json_escaped, printable
from rich.highlighter import JSONHighlighter
from rich.text import Text


class Console(rich.console.Console):
    """A console on which a text is no markup, and on which it cannot command the terminal.

    Titles such as "[untitled]" or "Side [/b]" are printed as they are, ":smile:" stays a word, and
    the escape sequences in a title are replaced. Styled text is a `rich.text.Text`.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a text, a table's cells and titles among them, without markup and emoji codes."""
        lines = "\n".join(printable(line) for line in text.split("\n"))
        return super().render_str(lines, **{**options, "markup": False, "emoji": False})


def styled(text: str, style: str) -> Text:
    """Give our own word a colour; text of others goes to the console as a plain string."""
    return Text(text, style=style)


def json_text(answer: Any, indent: int | None = None) -> str:
    """Write a value as JSON that a terminal shows and does not obey."""
    return json_escaped(json.dumps(answer, ensure_ascii=False, indent=indent))


def print_json(answer: Any) -> None:
    """Print a response as indented JSON, in colour on a terminal."""
    text = JSONHighlighter()(Text(json_text(answer, indent=2)))
    Console().print(text, soft_wrap=True)
