"""What the two imports share: `--map`, and the failure of a file that gives nothing."""

from collections.abc import Iterable, Sequence

from quintet_command.cli.failure import CommandFailed


def overrides(pairs: Sequence[str]) -> dict[str, str]:
    """Read the pairs of `--map` as column to field.

    Raises:
        CommandFailed: A pair is not of the form COLUMN=FIELD.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        # Columns may hold an equals sign, fields never do.
        column, equals, name = pair.rpartition("=")
        if not equals:
            raise CommandFailed(f"--map: {pair!r} is not of the form COLUMN=FIELD")
        found[column] = name
    return found


def fail_on_nothing(failures: Iterable[str]) -> None:
    """End the command with exit code 2 if a file gave nothing, after all others were imported.

    Args:
        failures: One line per file; empty where it gave something.

    Raises:
        CommandFailed: With the first reason, and how many more there are.
    """
    reasons = [reason for reason in failures if reason]
    if reasons:
        more = f" (and {len(reasons) - 1} more files)" if len(reasons) > 1 else ""
        raise CommandFailed(reasons[0] + more)
