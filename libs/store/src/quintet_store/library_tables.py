"""Define the tables on who a track is, what was measured on it, and which sources have it."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from quintet_store.table_base import Base


class TrackFeatures(Base):
    """Audio features of a track by one provenance; null where it gives none.

    `provenance` is a kind of `features.PROVENANCE_ORDER`, alone or with a name: `analysis`,
    `import:My label`. Several provenances of one track are kept side by side;
    `features.chosen_features` says which value counts. `import_id` is that of an import, else null.
    """

    __tablename__ = "track_features"
    __table_args__ = (Index(None, "provenance"),)

    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"), primary_key=True)
    provenance: Mapped[str] = mapped_column(primary_key=True)
    acousticness: Mapped[float | None]
    danceability: Mapped[float | None]
    energy: Mapped[float | None]
    instrumentalness: Mapped[float | None]
    key: Mapped[float | None]
    liveness: Mapped[float | None]
    loudness: Mapped[float | None]
    mode: Mapped[float | None]
    speechiness: Mapped[float | None]
    tempo: Mapped[float | None]
    time_signature: Mapped[float | None]
    valence: Mapped[float | None]
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    updated_at: Mapped[str] = mapped_column(String(32))


class TrackId(Base):
    """An id that others gave a track, in the form of `quintet_text.track_ids.normal_id`.

    One value may belong to several tracks: releases of one recording share an ISRC, tracks of one
    album its release. Ids that sources give are in `SourceItem`.
    """

    __tablename__ = "track_ids"
    __table_args__ = (Index(None, "track_id"),)

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(128), primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"), primary_key=True)


class MusicSource(Base):
    """A folder, server or library file that tracks come from.

    `kind` is folder, subsonic, jellyfin, beets or reccobeats (features alone); `address` is a path
    or a URL without a password; `credential` names where the secret is, `env:NAME` or `file:PATH`,
    and is empty for none: the secret itself is never here. `cursor` is where the next sync
    continues, in the source's own notation. `play_allowed` lets the page play its files. Times are
    ISO 8601 in UTC, empty before the first; `synced_at` is when the last sync finished without an
    error.
    """

    __tablename__ = "sources"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    address: Mapped[str]
    options: Mapped[dict[str, object]] = mapped_column(JSON)
    credential: Mapped[str]
    play_allowed: Mapped[bool]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    cursor: Mapped[str]
    last_error: Mapped[str]
    added_at: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[str] = mapped_column(String(32))
    synced_at: Mapped[str] = mapped_column(String(32))


class SourceItem(Base):
    """A track as one source has it: a file of a folder, a song of a server.

    `item_id` is the source's own id; a folder's is `library.path_key` of the path. `path` holds
    the bytes of the path as the system gives them, empty for none: file names need not be UTF-8;
    `path_key` is for finding it. `audio_hash` identifies the audio without its tags, empty if not
    known. `present` is false once a sync no longer found it. `version` is a hash of what the source
    said, so that what did not change is not written again; `cover` is the name of its cover in the
    folder of covers. Both are empty if not known. Times as in `MusicSource`.
    """

    __tablename__ = "track_sources"
    __table_args__ = (
        Index(None, "track_id"),
        Index(None, "audio_hash"),
        Index(None, "path_key"),
        Index(None, "source", "seen_at"),
    )

    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"))
    path: Mapped[bytes] = mapped_column(LargeBinary)
    path_key: Mapped[str] = mapped_column(String(32))
    size: Mapped[int | None] = mapped_column(BigInteger)
    mtime_ns: Mapped[int | None] = mapped_column(BigInteger)
    audio_hash: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32), server_default="")
    cover: Mapped[str] = mapped_column(String(40), server_default="")
    present: Mapped[bool]
    added_at: Mapped[str] = mapped_column(String(32))
    seen_at: Mapped[str] = mapped_column(String(32))


class SourceGroup(Base):
    """An artist or album of a media server, and one of its songs: one row for each such pair.

    `kind` is `artist` or `album`; `group_id` is the server's own id of it. `name` is as the server
    writes it; `name_key` is `names.name_key` of it, by which an artist is found by name.
    """

    __tablename__ = "source_groups"
    __table_args__ = (
        Index(None, "source", "item_id"),
        Index(None, "source", "kind", "name_key"),
    )

    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    group_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(String(34))


class QuarantinedItem(Base):
    """An item of a source that could not be read (`stage` sync) or analysed (`stage` analysis)."""

    __tablename__ = "quarantined_items"

    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int | None] = mapped_column(BigInteger)
    mtime_ns: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str]
    quarantined_at: Mapped[str] = mapped_column(String(32))


class CatalogueState(Base):
    """One row whose random `token` changes with every write to what a snapshot is made of."""

    __tablename__ = "catalogue_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str] = mapped_column(String(32))


class LibraryRequest(Base):
    """Work on a source that a person asked for over HTTP; `library_requests` has its states.

    `source` refers to no row: the source of a request to add one does not exist yet. `steps_before`
    is the progress at the start, from which the time left is estimated. `attempts` counts starts.
    Times as in `MusicSource`.
    """

    __tablename__ = "library_requests"
    __table_args__ = (Index(None, "state"), Index(None, "source"))

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, object]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str]
    attempts: Mapped[int]
    steps_before: Mapped[int]
    requested_at: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[str] = mapped_column(String(32))
    ended_at: Mapped[str] = mapped_column(String(32))


class LibraryWorker(Base):
    """The process that works on requests: one row, and when it was seen last (Unix seconds)."""

    __tablename__ = "library_worker"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(128))
    seen_at: Mapped[float]
