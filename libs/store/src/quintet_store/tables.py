"""Define the tables, typed. Unknown text is the empty string, never null."""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from quintet_store.library_tables import CatalogueState as CatalogueState
from quintet_store.library_tables import LibraryRequest as LibraryRequest
from quintet_store.library_tables import LibraryWorker as LibraryWorker
from quintet_store.library_tables import MusicSource as MusicSource
from quintet_store.library_tables import QuarantinedItem as QuarantinedItem
from quintet_store.library_tables import SourceGroup as SourceGroup
from quintet_store.library_tables import SourceItem as SourceItem
from quintet_store.library_tables import TrackFeatures as TrackFeatures
from quintet_store.library_tables import TrackId as TrackId
from quintet_store.list_tables import ListPush as ListPush
from quintet_store.list_tables import SavedList as SavedList
from quintet_store.operation_tables import OperationEvent as OperationEvent
from quintet_store.operation_tables import TrafficInterval as TrafficInterval
from quintet_store.table_base import Base as Base
from quintet_store.table_base import table_of as table_of


class Import(Base):
    """One file imported with one set of options; `fingerprint` names both, so it is never redone.

    `kind` is `catalogue`, `playlists` or `history`; times are ISO 8601 in UTC;
    rows_read = rows_stored + rows_quarantined + rows_duplicate.
    """

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    file_name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    source: Mapped[str]
    licence: Mapped[str]
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_stored: Mapped[int] = mapped_column(default=0)
    rows_quarantined: Mapped[int] = mapped_column(default=0)
    rows_duplicate: Mapped[int] = mapped_column(default=0)
    imported_at: Mapped[str]


class Track(Base):
    """One track: its names, duration in ms, and popularity 0..100, null where it is not known.

    What was measured on its audio is in `TrackFeatures`, ids by others in `TrackId`. `name_key` is
    `names.name_key` of its title and first artist, null until a sync needs it.
    """

    __tablename__ = "tracks"

    track_id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    artists: Mapped[list[str]] = mapped_column(JSON)
    album: Mapped[str]
    release_date: Mapped[str]
    explicit: Mapped[bool]
    duration_ms: Mapped[float]
    popularity: Mapped[float | None]
    cover_url: Mapped[str]
    preview_url: Mapped[str]
    provenance: Mapped[str]
    licence: Mapped[str]
    name_key: Mapped[str | None] = mapped_column(String(34), index=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), index=True)
    imported_at: Mapped[str]


class TrackGenre(Base):
    """A genre of a track."""

    __tablename__ = "track_genres"

    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"), primary_key=True)
    genre: Mapped[str] = mapped_column(primary_key=True)


class Playlist(Base):
    """A playlist or listening session; `playlist_id` is unique over all sources.

    `kind` is what its origin calls this kind of playlist, such as `charts`; empty if it does not.
    `file_id` names the `PlaylistFile` with its rows, and `stored_rows` counts them there; null and
    0 for a playlist whose rows are in `playlist_tracks`.
    """

    __tablename__ = "playlists"

    playlist_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(64), server_default="")
    provenance: Mapped[str]
    licence: Mapped[str]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), index=True)
    # Not a foreign key: SQLite adds none to a table that exists.
    file_id: Mapped[int | None] = mapped_column(index=True)
    stored_rows: Mapped[int] = mapped_column(server_default="0")


class PlaylistFile(Base):
    """A Parquet file of rows of playlists, in the folder `playlists` of QUINTET_HOME.

    A row counts only if its playlist names this file: other rows are of an earlier version of the
    playlist. `rows` counts all of them; `sha256` is of the file.
    """

    __tablename__ = "playlist_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[str] = mapped_column(String(32))


class PlaylistTrack(Base):
    """A track at a position of a playlist whose rows are in the database.

    These are playlists of sources of music, sessions of listeners, and feedback: a sync or the
    deletion of a listener changes single ones. Rows of data sets are in a `PlaylistFile`.
    """

    __tablename__ = "playlist_tracks"
    __table_args__ = (Index(None, "track_id"),)

    playlist_id: Mapped[str] = mapped_column(ForeignKey("playlists.playlist_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"))
    added_at: Mapped[str | None]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))


class FeatureSet(Base):
    """Names of the features that impressions hold values of, in order; the hash names the set."""

    __tablename__ = "feature_sets"

    feature_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    names: Mapped[list[str]] = mapped_column(JSON)


class Recommendation(Base):
    """One recommended list.

    `listener` is a keyed hash, empty without a listener or after its deletion; `shown_at`
    is ISO 8601 in UTC with milliseconds, so that text sorts as time does; `surface` is the path
    that answered; `seeds` are objects with track_id, artist_id or genre, a weight, and
    `"negative": true` for those moved away from. `experiment_id` is empty outside of experiments;
    `arm` says which model answered in one: champion, challenger or interleave. `options` is the
    rest of the request as the JSON of its protobuf message, without seeds, listener and memory;
    `pool` counts the tracks at each stage; both are empty in rows of older releases. `bytes` is
    about what the list and its impressions take on the disk: `feedback.list_bytes`.
    """

    __tablename__ = "recommendations"

    recommendation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    listener: Mapped[str] = mapped_column(String(64), index=True)
    shown_at: Mapped[str] = mapped_column(String(32), index=True)
    surface: Mapped[str]
    seeds: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    model_version: Mapped[str]
    index_version: Mapped[str]
    catalogue_version: Mapped[str]
    feature_hash: Mapped[str] = mapped_column(String(64))
    experiment_id: Mapped[str] = mapped_column(String(64), index=True, server_default="")
    arm: Mapped[str] = mapped_column(String(16), server_default="")
    options: Mapped[dict[str, object]] = mapped_column(JSON, server_default="{}")
    pool: Mapped[dict[str, int]] = mapped_column(JSON, server_default="{}")
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Impression(Base):
    """A track as it was shown: its place from 1, its score, the channels that found it.

    `channels` are separated by commas; `features` are little-endian float32 in the order of the
    recommendation's feature set, NaN for a missing value, empty without any. `origin` is
    the model that picked it, champion or challenger; empty outside of interleaved lists.
    """

    __tablename__ = "impressions"

    recommendation_id: Mapped[str] = mapped_column(
        ForeignKey("recommendations.recommendation_id"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    track_id: Mapped[str]
    score: Mapped[float]
    channels: Mapped[str]
    features: Mapped[bytes] = mapped_column(LargeBinary)
    origin: Mapped[str] = mapped_column(String(16), server_default="")


class FeedbackEvent(Base):
    """One action of a listener on a track; `event_id` is unique per client.

    `recommendation_id` has no foreign key: an event counts also where its impression was lost.
    Times are as in `Recommendation`; `listener` is that of the event, else of its recommendation.
    """

    __tablename__ = "feedback_events"

    client: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    recommendation_id: Mapped[str] = mapped_column(String(64), index=True)
    track_id: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    position: Mapped[int | None]
    dwell_ms: Mapped[int | None] = mapped_column(BigInteger)
    listener: Mapped[str] = mapped_column(String(64), index=True)
    occurred_at: Mapped[str] = mapped_column(String(32))
    received_at: Mapped[str] = mapped_column(String(32), index=True)


class DeletedListener(Base):
    """A listener who was deleted, as the keyed hash, and when; an older backup still has them.

    The hash cannot be reversed without the installation's key; it is all that a deletion leaves.
    """

    __tablename__ = "deleted_listeners"

    listener: Mapped[str] = mapped_column(String(64), primary_key=True)
    deleted_at: Mapped[str] = mapped_column(String(32))


class Listener(Base):
    """A listener with a memory, by keyed hash.

    `revision` changes with every change of the memory and never returns, so that a copy elsewhere
    is current exactly if it has the same; `signals` counts the rows of `ListenerSignal`;
    `active_at` is when the last signal arrived, in the form of `Recommendation`.
    """

    __tablename__ = "listeners"

    listener: Mapped[str] = mapped_column(String(64), primary_key=True)
    revision: Mapped[str] = mapped_column(String(32))
    signals: Mapped[int]
    active_at: Mapped[str] = mapped_column(String(32), index=True)


class ListenerSignal(Base):
    """What a listener did with a track: `kind` is one of `quintet_contract.limits.SIGNAL_KINDS`.

    `at` is the time in seconds since 1970; `count` is above 1 only where a source counts plays
    without their times; `source` says where the row comes from, such as feedback or lastfm. Two
    sources may hold the same listen.
    """

    __tablename__ = "listener_signals"
    # A list asks for the plays since a time and for all opinions: both are ranges of this index.
    __table_args__ = (Index(None, "listener", "kind", "at", "track_id"),)

    listener: Mapped[str] = mapped_column(String(64), primary_key=True)
    track_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(server_default="1")
    licence: Mapped[str]
    received_at: Mapped[str] = mapped_column(String(32))


class BannedArtist(Base):
    """An artist whose tracks a listener never wants; `source` is as in `ListenerSignal`."""

    __tablename__ = "banned_artists"

    listener: Mapped[str] = mapped_column(String(64), primary_key=True)
    artist_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_at: Mapped[str] = mapped_column(String(32))


class Experiment(Base):
    """Two models compared on listeners; a row never changes but for its end.

    `mode` is interleave, split or shadow; `percent` is the share of requests that take part, or in
    a split that the challenger answers; `salt` decides which, and is inherited where only the
    percentage changes. `running` is true, or null once ended: so at most one runs. Times are as in
    `Recommendation`, `ended_at` empty while it runs.
    """

    __tablename__ = "experiments"

    experiment_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))
    mode: Mapped[str] = mapped_column(String(16))
    percent: Mapped[float]
    champion: Mapped[str]
    challenger: Mapped[str]
    alpha: Mapped[float]
    min_effect: Mapped[float]
    most_trials: Mapped[int]
    unit: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[str] = mapped_column(String(32), index=True)
    ended_at: Mapped[str] = mapped_column(String(32))
    verdict: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    running: Mapped[bool | None] = mapped_column(unique=True)


class ShadowComparison(Base):
    """One request that the challenger answered too, without being shown.

    `correlation` is Spearman's over the tracks of both lists, null for fewer than three; `overlap`
    the share of tracks in both; latencies are those of ranking alone.
    """

    __tablename__ = "shadow_comparisons"

    comparison_id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[str] = mapped_column(String(64), index=True)
    recorded_at: Mapped[str] = mapped_column(String(32), index=True)
    correlation: Mapped[float | None]
    overlap: Mapped[float]
    champion_ms: Mapped[float]
    challenger_ms: Mapped[float]
