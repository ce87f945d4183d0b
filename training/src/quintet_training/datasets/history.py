"""Importing a listener's history into their memory, and its sessions as playlists for training."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quintet_contract.limits import MAX_BANNED_ARTISTS
from quintet_modelkit.identity import artist_id
from quintet_modelkit.publication import sha256_of
from quintet_store import catalogue as imports
from quintet_store import listeners as memory
from quintet_store import open_engine, writing
from quintet_store import playlists as store
from quintet_store.feedback import HISTORY, hold_listener, listener_group, stamp
from sqlalchemy import Connection

from quintet_training.datasets.archives import is_zip, members
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import HOW, Meter, Reading
from quintet_training.datasets.feedback import listener_hash
from quintet_training.datasets.history_formats import History, HistoryItem, recognise
from quintet_training.datasets.listens import Ban, Listen
from quintet_training.datasets.matching import Match, Names, match_entries
from quintet_training.datasets.playlist_formats import check_file
from quintet_training.datasets.playlist_importing import UNMATCHED
from quintet_training.datasets.playlist_storing import store_entries
from quintet_training.datasets.quarantine import Quarantine, quarantine
from quintet_training.datasets.sessions import Sessions
from quintet_training.datasets.tables import Refused
from quintet_training.settings import TrainingSettings

Progress = Callable[[float, str], None]
LICENCE: Final = "listener"
"""Licence of a history: it is the listener's own data."""
_BATCH: Final = 10_000
_SUFFIXES: Final = (".json", ".jsonl", ".csv", ".tsv", ".xml")

SESSION_PREFIX: Final = "history:"
"""Begins the id of a session of a history, as a playlist."""


@dataclass(frozen=True)
class HistoryOptions:
    """How the user asked to import a history.

    Attributes:
        source: Names the rows instead of what is recognised; at most 64 characters.
        licence: Licence of the rows.
        train: Whether sessions become playlists, which the next training learns from.
        how: Columns and encoding that the user named.
    """

    source: str = ""
    licence: str = LICENCE
    train: bool = True
    how: Reading = HOW


@dataclass
class HistoryReport:
    """What an import of a history did.

    Attributes:
        path: The file.
        sources: Rows read by source.
        kinds: Signals added to the memory, by kind.
        counts: Rows read = stored + quarantined + duplicate.
        matched: Rows by how their track was found.
        sessions: Playlists added for training.
        banned: Artists banned.
        passed_over: Videos, podcasts and events that are no listens.
        ignored: Files of an archive that are no history.
        unchanged: The very same import was done before, so nothing was written.
        quarantine: File of rejected rows, if any.
    """

    path: Path
    sources: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    counts: imports.Counts = field(default_factory=lambda: imports.Counts(0, 0, 0, 0))
    matched: Counter[Match] = field(default_factory=Counter)
    sessions: int = 0
    banned: int = 0
    passed_over: int = 0
    ignored: int = 0
    unchanged: bool = False
    quarantine: Path | None = None

    @property
    def failure(self) -> str:
        """Say why a file gave nothing, and the way out; empty where it gave something."""
        counts = self.counts
        if counts.rows_stored or counts.rows_duplicate or self.banned:
            return ""
        if counts.rows_quarantined:
            most = (
                "no track of the catalogue matches; import a catalogue with these tracks first"
                if self.matched[Match.NONE] * 2 > counts.rows_quarantined
                else "the rows were rejected; read the reasons"
            )
            return f"{self.path}: nothing stored of {counts.rows_read:,} rows: {most}" + (
                f" ({self.quarantine})" if self.quarantine else ""
            )
        passed = f"; {self.passed_over:,} rows were passed over" if self.passed_over else ""
        return f"{self.path}: no listen to a song found in it{passed}"


def import_history(
    settings: TrainingSettings,
    path: Path,
    listener: str,
    options: HistoryOptions | None = None,
    progress: Progress | None = None,
    names: Names | None = None,
) -> HistoryReport:
    """Import a listener's history in one transaction: a failure at any point changes nothing.

    A row that was imported before changes nothing, so that a later export of the same service may
    be imported over an earlier one.

    Args:
        settings: Where the database and the quarantine are.
        path: A file of listens, or a zip of such files.
        listener: The listener's id, as requests name it.
        options: Source, licence, columns, and whether sessions are for training.
        progress: Receives the share done, 0..1, and what is being done.
        names: Names of the catalogue, to share between files.

    Raises:
        DatasetInvalid: The file cannot be read, is no history, or the listener's id is invalid.
        AccessFileInvalid: The key that names listeners cannot be read.
        StoreUnavailable: The database failed.
    """
    who = listener_hash(settings, listener)
    return import_for(settings, path, who, options, progress, names)


def import_for(
    settings: TrainingSettings,
    path: Path,
    who: str,
    options: HistoryOptions | None = None,
    progress: Progress | None = None,
    names: Names | None = None,
    check: Callable[[], None] | None = None,
) -> HistoryReport:
    """Import a history as `import_history` does, for the keyed hash of a listener.

    Args:
        settings: Where the database and the quarantine are.
        path: A file of listens, or a zip of such files.
        who: The keyed hash.
        options: Source, licence, columns, and whether sessions are for training.
        progress: Receives the share done, 0..1, and what is being done.
        names: Names of the catalogue, to share between files.
        check: Called once nobody else can delete the listener's data before the import ends; it
            raises if there is nothing to import any more.

    Raises:
        DatasetInvalid: As `import_history`.
        StoreUnavailable: The database failed.
    """
    asked = options or HistoryOptions()
    if len(asked.source) > memory.MAX_SOURCE:
        raise DatasetInvalid(f"--source: at most {memory.MAX_SOURCE} characters")
    on_progress = progress or (lambda share, text: None)
    on_progress(0.0, f"reading {path.name}")
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            hold_listener(connection, who)
            if check is not None:
                check()
            facts = _facts(connection, path, who, asked)
            folder = settings.quarantine / listener_group(who)
            target = folder / f"{facts['fingerprint'][:12]}.csv"
            report = HistoryReport(path)
            done = imports.find_import(connection, facts["fingerprint"])
            if done is not None:
                report.counts, report.unchanged = done, True
                report.quarantine = target if target.exists() else None
                return report
            with quarantine(target) as refused:
                _Run(connection, names or Names(), who, facts, asked, refused, report).read(
                    path, on_progress
                )
    finally:
        engine.dispose()
    on_progress(1.0, f"{path.name} is imported")
    return report


def _facts(connection: Connection, path: Path, who: str, asked: HistoryOptions) -> dict[str, str]:
    """Describe an import; its file's name may identify the listener, so the group stands for it."""
    if not path.is_file():
        raise DatasetInvalid(f"{path}: no such file")
    group = listener_group(who)
    named = [HISTORY, sha256_of(path), group, asked.source, asked.licence, asked.train]
    # Rows that were unmatched may match once the catalogue has changed.
    named += [store.catalogue_state(connection), sorted(asked.how.columns.items())]
    named.append(asked.how.encoding)
    return {
        "kind": HISTORY,
        "file_name": group,
        # A hash of the file would show to anyone who has the file whose it is.
        "sha256": hashlib.sha256(f"{who}{named[1]}".encode()).hexdigest(),
        "source": asked.source or "history",
        "licence": asked.licence,
        "imported_at": stamp(datetime.now(UTC)),
        "fingerprint": hashlib.sha256(json.dumps([who, *named]).encode()).hexdigest(),
    }


@dataclass
class _Run:
    """One import in its transaction."""

    connection: Connection
    names: Names
    who: str
    facts: Mapping[str, str]
    asked: HistoryOptions
    refused: Quarantine
    report: HistoryReport

    def read(self, path: Path, on_progress: Progress) -> None:
        import_id = imports.begin_import(self.connection, self.facts)
        self._sessions = Sessions(SESSION_PREFIX.rstrip(":"), listener_group(self.who))
        self._import_id, self._read, self._added, self._owner = import_id, 0, 0, ""
        for name, file in _files(path):
            try:
                history = recognise(file, self.asked.how)
            except DatasetInvalid:
                if file == path:
                    raise
                self.report.ignored += 1
                continue
            try:
                self._read_file(file, history, name, on_progress)
            except DatasetInvalid as fault:
                # The name of a temporary file means nothing to the user.
                raise DatasetInvalid(str(fault).replace(str(file), name)) from fault
        if not self.report.sources and self.report.ignored:
            raise DatasetInvalid(
                f"{path}: none of its {self.report.ignored:,} files is a history; import playlists "
                "with quintet playlists import"
            )
        report, rejected = self.report, self.refused.count
        report.sessions = store.count_rows(self.connection, import_id)[0]
        duplicates = self._read - self._added - rejected
        report.counts = imports.Counts(self._read, self._added, rejected, duplicates)
        imports.end_import(self.connection, import_id, report.counts)
        report.quarantine = self.refused.keep()

    def _read_file(self, path: Path, history: History, name: str, on_progress: Progress) -> None:
        meter, known = Meter(), []
        if history.whole:
            memory.lift_bans(
                self.connection, self.who, self._source(history), self.facts["imported_at"]
            )
        for items in _batches(history.read(path, meter, self.asked.how)):
            matched = self._matched(items, history)
            if history.whole:
                known += [self._signal(listen, track) for listen, track in matched]
            else:
                self._keep(matched, history)
            on_progress(meter.share * 0.99, f"importing {name}")
        if history.whole:
            self._remember(known, history, replace_all=True)
        self.report.passed_over += meter.passed_over

    def _matched(self, items: Sequence[HistoryItem], history: History) -> list[tuple[Listen, str]]:
        """Match listens to tracks; rejected and unmatched ones go to quarantine."""
        self._read += sum(not isinstance(item, Ban) for item in items)
        self.report.sources[self._source(history)] += len(items)
        self.refused.add(item for item in items if isinstance(item, Refused))
        for item in items:
            if isinstance(item, Ban):
                self._ban(item, history)
        listens = [item for item in items if isinstance(item, Listen)]
        self._check_owner(listens)
        entries = [listen.entry for listen in listens]
        found = match_entries(self.connection, self.names, entries)
        self.report.matched.update(how for _, how in found)
        pairs = list(zip(listens, found, strict=True))
        self.refused.add(
            Refused(listen.entry.line, UNMATCHED, listen.entry.describe())
            for listen, (_, how) in pairs
            if how is Match.NONE
        )
        return [(listen, track) for listen, (track, how) in pairs if how is not Match.NONE]

    def _keep(self, matched: Sequence[tuple[Listen, str]], history: History) -> None:
        self._remember([self._signal(*pair) for pair in matched], history)
        if not self.asked.train:
            return
        group = listener_group(self.who)
        rows = [
            (replace(listen.entry, **self._sessions.place(group, listen.at)), track)
            for listen, track in matched
            if listen.kind == "play" and listen.at is not None
        ]
        facts = {"source": self._source(history), "licence": self.asked.licence}
        store_entries(self.connection, rows, self._import_id, facts)

    def _remember(
        self, signals: Sequence[memory.Signal], history: History, replace_all: bool = False
    ) -> None:
        added = memory.remember(
            self.connection,
            self.who,
            signals,
            source=self._source(history),
            licence=self.asked.licence,
            received_at=self.facts["imported_at"],
            replace=replace_all,
        )
        self._added += added
        self.report.kinds.update(signal.kind for signal in signals)

    def _signal(self, listen: Listen, track: str) -> memory.Signal:
        # An opinion without a time, as in a library, holds now.
        now = int(datetime.fromisoformat(self.facts["imported_at"]).timestamp())
        at = now if listen.at is None else listen.at
        return memory.Signal(track, listen.kind, at, listen.count)

    def _ban(self, ban: Ban, history: History) -> None:
        artist, source = artist_id(ban.artist), self._source(history)
        if not memory.ban_artist(
            self.connection, self.who, artist, source, self.facts["imported_at"]
        ):
            raise DatasetInvalid(
                f"{self.report.path}: more than {MAX_BANNED_ARTISTS:,} banned artists"
            )
        self.report.banned += 1

    def _check_owner(self, listens: Sequence[Listen]) -> None:
        """Take no other user's listens for the listener's: some files hold several users."""
        for listen in listens:
            self._owner = self._owner or listen.owner
            if listen.owner and listen.owner != self._owner:
                raise DatasetInvalid(
                    f"{self.report.path}: the listens of several users; split the file, and import "
                    "each part with its own --listener"
                )

    def _source(self, history: History) -> str:
        return self.asked.source or history.source


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of an import by name: the members of a zip, else the file itself."""
    if not is_zip(path):
        check_file(path)
        yield path.name, path
        return
    for name, file in members(path, _SUFFIXES):
        yield f"{path}: {name}", file


def _batches(items: Iterator[HistoryItem]) -> Iterator[list[HistoryItem]]:
    while part := list(itertools.islice(items, _BATCH)):
        yield part
