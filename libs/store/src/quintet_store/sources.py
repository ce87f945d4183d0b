"""Sources of music: what they are, how their last sync went, and what they could not read."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from quintet_store.bulk import parts, write_rows
from quintet_store.tables import (
    Import,
    MusicSource,
    QuarantinedItem,
    SourceItem,
    table_of,
)

SOURCE_KINDS: Final = ("folder", "subsonic", "jellyfin", "beets", "reccobeats")
SERVER_KINDS: Final = ("subsonic", "jellyfin")
"""Kinds that are media servers: they ask for a user, and give audio and covers over HTTP."""
MAX_ITEM_ID: Final = 512
MAX_REASON: Final = 500
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_CREDENTIAL: Final = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)?\Z")
_PASSWORD_IN_URL: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*@", re.IGNORECASE)
_SOURCES: Final = table_of(MusicSource)
_ITEMS: Final = table_of(SourceItem)
_QUARANTINE: Final = table_of(QuarantinedItem)
_IMPORTS: Final = table_of(Import)


class SourceInvalid(ValueError):
    """Report a source that cannot be added or does not exist; names the field and the way out."""


@dataclass(frozen=True)
class SourceSpec:
    """A source to add.

    Attributes:
        name: Lower-case letters, digits and `._-`, at most 64; unique.
        kind: One of `SOURCE_KINDS`.
        address: A path or a URL, without user and password.
        options: The source's own settings; no secret.
        credential: `env:NAME` or `file:PATH` of the secret; empty for none.
        play_allowed: Whether the page may play its files.
    """

    name: str
    kind: str
    address: str
    options: Mapping[str, object] = field(default_factory=dict)
    credential: str = ""
    play_allowed: bool = False


@dataclass(frozen=True)
class Source:
    """A source and the state of its sync.

    Attributes:
        spec: As it was added.
        cursor: Where the next sync continues, in the source's own notation.
        last_error: Of the last sync; empty if it succeeded.
        added_at: ISO 8601 in UTC, like all times; empty for one that has not come.
        started_at: When the last sync began.
        synced_at: When the last sync without an error ended.
        present: Items that the last sync found.
        absent: Items that were there before.
        quarantined: Items that could not be read.
    """

    spec: SourceSpec
    cursor: str
    last_error: str
    added_at: str
    started_at: str
    synced_at: str
    present: int
    absent: int
    quarantined: int


@dataclass(frozen=True)
class Quarantined:
    """An item that could not be read or analysed, as the file was then, and why."""

    source: str
    item_id: str
    stage: str
    reason: str
    path: str = ""
    size: int | None = None
    mtime_ns: int | None = None
    quarantined_at: str = ""


def path_key(path: str) -> str:
    """Make the key by which a path is found: 128 bits of BLAKE2b of its bytes; empty for none.

    Args:
        path: As Python gives it; bytes that are not UTF-8 are surrogates (`os.fsdecode`).
    """
    return hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest() if path else ""


def utc_now() -> str:
    """Read the clock in the form in which the database keeps times: with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def add_source(connection: Connection, spec: SourceSpec, now: str = "") -> None:
    """Add a source.

    Raises:
        SourceInvalid: A field is not allowed, or the name is taken.
    """
    _check(spec)
    if find_source(connection, spec.name) is not None:
        raise SourceInvalid(
            f"name: there is a source {spec.name!r} already; choose another with --name, or remove "
            f"it: quintet library remove {spec.name}"
        )
    values = {
        "name": spec.name,
        "kind": spec.kind,
        "address": spec.address,
        "options": dict(spec.options),
        "credential": spec.credential,
        "play_allowed": spec.play_allowed,
        "import_id": _import_of(connection, spec.name, now or utc_now()),
        **dict.fromkeys(("cursor", "last_error", "started_at", "synced_at"), ""),
        "added_at": now or utc_now(),
    }
    connection.execute(insert(_SOURCES).values(values))


def _check(spec: SourceSpec) -> None:
    if not _NAME.match(spec.name):
        raise SourceInvalid(
            f"name: {spec.name!r:.80} is not allowed; use lower-case letters, digits, '.', '_' and "
            "'-', beginning with a letter or digit, at most 64 characters"
        )
    if spec.kind not in SOURCE_KINDS:
        raise SourceInvalid(f"kind: {spec.kind!r:.40}; expected one of {', '.join(SOURCE_KINDS)}")
    if not spec.address or "\0" in spec.address:
        raise SourceInvalid("address: empty, or holds a NUL character")
    if _PASSWORD_IN_URL.match(spec.address):
        raise SourceInvalid(
            "address: names a user or password; give them as environment variables or a file, for "
            "they would be readable in the database"
        )
    if not _CREDENTIAL.match(spec.credential):
        # The text is not shown: it may be the secret itself.
        raise SourceInvalid("credential: expected env:NAME or file:PATH, which hold the secret")


def _import_of(connection: Connection, name: str, now: str) -> int:
    """Find or write the row of `imports` that all tracks of a source belong to.

    It stays when the source is removed, because tracks that playlists hold stay too.
    """
    fingerprint = hashlib.sha256(f"source\0{name}".encode()).hexdigest()
    query = select(_IMPORTS.c.id).where(_IMPORTS.c.fingerprint == fingerprint)
    if (known := connection.execute(query).scalar_one_or_none()) is not None:
        return int(known)
    facts = {
        **{"kind": "source", "fingerprint": fingerprint, "file_name": "", "sha256": ""},
        **{"source": name, "licence": "unknown", "imported_at": now},
        **dict.fromkeys(("rows_read", "rows_stored", "rows_quarantined", "rows_duplicate"), 0),
    }
    made = connection.execute(insert(_IMPORTS).values(facts).returning(_IMPORTS.c.id))
    return int(made.scalar_one())


def list_sources(connection: Connection) -> list[Source]:
    """List all sources by name, with the counts of their items."""
    counts: dict[str, list[int]] = {}
    items = select(_ITEMS.c.source, _ITEMS.c.present, func.count()).group_by(
        _ITEMS.c.source, _ITEMS.c.present
    )
    for name, present, number in connection.execute(items):
        counts.setdefault(str(name), [0, 0, 0])[0 if present else 1] = int(number)
    bad = select(_QUARANTINE.c.source, func.count()).group_by(_QUARANTINE.c.source)
    for name, number in connection.execute(bad):
        counts.setdefault(str(name), [0, 0, 0])[2] = int(number)
    query = select(_SOURCES).order_by(_SOURCES.c.name)
    return [
        _source(dict(row), counts.get(row["name"], [0, 0, 0]))
        for row in connection.execute(query).mappings()
    ]


def _source(row: Mapping[str, Any], counts: list[int]) -> Source:
    spec = SourceSpec(**{name: row[name] for name in SourceSpec.__dataclass_fields__})
    state = [row[name] for name in ("cursor", "last_error", "added_at", "started_at", "synced_at")]
    return Source(spec, *state, *counts)


def find_source(connection: Connection, name: str) -> Source | None:
    """Look up a source by name; None if there is none."""
    return next((each for each in list_sources(connection) if each.spec.name == name), None)


def begin_sync(connection: Connection, name: str, now: str = "") -> str:
    """Note that a sync of a source begins; give its time, for `touch_items` and `mark_unseen`.

    Raises:
        SourceInvalid: There is no such source.
    """
    now = now or utc_now()
    _update(connection, name, {"started_at": now})
    return now


def save_cursor(connection: Connection, name: str, cursor: str) -> None:
    """Note where a sync continues after it was interrupted.

    Raises:
        SourceInvalid: There is no such source: it was removed meanwhile.
    """
    _update(connection, name, {"cursor": cursor})


def end_sync(connection: Connection, name: str, *, error: str = "", now: str = "") -> None:
    """Note how a sync ended: with an error, in one line without secrets, or complete.

    Raises:
        SourceInvalid: There is no such source: it was removed meanwhile.
    """
    done = {} if error else {"synced_at": now or utc_now()}
    _update(connection, name, {"last_error": error[:MAX_REASON], **done})


def _update(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    changed = connection.execute(update(_SOURCES).where(_SOURCES.c.name == name).values(values))
    if not changed.rowcount:
        raise SourceInvalid(f"there is no source {name!r:.80}; quintet library list shows them")


def quarantine_items(connection: Connection, items: Iterable[Quarantined]) -> None:
    """Note items that could not be read or analysed; an item that was there is replaced."""
    now = utc_now()
    rows = [
        {
            "source": item.source,
            "item_id": item.item_id,
            "stage": item.stage,
            "path": os.fsencode(item.path),
            "size": item.size,
            "mtime_ns": item.mtime_ns,
            "reason": item.reason.replace("\0", "")[:MAX_REASON],
            "quarantined_at": item.quarantined_at or now,
        }
        for item in items
    ]
    changed = ("path", "size", "mtime_ns", "reason", "quarantined_at")
    write_rows(
        connection,
        _QUARANTINE,
        rows,
        lambda statement: statement.on_conflict_do_update(
            index_elements=["source", "item_id", "stage"],
            set_={name: statement.excluded[name] for name in changed},
        ),
    )


def release_items(connection: Connection, source: str, stage: str, item_ids: Iterable[str]) -> None:
    """Take items out of quarantine that were read after all, or are gone."""
    own = (_QUARANTINE.c.source == source) & (_QUARANTINE.c.stage == stage)
    for part in parts(item_ids):
        connection.execute(delete(_QUARANTINE).where(own, _QUARANTINE.c.item_id.in_(part)))


def quarantined_items(
    connection: Connection,
    source: str = "",
    *,
    after: tuple[str, str, str] = ("", "", ""),
    limit: int = 1000,
) -> list[Quarantined]:
    """List one page of the quarantine, of one source or of all.

    Args:
        connection: Any.
        source: Empty for all.
        after: (source, item_id, stage) of the last item of the page before.
        limit: Length of the page.
    """
    key = (_QUARANTINE.c.source, _QUARANTINE.c.item_id, _QUARANTINE.c.stage)
    query = select(_QUARANTINE).where(tuple_(*key) > tuple_(*after)).order_by(*key).limit(limit)
    if source:
        query = query.where(_QUARANTINE.c.source == source)
    return [
        Quarantined(**{**row, "path": os.fsdecode(row["path"])})
        for row in connection.execute(query).mappings()
    ]
