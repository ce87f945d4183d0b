"""The tables, typed. Unknown text is the empty string, never null."""

from typing import Final

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ATTRIBUTE_COLUMNS: Final = (
    "acousticness",
    "danceability",
    "duration_ms",
    "energy",
    "instrumentalness",
    "key",
    "liveness",
    "loudness",
    "mode",
    "popularity",
    "speechiness",
    "tempo",
    "time_signature",
    "valence",
)


class Base(DeclarativeBase):
    """Base of all tables; constraints are named by one rule, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Import(Base):
    """One file imported with one set of options; `fingerprint` names both, so it is never redone.

    `kind` is `catalogue` or `playlists`; times are ISO 8601 in UTC;
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
    """One track with its fourteen attributes, in the units and ranges of the catalogue."""

    __tablename__ = "tracks"

    track_id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    artists: Mapped[list[str]] = mapped_column(JSON)
    album: Mapped[str]
    release_date: Mapped[str]
    explicit: Mapped[bool]
    isrc: Mapped[str] = mapped_column(index=True)
    acousticness: Mapped[float]
    danceability: Mapped[float]
    duration_ms: Mapped[float]
    energy: Mapped[float]
    instrumentalness: Mapped[float]
    key: Mapped[float]
    liveness: Mapped[float]
    loudness: Mapped[float]
    mode: Mapped[float]
    popularity: Mapped[float]
    speechiness: Mapped[float]
    tempo: Mapped[float]
    time_signature: Mapped[float]
    valence: Mapped[float]
    cover_url: Mapped[str]
    preview_url: Mapped[str]
    provenance: Mapped[str]
    licence: Mapped[str]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), index=True)
    imported_at: Mapped[str]


class TrackGenre(Base):
    """A genre of a track."""

    __tablename__ = "track_genres"

    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"), primary_key=True)
    genre: Mapped[str] = mapped_column(primary_key=True)


class Playlist(Base):
    """A playlist or listening session; `playlist_id` is unique over all sources."""

    __tablename__ = "playlists"

    playlist_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    provenance: Mapped[str]
    licence: Mapped[str]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), index=True)


class PlaylistTrack(Base):
    """A track at a position of a playlist."""

    __tablename__ = "playlist_tracks"
    __table_args__ = (Index(None, "track_id"),)

    playlist_id: Mapped[str] = mapped_column(ForeignKey("playlists.playlist_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.track_id"))
    added_at: Mapped[str | None]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))


def table_of(entity: type[Base]) -> Table:
    """Returns the table of a mapped class, for Core statements."""
    table = entity.__table__
    assert isinstance(table, Table)
    return table
