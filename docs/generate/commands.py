"""The reference of the `quintet` command, from the help of its own parser."""

import re
from typing import Final

import typer
from quintet_command.cli import GROUPS, app, group
from typer.cli import get_docs_for_click
from typer.main import get_command

_HEAD: Final = """# The `quintet` command

This page is the help of every `quintet` command, generated when this site is built. Settings come
from [environment variables](settings.md).

| exit code | meaning |
| --- | --- |
| 0 | the command succeeded |
| 1 | the answer is no: only `gate`, `drift` and `doctor` |
| 2 | the command failed; one line on stderr gives the reason |
"""


def page() -> str:
    """Write the help of every command as Markdown, groups last."""
    parts = [_HEAD, _help(app, "quintet", without=frozenset(GROUPS))]
    parts += [_help(group(name), f"quintet {name}") for name in GROUPS]
    return "\n\n".join(parts)


def _help(commands: typer.Typer, name: str, without: frozenset[str] = frozenset()) -> str:
    parser = get_command(commands)
    for hidden in without & set(getattr(parser, "commands", {})):
        parser.commands.pop(hidden)  # type: ignore[attr-defined]  # a group, as the line above saw
    context = typer.Context(parser, info_name=name)
    text = get_docs_for_click(obj=parser, ctx=context, name=name, call_prefix="")
    text = re.sub(r"^\* `--(?:install|show)-completion`.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)
