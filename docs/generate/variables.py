"""The reference of settings, from .env.template, which tests compare with the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ASSIGNMENT: Final = re.compile(r"^(?P<shown># )?(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)$")
_SECTION: Final = re.compile(r"^# --- (?P<title>.+?) -+$")

_HEAD: Final = """# Settings

This page lists every setting with its meaning and default. It is generated from `.env.template`,
which tests compare with the settings of every process.

Each setting is an environment variable. Without Docker, export it before `make up`; Compose reads
`.env`. If a value is not allowed, the process stops with exit code 2 and one line that names the
variable.
"""


def sections(template: Path) -> Iterator[tuple[str, list[tuple[list[str], dict[str, str]]]]]:
    """Gives each section's title with its entries: lines of meaning, and variables with values."""
    title = ""
    entries: list[tuple[list[str], dict[str, str]]] = []
    for line in template.read_text(encoding="utf-8").splitlines():
        if begun := _SECTION.match(line):
            if title:
                yield title, entries
            title, entries = begun["title"], []
        elif assigned := _ASSIGNMENT.match(line):
            entries[-1][1][assigned["name"]] = assigned["value"]
        elif line.startswith("# ") and title:
            if not entries or entries[-1][1]:
                entries.append(([], {}))
            entries[-1][0].append(line.removeprefix("# "))
    yield title, entries


def page(template: Path) -> str:
    """Write the settings as Markdown, one table per section."""
    lines = [_HEAD]
    for title, entries in sections(template):
        lines.append(f"## {title}\n\n| variable | default | meaning |\n| --- | --- | --- |")
        for meaning, variables in entries:
            names = "<br>".join(f"`{name}`" for name in variables)
            values = "<br>".join(f"`{value}`" if value else "empty" for value in variables.values())
            text = " ".join(meaning).replace("|", "\\|")
            lines.append(f"| {names} | {values} | {text} |")
        lines.append("")
    return "\n".join(lines)
