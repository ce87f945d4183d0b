"""`quintet gate`: whether a model may be promoted."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console, styled

if TYPE_CHECKING:
    from quintet_command.gate import Check, Verdict

_console: Final = Console()
# 2 means that the gate could not judge; scripts distinguish both.
_STOPPED: Final = 1


def gate(
    candidate: Annotated[
        str, typer.Argument(help="A bundle, or a registered model's number, alias or bundle.")
    ] = "challenger",
    report: Annotated[
        Path | None,
        typer.Option(help="Its evaluation's JSON; the one it was registered with."),
    ] = None,
    against: Annotated[
        str, typer.Option(help="The model to compare with; `none` for baselines alone.")
    ] = "champion",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Decide whether a model may be promoted: exit code 0, or 1 with the reasons; changes nothing.

    It is held against the champion, the baselines, and limits of speed, coverage, calibration and
    cold tracks. What it cannot judge is exit code 2.
    """
    with one_line_failures():
        from quintet_command.gate import judge
        from quintet_command.settings import load_settings

        verdict = judge(load_settings(), candidate, report, against)
    if as_json:
        typer.echo(json.dumps({**asdict(verdict), "passed": verdict.passed}))
    else:
        _print(verdict)
    if not verdict.passed:
        raise typer.Exit(_STOPPED)


def _print(verdict: "Verdict") -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "check", "found", "wanted"):
        table.add_column(title, overflow="fold")
    for check in verdict.checks:
        cells = (check.name, check.found, check.wanted)
        table.add_row(_mark(check), *cells)
    _console.print(table)
    stopped = [check.name for check in verdict.checks if check.stops]
    outcome = f"stopped by {', '.join(stopped)}" if stopped else "may be promoted"
    names = {verdict.model, verdict.bundle}
    name = verdict.model if len(names) == 1 else f"{verdict.model}, {verdict.bundle}"
    _console.print(f"model {name}: {outcome}", highlight=False, markup=False, soft_wrap=True)


def _mark(check: "Check") -> str | Text:
    if check.stops:
        return styled("✗", "red")
    return styled("✓", "green") if check.measured else "–"  # noqa: RUF001 - a dash, not a minus
