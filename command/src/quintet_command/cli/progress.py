"""How commands show progress and turn failures of the data side into one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from quintet_command.cli.failure import CommandFailed


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[float, str], None]]:
    """Gives a function that is told the share done, 0..1, and what is being done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    # Where nobody watches, a bar would only be noise in a log.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, text: bar.update(task, completed=share, description=text)


@contextmanager
def one_line_failures() -> Iterator[None]:
    """Turns what a data set, the database or the settings refuse into `CommandFailed`.

    Raises:
        CommandFailed: With the one line to print.
    """
    try:
        yield
    except BrokenPipeError:
        # Whoever read our output has gone; that is not a failure to tell them of.
        raise
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        raise CommandFailed(f"{where}{fault.strerror or fault}") from fault
    except Exception as fault:
        if not isinstance(fault, _expected()):
            raise
        raise CommandFailed(str(fault)) from fault


def _expected() -> tuple[type[Exception], ...]:
    """Returns what modules refuse; imported late, since `--help` must not wait for a database."""
    from quintet_modelkit.publication import PublicationInvalid
    from quintet_store import StoreUnavailable
    from quintet_store.backup import DumpInvalid
    from quintet_training.datasets import DatasetInvalid
    from quintet_training.gate.checks import ReportInvalid
    from quintet_training.settings import SettingsInvalid, TrainingRefused

    from quintet_command.backup import BackupInvalid
    from quintet_command.models import RegistryError

    data = (DatasetInvalid, StoreUnavailable, DumpInvalid, BackupInvalid, PublicationInvalid)
    return (*data, RegistryError, ReportInvalid, SettingsInvalid, TrainingRefused)
