"""`quintet drift`: whether what listeners get has moved away from what the model was made for."""

import json
from typing import Annotated, Final

import typer
from rich.table import Table

from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console

_console: Final = Console()
# The exit code without drift, as grep's without a match: 2 is for failures.
_CALM: Final = 1


def drift(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Compare recent lists with those of the training playlists; like grep, 0 means found.

    Exit code 0 if scores, genres or features have drifted, 1 if they have not or there are too few
    lists to judge, 2 if it cannot be decided. The last report stays in `drift.json` in
    QUINTET_HOME, where the gateway reads it for the page.
    """
    with one_line_failures():
        from quintet_training.drift import facts, keep, watch

        from quintet_command.settings import load_settings

        settings = load_settings()
        report = watch(settings)
        keep(report, settings.home)
    if as_json:
        typer.echo(json.dumps(facts(report)))
    elif not report.enough:
        _say(
            f"model {report.model}: {report.recent:,} tracks shown in {settings.drift_days} days, "
            f"fewer than {settings.drift_least:,}: nothing is said"
        )
    else:
        table = Table("quantity", "PSI", "KS", box=None, pad_edge=False)
        for one in (*report.shifts, *report.features):
            distance = "" if one.ks is None else f"{one.ks:.3f}"
            table.add_row(one.name, f"{one.psi:.3f}", distance)
        _console.print(table)
        outcome = f"drift in {', '.join(report.drifted)}" if report.drifted else "no drift"
        _say(f"model {report.model}: {outcome}; {report.recent:,} tracks shown")
    if not report.drifted:
        raise typer.Exit(_CALM)


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
