"""What the import of a file of playlists did."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quintet_store import catalogue as imports

from quintet_training.datasets.matching import Match
from quintet_training.datasets.playlist_formats import Format


@dataclass(frozen=True)
class PlaylistReport:
    """What one file's import did.

    Attributes:
        path: The file.
        format: What it was read as.
        counts: Rows read = stored + quarantined + duplicate.
        playlists: Playlists added.
        matched: Rows by how their track was found; `unmatched` ones are quarantined.
        passed_over: Feedback that is no positive, or was deleted or undone since its export:
            neither read rows nor stored.
        unchanged: The very same import was done before, so nothing was written.
        quarantine: File of rejected rows, if any.
    """

    path: Path
    format: Format
    counts: imports.Counts
    playlists: int
    matched: Mapping[Match, int]
    passed_over: int
    unchanged: bool
    quarantine: Path | None

    @property
    def failure(self) -> str:
        """Say why a file gave nothing, and the way out; empty where it gave something.

        Duplicates count as something: their playlists are there.
        """
        counts = self.counts
        if counts.rows_stored or counts.rows_duplicate:
            return ""
        if counts.rows_quarantined:
            unmatched = self.matched.get(Match.NONE, 0)
            most = (
                "no track of the catalogue matches; import a catalogue with these tracks first"
                if unmatched * 2 > counts.rows_quarantined
                else "the rows were rejected; read the reasons"
            )
            return f"{self.path}: nothing stored of {counts.rows_read:,} rows: {most}" + (
                f" ({self.quarantine})" if self.quarantine else ""
            )
        passed = f"; {self.passed_over:,} were passed over" if self.passed_over else ""
        return (
            f"{self.path}: read as {self.format.value}, and no track found in it{passed}; name "
            "another format with --format, or its encoding with --encoding"
        )
