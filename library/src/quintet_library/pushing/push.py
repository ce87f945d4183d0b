"""Write a saved list to a source, into the playlist that it became before, or into a new one."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from quintet_files import exclusive
from quintet_store import open_engine, reading, writing
from quintet_store.saved_lists import (
    Push,
    SavedList,
    TrackNames,
    find_list,
    names_of,
    note_push,
)
from quintet_store.source_items import KnownItem, items_of_tracks
from quintet_store.sources import Source, SourceInvalid, find_source, utc_now
from quintet_training.settings import TrainingSettings
from sqlalchemy import Connection

from quintet_library.jellyfin import JellyfinReader
from quintet_library.opening import open_client, reader_of
from quintet_library.pushing.entries import entry_of
from quintet_library.pushing.folder_target import FolderTarget
from quintet_library.pushing.jellyfin_target import JellyfinTarget
from quintet_library.pushing.subsonic_target import SubsonicTarget
from quintet_library.pushing.target import Action, Missing, PushItem, PushReport, Remote, Target
from quintet_library.records import SourceFailed

KINDS: Final = ("folder", "subsonic", "jellyfin")
"""Kinds of sources that a list can be pushed to."""


@dataclass(frozen=True)
class _Work:
    """What is read before the target is asked."""

    saved: SavedList
    source: Source
    items: dict[str, list[KnownItem]]
    names: dict[str, TrackNames]

    @property
    def before(self) -> Push | None:
        """The playlist that the list became at this source."""
        name = self.source.spec.name
        return next((each for each in self.saved.pushes if each.source == name), None)


def push_list(
    settings: TrainingSettings, saved: SavedList, source: str, *, dry_run: bool = False
) -> PushReport:
    """Write a saved list to a source; two pushes to one source wait for each other.

    Args:
        settings: Where the database is, and the limits of asking servers.
        saved: The list; one that is not in the database can only be tried (`dry_run`).
        source: Name of a folder, a Subsonic server or a Jellyfin server.
        dry_run: Ask the target, and write nothing.

    Raises:
        SourceInvalid: There is no such source, or it cannot hold playlists.
        SourceFailed: The target cannot be asked or written, or has none of the tracks.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with exclusive(settings.home / "library" / f"{source}.push.lock"):
            with reading(engine) as connection:
                work = _read(connection, saved, source)
            with _open_target(settings, work.source) as target:
                report, push = _push(work, target, dry_run)
            if push is not None:
                with writing(engine) as connection:
                    note_push(connection, saved.list_id, push)
            return report
    finally:
        engine.dispose()


def _read(connection: Connection, saved: SavedList, name: str) -> _Work:
    # Another push may have ended while this one waited.
    stored = find_list(connection, saved.list_id)
    saved = replace(saved, pushes=stored.pushes if stored else ())
    source = find_source(connection, name)
    if source is None:
        raise SourceInvalid(f"there is no source {name!r:.80}; quintet library list shows them")
    if source.spec.kind not in KINDS:
        raise SourceInvalid(
            f"{name} is a {source.spec.kind} source, which holds no playlists; push to one of the "
            f"kinds {', '.join(KINDS)}, for example the folder of the same music"
        )
    return _Work(
        saved,
        source,
        items_of_tracks(connection, saved.track_ids),
        dict(names_of(connection, saved.track_ids)),
    )


@contextmanager
def _open_target(settings: TrainingSettings, source: Source) -> Iterator[Target]:
    spec = source.spec
    if spec.kind == "folder":
        root = Path(spec.address)
        if not root.is_dir():
            raise SourceFailed(f"{root}: no such folder; is the disk mounted?")
        yield FolderTarget(root)
        return
    with open_client(settings, spec) as client:
        reader = reader_of(spec, client)
        if isinstance(reader, JellyfinReader):
            yield JellyfinTarget(reader)
        else:
            yield SubsonicTarget(reader)


def _push(work: _Work, target: Target, dry_run: bool) -> tuple[PushReport, Push | None]:
    saved, name = work.saved, work.source.spec.name
    items, missing = _items(work, target)
    notes: list[str] = []
    remote = _remote(work, target, notes)
    renamed = _renamed(work, remote, notes)
    shown = renamed or saved.name
    action = _action(items, remote, target, shown)
    report = PushReport(name, shown, action, len(items), missing, notes, dry_run=dry_run)
    if remote is not None:
        report.remote_id = remote.remote_id
    if not items:
        raise SourceFailed(
            f"{name} has none of the {len(saved.track_ids)} tracks of {saved.name!r}, so nothing "
            f"was written; {missing[0].reason}"
        )
    if dry_run:
        return report, None
    if remote is None:
        remote = target.create(shown, saved.list_id, items)
    elif action is Action.UPDATED:
        remote = target.replace(remote, shown, saved.list_id, items)
    _compare(report, items, remote)
    # The name that was written last, so that a renaming by others is noticed also the next time.
    written = work.before.remote_name if renamed and work.before else remote.name
    digest = _digest(remote.keys)
    facts = (remote.remote_id, written, digest, report.songs, len(report.missing), utc_now())
    return report, Push(name, *facts)


def _items(work: _Work, target: Target) -> tuple[list[PushItem], list[Missing]]:
    """Choose what the target has of the list, in order; the other tracks with the reason."""
    source, items, missing = work.source.spec.name, list[PushItem](), list[Missing]()
    for track_id in work.saved.track_ids:
        entry = entry_of(work.names.get(track_id))
        found = [each for each in work.items.get(track_id, ()) if each.source == source]
        reason = "" if track_id in work.names else "the catalogue no longer has it"
        if not any(each.present for each in found):
            reason = reason or f"{source} does not have it"
        key = ""
        for item in found:
            if item.present and not key:
                try:
                    key = target.key_of(item)
                except ValueError as fault:
                    reason = str(fault)
        if key:
            items.append(PushItem(track_id, key, replace(entry, location=key)))
        else:
            missing.append(Missing(track_id, entry.title, entry.artists, reason))
    return items, missing


def _remote(work: _Work, target: Target, notes: list[str]) -> Remote | None:
    """Find the playlist that this list became; None if there is none, or it is no longer ours."""
    before, list_id = work.before, work.saved.list_id
    if before is None:
        return target.find_marked(list_id)
    found = target.find(before.remote_id)
    if found is not None and target.has_marks and found.mark != list_id:
        if found.name != before.remote_name:
            notes.append(f"{found.name!r} is another playlist now, and stays as it is")
            found = None
    elif found is None:
        found = target.find_marked(list_id)
        if found is None:
            notes.append(
                f"the playlist {before.remote_name!r} was deleted there since the last push, so a "
                "new one is made"
            )
    if found is not None and _digest(found.keys) != before.digest:
        notes.append("its songs were changed there since the last push, and are replaced")
    return found


def _renamed(work: _Work, remote: Remote | None, notes: list[str]) -> str:
    """Give the name that a person gave the playlist at the target, which stays; "" for none."""
    before = work.before
    if remote is None or before is None or remote.name == before.remote_name:
        return ""
    notes.append(f"it was renamed to {remote.name!r} there, and keeps that name")
    return remote.name


def _action(items: Sequence[PushItem], remote: Remote | None, target: Target, name: str) -> Action:
    if remote is None:
        return Action.CREATED
    same = remote.keys == tuple(item.key for item in items) and target.has_name(remote, name)
    return Action.UNCHANGED if same else Action.UPDATED


def _compare(report: PushReport, items: Sequence[PushItem], remote: Remote) -> None:
    """Report what the target did not take, by what it has now."""
    there = set(remote.keys)
    for item in items:
        if item.key not in there:
            entry = item.entry
            why = f"{report.target} no longer has it; sync the source"
            report.missing.append(Missing(item.track_id, entry.title, entry.artists, why))
    report.songs = len(remote.keys)
    report.remote_id, report.name = remote.remote_id, remote.name


def _digest(keys: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(keys).encode("utf-8", "surrogateescape")).hexdigest()
