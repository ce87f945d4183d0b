"""`quintet analyse`: audio attributes from files, and their calibration."""

from typing import Annotated, Final

import typer
from quintet_analysis.calibration import (
    CALIBRATED,
    Calibration,
    apply_calibration,
    fit_calibration,
    load_calibration,
    save_calibration,
)
from quintet_analysis.catalogue import Options, Report, analyse_catalogue, usable_cores
from quintet_analysis.decoding import Limits
from quintet_analysis.perception import PERCEIVED, Perception
from quintet_analysis.programs import find_ffmpeg, find_perception
from quintet_store import open_engine
from rich.table import Table

from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.publishing import publish
from quintet_command.cli.terminal import Console, json_text
from quintet_command.settings import CommandSettings, load_settings

analyse_app = typer.Typer(help="Compute missing audio attributes from files.")
_console: Final = Console()
_errors: Final = Console(stderr=True)


@analyse_app.callback(invoke_without_command=True)
def analyse(
    context: typer.Context,
    source: Annotated[str, typer.Option(help="Only files of this source; empty for all.")] = "",
    most: Annotated[
        int | None, typer.Option("--limit", min=1, help="Analyse at most so many files.")
    ] = None,
    without_model: Annotated[
        bool,
        typer.Option("--without-model", help="Leave out the seven attributes of the model."),
    ] = False,
    without_publishing: Annotated[
        bool,
        typer.Option("--without-publishing", help="Store the values; do not publish them yet."),
    ] = False,
) -> None:
    """Analyse files whose tracks have no values yet, and publish the catalogue. Resumable."""
    if context.invoked_subcommand:
        return
    with one_line_failures():
        settings = load_settings()
        python = None if without_model else find_perception(settings.analysis_python)
        ffmpeg = find_ffmpeg(settings.analysis_ffmpeg, find_perception(settings.analysis_python))
        if python is None and not without_model:
            _errors.print(
                f"No perceptual model: {', '.join(PERCEIVED)} stay missing. "
                "`make analysis-install` installs it."
            )
        calibration = load_calibration(settings.analysis / "calibration.json")
        options = Options(
            source,
            most,
            settings.analysis_workers or usable_cores(),
            settings.analysis_nice,
            Limits(settings.analysis_file_seconds),
        )
        model = Perception(python, settings.analysis_nice) if python else None
        report = _run(settings, ffmpeg, model, options)
        if calibration and report.analysed:
            apply_calibration(open_engine(settings.database_url), calibration)
        _console.print(_summary(report))
        # Also if nothing was analysed: an earlier run may have been stopped before it published.
        if not without_publishing:
            publish(settings, _console, _errors)


def _run(
    settings: CommandSettings, ffmpeg: str, perception: Perception | None, options: Options
) -> Report:
    engine = open_engine(settings.database_url)
    with progress_bar(_errors) as on_progress:
        return analyse_catalogue(
            engine, settings.analysis, ffmpeg, perception, options, on_progress
        )


def _summary(report: Report) -> Table:
    table = Table(show_header=False)
    rate = report.analysed / report.seconds if report.seconds else 0.0
    rows = [
        ("files that waited", f"{report.waiting:,}"),
        ("analysed", f"{report.analysed:,}"),
        ("with the seven attributes of the model", f"{report.perceived:,}"),
        ("silent", f"{report.silent:,}"),
        ("failed", f"{report.failures:,}"),
        ("music", f"{report.audio_seconds / 3600:,.1f} h in {report.seconds:,.0f} s"),
        ("speed", f"{rate:.2f} files per second"),
    ]
    for row in rows:
        table.add_row(*row)
    for path, reason in report.failed:
        table.add_row(path, reason)
    if report.failures > len(report.failed):
        table.add_row("", f"and {report.failures - len(report.failed):,} more")
    return table


@analyse_app.command("calibrate")
def calibrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what calibration would do, and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit analysed values to published ones of the same tracks; use it only if it helps."""
    with one_line_failures():
        settings = load_settings()
        engine = open_engine(settings.database_url)
        calibration = fit_calibration(engine)
        if as_json:
            typer.echo(json_text(_facts(calibration), indent=2))
        else:
            _console.print(_fits_table(calibration))
            _console.print(_agreement_table(calibration))
        if dry_run:
            return
        settings.analysis.mkdir(parents=True, exist_ok=True)
        save_calibration(settings.analysis / "calibration.json", calibration)
        tracks = apply_calibration(engine, calibration)
        if not as_json:
            _console.print(f"{tracks:,} tracks have calibrated values", highlight=False)
        publish(settings, _console, _errors)


def _facts(calibration: Calibration) -> dict[str, object]:
    return {
        "fits": {
            name: {
                "tracks": each.pairs,
                "error": each.error,
                "calibrated_error": each.calibrated_error,
                "used": each.curve.method if each.curve else None,
            }
            for name, each in calibration.fits.items()
        },
        "agreement": {
            name: {"tracks": tracks, "share": share}
            for name, (tracks, share) in calibration.agreement.items()
        },
    }


def _fits_table(calibration: Calibration) -> Table:
    table = Table("attribute", "tracks", "error", "calibrated", "used")
    for name in CALIBRATED:
        found = calibration.fits.get(name)
        if found is None:
            table.add_row(name, "too few", "-", "-", "no")
            continue
        used = found.curve.method if found.curve else "no"
        errors = (f"{found.error:.3f}", f"{found.calibrated_error:.3f}")
        table.add_row(name, f"{found.pairs:,}", *errors, used)
    table.caption = "mean absolute difference from the published values, on held-out tracks"
    return table


def _agreement_table(calibration: Calibration) -> Table:
    table = Table("attribute", "tracks", "agree")
    for name, (tracks, share) in calibration.agreement.items():
        table.add_row(name, f"{tracks:,}", f"{share:.1%}")
    table.caption = "tempo within 2 % or an octave of it; key exactly or a fifth away; mode exactly"
    return table
