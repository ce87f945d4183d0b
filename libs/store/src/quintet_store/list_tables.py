"""Define the tables of saved lists, and of the playlists that were made of them elsewhere."""

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from quintet_store.table_base import Base


class SavedList(Base):
    """A named list of tracks that is kept, so that it can become a playlist.

    `listener` is a keyed hash, empty for a list of nobody in particular. `origin` is api, command
    or mix. `track_ids` are in order; a track may leave the catalogue later. Times are ISO 8601 in
    UTC.
    """

    __tablename__ = "saved_lists"

    list_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    listener: Mapped[str] = mapped_column(String(64), index=True)
    origin: Mapped[str] = mapped_column(String(16))
    track_ids: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[str] = mapped_column(String(32))
    updated_at: Mapped[str] = mapped_column(String(32))


class ListPush(Base):
    """The playlist that a saved list became at a source: which one it is, and what was written.

    `remote_id` is the playlist's id at a server, or its file in a folder; `remote_name` the name
    that was written last; `digest` a hash of the items that the source had after that, so that a
    change by others is noticed. `songs` were written and `missing` were not.
    """

    __tablename__ = "list_pushes"

    list_id: Mapped[str] = mapped_column(ForeignKey("saved_lists.list_id"), primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    remote_id: Mapped[str]
    remote_name: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64))
    songs: Mapped[int]
    missing: Mapped[int]
    pushed_at: Mapped[str] = mapped_column(String(32))
