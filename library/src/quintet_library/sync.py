"""Bring the catalogue in step with a source: what is new, changed, gone, and what was heard.

Each page of items is one transaction. A sync that was killed goes on, so nothing is lost: servers
are asked from the last saved page on, and files that were stored are not read again. Only a sync
that met every item, in one go, removes any.
"""

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from quintet_files import exclusive
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store import source_sync as store
from quintet_store.catalogue import count_tracks
from quintet_store.items import Match
from quintet_store.recording_items import fill_name_keys, record_items
from quintet_store.source_items import (
    Removal,
    known_items,
    mark_unseen,
    remove_source,
    touch_items,
)
from quintet_store.sources import (
    Quarantined,
    Source,
    SourceInvalid,
    begin_sync,
    end_sync,
    find_source,
    list_sources,
    quarantine_items,
    quarantined_items,
    save_cursor,
)
from quintet_training.datasets.playlist_files import held_tracks
from quintet_training.settings import TrainingSettings
from sqlalchemy import Connection, Engine

from quintet_library.features import forget_features, sync_features
from quintet_library.folder import FolderReader
from quintet_library.listening import store_listening, store_playlists
from quintet_library.opening import open_reader
from quintet_library.records import Page, Reader, Rejected, Song, SourceFailed, Unchanged
from quintet_library.resuming import SAVE_PAGES, SyncState, state_of

Progress = Callable[[float, str], None]
"""Receives the completed share, 0..1, and the current step."""
# Raised when readers read more than before, so that every item is stored again.
_READING: Final = 1
_LEAST_GUARDED: Final = 20
_MOST_GONE: Final = 0.5
_COVER_SECONDS: Final = 3_600


@dataclass
class SyncReport:
    """What a sync of one source did.

    Attributes:
        source: Name of the source.
        counts: Items by what became of them: new, changed, unchanged, rejected.
        removal: Items that are gone, and their tracks.
        playlists: Playlists of the source that were stored.
        signals: Stars, ratings and plays that were not known before.
        features: Tracks that got features.
        notes: What the person should know, one line each.
    """

    source: str
    counts: Counter[str] = field(default_factory=Counter)
    removal: Removal = field(default_factory=lambda: Removal(0, 0, 0))
    playlists: int = 0
    signals: int = 0
    features: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class _Run:
    """One sync on its way."""

    settings: TrainingSettings
    engine: Engine
    source: Source
    state: SyncState
    report: SyncReport
    resumed: bool = False

    @property
    def since(self) -> str:
        return self.state.since

    @property
    def name(self) -> str:
        return self.source.spec.name


def sync_source(
    settings: TrainingSettings,
    name: str,
    progress: Progress | None = None,
    *,
    all_again: bool = False,
    accept_removals: bool = False,
) -> SyncReport:
    """Sync one source; two at once wait for each other.

    Args:
        settings: Where the database is, and the limits of reading.
        name: Of the source.
        progress: Receives the share done and what is being done.
        all_again: Read and store every item, also those that did not change.
        accept_removals: Remove what is gone even if it is more than half of the source.

    Raises:
        SourceFailed: The source cannot be read; what was stored until then stays.
        SourceInvalid: There is no such source, or it was removed meanwhile.
        StoreUnavailable: The database failed, for example because the disk is full.
    """
    on_progress = progress or (lambda share, text: None)
    engine = open_engine(settings.database_url, bulk=True)
    try:
        with reading(engine) as connection:
            _named(connection, name)
        with exclusive(settings.home / "library" / f"{name}.lock"):
            return _sync(settings, engine, name, on_progress, all_again, accept_removals)
    finally:
        engine.dispose()


def remove(settings: TrainingSettings, name: str) -> Removal:
    """Remove a source, its playlists, and the tracks that nothing else has.

    Raises:
        SourceInvalid: There is no such source.
        StoreUnavailable: The database failed; nothing was removed.
    """
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            source = _named(connection, name)
            store.forget_playlists(connection, name)
            if source.spec.kind == "reccobeats":
                forget_features(connection)
            held = partial(held_tracks, settings, connection)
            removal = remove_source(connection, name, held)
            in_use = store.covers_in_use(connection)
    finally:
        engine.dispose()
    _delete_covers(settings, in_use)
    return removal


def sources(settings: TrainingSettings) -> list[Source]:
    """List the sources with the state of their last sync.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            return list_sources(connection)
    finally:
        engine.dispose()


def has_tracks(settings: TrainingSettings) -> bool:
    """Return whether the catalogue has any track, without which nothing can be published.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            return count_tracks(connection) > 0
    finally:
        engine.dispose()


def rejected(settings: TrainingSettings, name: str, limit: int) -> list[Quarantined]:
    """List items that could not be read or analysed, of one source or of all.

    Raises:
        SourceInvalid: There is no such source.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            if name:
                _named(connection, name)
            return quarantined_items(connection, name, limit=limit)
    finally:
        engine.dispose()


def _named(connection: Connection, name: str) -> Source:
    source = find_source(connection, name)
    if source is None:
        raise SourceInvalid(f"there is no source {name!r:.80}; quintet library list shows them")
    return source


def _sync(
    settings: TrainingSettings,
    engine: Engine,
    name: str,
    on_progress: Progress,
    all_again: bool,
    accept_removals: bool,
) -> SyncReport:
    on_progress(0.0, f"reading {name}")
    with writing(engine) as connection:
        run = _begun(connection, settings, engine, name, all_again)
    source = run.source
    try:
        if source.spec.kind == "reccobeats":
            run.report.features = sync_features(
                settings, engine, source, on_progress, all_again=all_again
            )
        else:
            fill_name_keys(engine)
            with open_reader(settings, engine, source, all_again=all_again) as reader:
                _read_all(run, reader, on_progress, all_again)
                _finish(run, reader, accept_removals)
    except (SourceFailed, StoreUnavailable) as fault:
        # The database may be what failed; then its own message is the one to show.
        with contextlib.suppress(StoreUnavailable), writing(engine) as connection:
            end_sync(connection, name, error=str(fault))
        raise
    with writing(engine) as connection:
        end_sync(connection, name)
        in_use = store.covers_in_use(connection)
    _delete_covers(settings, in_use)
    on_progress(1.0, f"{name} is in step")
    return run.report


def _begun(
    connection: Connection, settings: TrainingSettings, engine: Engine, name: str, all_again: bool
) -> _Run:
    """Begin a sync, or go on with one that did not end."""
    source = _named(connection, name)
    state = None if all_again else state_of(source.cursor)
    if state is not None:
        begin_sync(connection, name, state.since)
        report = SyncReport(name)
        report.notes.append(f"continued after {state.songs:,} songs of a sync that did not end")
        return _Run(settings, engine, source, state, report, resumed=True)
    # A new sync that is killed before it saves its state must not go on with that of another.
    save_cursor(connection, name, "")
    return _Run(settings, engine, source, SyncState(begin_sync(connection, name)), SyncReport(name))


def _read_all(run: _Run, reader: Reader, on_progress: Progress, all_again: bool) -> None:
    """Read all pages; a failure of the source leaves the state, to go on with later."""
    try:
        _read(run, reader, on_progress, all_again)
    except SourceFailed:
        if run.state.start:
            with writing(run.engine) as connection:
                save_cursor(connection, run.name, run.state.to_json())
        raise
    # A sync that fails from here on, such as at too many removals, has met all items.
    with writing(run.engine) as connection:
        save_cursor(connection, run.name, "")


def _read(run: _Run, reader: Reader, on_progress: Progress, all_again: bool) -> None:
    state = run.state
    for number, page in enumerate(reader.pages(state.start), 1):
        with writing(run.engine) as connection:
            _store(run, connection, page, all_again)
            state.songs += len(page.items)
            state.start = page.next
            if page.next and number % SAVE_PAGES == 0:
                save_cursor(connection, run.name, state.to_json())
        done = state.songs
        # Where a source does not say how much it has, the last sync says it.
        share = page.share
        if share is None:
            share = min(1.0, done / run.source.present) if run.source.present else 0.5
        on_progress(0.95 * share, f"{run.name}: {done:,} songs")


def _store(run: _Run, connection: Connection, page: Page, all_again: bool) -> None:
    """Store one page: changed songs, rejected items, and the time for those that are unchanged."""
    songs = [each for each in page.items if isinstance(each, Song)]
    rejected = [each for each in page.items if isinstance(each, Rejected)]
    same = [each.item_id for each in page.items if isinstance(each, Unchanged)]
    versions = {song.item.item_id: version_of(song) for song in songs}
    if not all_again:
        known = store.versions_of(connection, run.name, versions)
        same += [item_id for item_id, version in versions.items() if known.get(item_id) == version]
    unchanged = set(same)
    changed = [song for song in songs if song.item.item_id not in unchanged]
    before = known_items(connection, run.name, (song.item.item_id for song in changed))
    items = [song.item for song in changed]
    # Also where nothing changed: it fails if the source was removed meanwhile.
    recorded = record_items(connection, run.name, items, run.since)
    kept = [each.item_id for each in recorded if each.match is not Match.INVALID]
    covers = {song.item.item_id: song.cover for song in changed}
    store.set_facts(connection, run.name, ((i, versions[i], covers[i]) for i in kept))
    touch_items(connection, run.name, unchanged, run.since)
    store.keep_rejected(connection, run.name, unchanged, run.since)
    quarantine_items(connection, (_quarantined(run.name, each, run.since) for each in rejected))
    counts = run.report.counts
    counts["rejected"] += len(rejected) + len(recorded) - len(kept)
    counts["unchanged"] += len(unchanged)
    counts["new"] += sum(1 for item_id in kept if item_id not in before)
    counts["changed"] += sum(1 for item_id in kept if item_id in before)
    _hear(run, connection, songs)


def _hear(run: _Run, connection: Connection, songs: Sequence[Song]) -> None:
    heard = {s.item.item_id: s.listening for s in songs if s.listening is not None}
    for item_id, item in known_items(connection, run.name, heard).items():
        listening = heard[item_id]
        if listening is not None:
            run.state.heard.add(item.track_id, listening)


def _quarantined(source: str, item: Rejected, now: str) -> Quarantined:
    where: dict[str, Any] = {"path": item.path, "size": item.size, "mtime_ns": item.mtime_ns}
    return Quarantined(source, item.item_id, "sync", item.reason, quarantined_at=now, **where)


def version_of(song: Song) -> str:
    """Name what a source says of a song: another text if it says anything else."""
    text = repr((_READING, song.item, song.cover)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _finish(run: _Run, reader: Reader, accept_removals: bool) -> None:
    """Store playlists and what was heard, and remove what the source no longer has."""
    report = run.report
    report.playlists = store_playlists(run.engine, run.name, reader, run.state.heard)
    report.signals = store_listening(run.engine, run.source, run.state.heard, report.notes)
    unreadable = reader.unreadable if isinstance(reader, FolderReader) else []
    if unreadable:
        report.notes += unreadable[:10]
        report.notes.append(
            f"{len(unreadable):,} folders or files could not be listed, so nothing was removed"
        )
        return
    with writing(run.engine) as connection:
        total, gone = store.count_items(connection, run.name, run.since)
        if run.resumed and gone:
            # While it stood still, songs may have moved to pages that were read already.
            report.notes.append(
                f"{gone:,} songs were not met, and are removed by the next sync if they are gone"
            )
            return
        many = gone >= _LEAST_GUARDED and gone > _MOST_GONE * total
        if not accept_removals and (many or (gone == total and gone)):
            raise SourceFailed(
                f"{run.name}: {gone:,} of {total:,} songs are gone, so nothing was removed; is the "
                f"disk mounted and the server complete? If they are gone for good: quintet library "
                f"sync {run.name} --accept-removals"
            )
        held = partial(held_tracks, run.settings, connection)
        report.removal = mark_unseen(connection, run.name, run.since, held)
        store.release_unseen(connection, run.name, run.since)


def _delete_covers(settings: TrainingSettings, in_use: set[str]) -> None:
    """Delete the covers that no item has any more, but for new ones: another sync may run."""
    before = time.time() - _COVER_SECONDS
    if settings.covers.is_dir():
        for path in settings.covers.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.name not in in_use and path.stat().st_mtime < before:
                    path.unlink()
