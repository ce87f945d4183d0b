"""How commands show progress, and print expected failures as one line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from quintet_text.printable import printable
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.terminal import Console


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[float, str], None]]:
    """Yield a function that receives the completed share, 0..1, and the current step."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    # In a log, a bar would only be noise.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, text: bar.update(task, completed=share, description=printable(text))


@contextmanager
def one_line_failures() -> Iterator[None]:
    """Turn the expected failures of a command into `CommandFailed`; others stay tracebacks.

    Raises:
        CommandFailed: With the one line to print.
    """
    try:
        yield
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as `head` does: no failure to report.
        raise
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        raise CommandFailed(f"{where}{fault.strerror or fault}") from fault
    except Exception as fault:
        if not isinstance(fault, _expected()):
            raise
        raise CommandFailed(str(fault)) from fault


EXPECTED: Final = (
    ("quintet_settings", "SettingsInvalid"),
    ("quintet_store", "StoreUnavailable"),
    ("quintet_store.backup", "DumpInvalid"),
    ("quintet_store.sources", "SourceInvalid"),
    ("quintet_store.saved_lists", "ListInvalid"),
    ("quintet_library.records", "SourceFailed"),
    ("quintet_modelkit.publication", "PublicationInvalid"),
    ("quintet_training.datasets", "DatasetInvalid"),
    ("quintet_training.settings", "TrainingRefused"),
    ("quintet_training.gate.checks", "ReportInvalid"),
    ("quintet_command.backup", "BackupInvalid"),
    ("quintet_modelkit.registry.errors", "RegistryError"),
    ("quintet_analysis.pool", "AnalysisStopped"),
    ("quintet_analysis.programs", "ProgramMissing"),
    ("quintet_analysis.calibration", "CalibrationInvalid"),
)
"""Module and class of every exception whose message is written for the user."""


def _expected() -> tuple[type[Exception], ...]:
    """List the exceptions of the modules that are loaded; the others cannot have been raised.

    Importing the rest would cost seconds, and they need the extra `operator`.
    """
    return tuple(
        getattr(sys.modules[module], name) for module, name in EXPECTED if module in sys.modules
    )
