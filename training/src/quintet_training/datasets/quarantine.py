"""The file of rows that an import refused, each with its line and its reasons."""

import csv
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from quintet_files import PRIVATE_MODE, replacing

from quintet_training.datasets.tables import Refused

_MAX_TEXT: Final = 10_000


class Quarantine:
    """Collect rejected rows; the file appears only if `keep` is called and there are any.

    Args:
        target: The file to write: CSV with the columns line, reason and row.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._stream: IO[str] | None = None
        self._writer: Any = None
        self.count = 0

    def add(self, rows: Iterable[Refused]) -> None:
        """Write rows."""
        for row in rows:
            self.count += 1
            # Lone surrogates, which JSON can spell, have no UTF-8 form.
            text = row.text[:_MAX_TEXT].encode("utf-8", "backslashreplace").decode()
            reason = row.reason.encode("utf-8", "backslashreplace").decode()
            self._open().writerow((row.line, reason, text.rstrip("\r\n")))

    def keep(self) -> Path | None:
        """Move the file into place and returns its path; None without a rejected row."""
        if self._stream is None:
            return None
        self._stream.seek(0)
        with (
            replacing(self._target, PRIVATE_MODE) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(self._stream, out)
        return self._target

    def discard(self) -> None:
        """Remove what was not kept."""
        if self._stream is not None:
            self._stream.close()

    def _open(self) -> Any:
        if self._stream is None:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            # A file without a name: nothing is left of it, however the import ends.
            self._stream = tempfile.TemporaryFile(  # noqa: SIM115 - `discard` closes it
                "w+", encoding="utf-8", newline="", dir=self._target.parent
            )
            self._writer = csv.writer(self._stream)
            self._writer.writerow(("line", "reason", "row"))
        return self._writer


@contextmanager
def quarantine(target: Path) -> Iterator[Quarantine]:
    """Give a quarantine whose partial file is removed at the end unless kept."""
    kept = Quarantine(target)
    try:
        yield kept
    finally:
        kept.discard()
