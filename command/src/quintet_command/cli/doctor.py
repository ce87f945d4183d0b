"""`quintet doctor`: what is wrong with this installation and what to do, on one screen."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from quintet_command.cli.terminal import Console, json_text

if TYPE_CHECKING:
    from quintet_command.doctor import Finding

_console: Final = Console()
_MARKS: Final = {"well": ("✓", "green"), "look": ("!", "yellow"), "wrong": ("✗", "bold red")}
# Exit code if a check found a fault; 2 is for a command that failed.
_WRONG: Final = 1


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Find out what is wrong with this installation; say what to do about it.

    Changes nothing and ends within ten seconds. Exit code 0 if nothing is wrong, 1 if
    something is.
    """
    found = _look()
    is_wrong = any(each.state == "wrong" for each in found)
    if as_json:
        checks = [asdict(each) for each in found]
        typer.echo(json_text({"ok": not is_wrong, "checks": checks}))
    else:
        _print(found)
    if is_wrong:
        raise typer.Exit(_WRONG)


def _look() -> "Sequence[Finding]":
    from quintet_settings import SettingsInvalid

    from quintet_command.doctor import diagnose
    from quintet_command.doctor.findings import wrong
    from quintet_command.settings import load_settings

    try:
        return diagnose(load_settings())
    except SettingsInvalid as fault:
        # Without settings nobody knows where to look.
        return [wrong("settings", str(fault), "correct it; .env.template has every default")]


def _print(found: "Sequence[Finding]") -> None:
    width = max(len(each.name) for each in found)
    for each in found:
        mark, style = _MARKS[each.state]
        _say(Text.assemble((mark, style), f" {each.name:<{width}}  {each.said}"))
        if each.remedy:
            _say(Text(f"  {'':<{width}}  → {each.remedy}", style="bold"))
    count = {state: sum(each.state == state for each in found) for state in _MARKS}
    _say(Text(f"{count['well']} well, {count['look']} to look at, {count['wrong']} wrong"))


def _say(line: Text) -> None:
    _console.print(line, highlight=False, soft_wrap=True)
