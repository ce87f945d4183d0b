"""The reference of the `quintet` command, from the help of its own parser."""

import re
from typing import Final

import typer
from quintet_command.cli import GROUPS, app, group
from typer.cli import get_docs_for_click
from typer.main import get_command

_HEAD: Final = """# The `quintet` command

Made from the command's own help while this site is built. Each exits with 0 where it did what it
says, with 2 and one line on stderr where it could not; `gate`, `drift` and `doctor` also say no
with 1. Settings come from [variables](settings.md).
"""


def page() -> str:
    """Returns the help of every command as Markdown, groups last."""
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
