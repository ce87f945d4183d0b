"""Reads what is left in every place where events go, once all is quiet again."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from quintet_access.pseudonyms import Pseudonyms
from quintet_store import open_engine, reading
from quintet_store.feedback import feedback_playlists, listener_group
from quintet_store.listeners import signal_of
from quintet_store.tables import FeedbackEvent, ListenerSignal, PlaylistTrack, table_of
from sqlalchemy import Connection, select

from tools.chaos.history.checker import DATABASE, EXPORT, MEMORY, SPOOL, TRAINING, UNDONE
from tools.chaos.history.clients import exported_events

Entries = list[dict[str, Any]]
_EXPORT_SECONDS = 60.0


class Places:
    """The places of one installation.

    Args:
        home: QUINTET_HOME.
        database_url: Its database.
        gateway: The address of a gateway that answers.
        listeners: The ids of all listeners there were.
    """

    def __init__(
        self, home: Path, database_url: str, gateway: str, listeners: Iterable[str]
    ) -> None:
        self._home, self._url, self._gateway = home, database_url, gateway
        pseudonyms = Pseudonyms.of(home / "access")
        self._names = {pseudonyms.listener(each): each for each in listeners}

    def read(self) -> dict[str, Entries]:
        """Return the entries of each place."""
        engine = open_engine(self._url)
        with reading(engine) as connection:
            found = {
                DATABASE: list(self._rows(connection)),
                MEMORY: list(self._signals(connection)),
                TRAINING: list(self._playlists(connection)),
            }
        engine.dispose()
        return {**found, SPOOL: list(self._spooled()), EXPORT: list(self._exported())}

    def _rows(self, connection: Connection) -> Iterator[dict[str, Any]]:
        for row in connection.execute(select(table_of(FeedbackEvent))).mappings():
            yield {
                "event": row["event_id"],
                "listener": self._name(row["listener"]),
                "track": row["track_id"],
                "act": row["kind"],
                "signal": "" if row["kind"] == UNDONE else signal_of(row).kind,
                "received": datetime.fromisoformat(row["received_at"]).timestamp(),
            }

    def _signals(self, connection: Connection) -> Iterator[dict[str, Any]]:
        for row in connection.execute(select(table_of(ListenerSignal))).mappings():
            yield {
                "listener": self._name(row["listener"]),
                "track": row["track_id"],
                "signal": row["kind"],
            }

    def _playlists(self, connection: Connection) -> Iterator[dict[str, Any]]:
        """Yield the tracks of playlists for training that were built from a listener's events."""
        entries = table_of(PlaylistTrack)
        for name, listener in self._names.items():
            for playlist in feedback_playlists(connection, {listener_group(name)}):
                query = select(entries.c.track_id).where(entries.c.playlist_id == playlist)
                for (track,) in connection.execute(query):
                    yield {"listener": listener, "track": track}

    def _spooled(self) -> Iterator[dict[str, Any]]:
        for path in sorted((self._home / "spool").glob("*.*")):
            for line in path.read_bytes().splitlines():
                yield from ({"event": row["event_id"]} for row in _rows_of(line))

    def _exported(self) -> Iterator[dict[str, Any]]:
        for listener in self._names.values():
            url = f"{self._gateway}/api/v1/listeners/{listener}/export"
            answer = httpx.get(url, timeout=_EXPORT_SECONDS, trust_env=False).raise_for_status()
            for event in exported_events(answer.text):
                yield {"event": event, "listener": listener}

    def _name(self, hashed: str) -> str:
        return self._names.get(hashed, hashed)


def _rows_of(line: bytes) -> list[Mapping[str, Any]]:
    """Read the rows of a line of the spool; a damaged line is one row without an id."""
    try:
        rows: list[Mapping[str, Any]] = json.loads(line.partition(b" ")[2])
    except ValueError:
        return [{"event_id": f"damaged: {line[:40]!r}"}]
    return rows
