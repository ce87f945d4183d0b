"""Tracks, genres, imports and playlists."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_stored", sa.Integer(), nullable=False),
        sa.Column("rows_quarantined", sa.Integer(), nullable=False),
        sa.Column("rows_duplicate", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_imports_fingerprint")),
    )
    op.create_table(
        "playlists",
        sa.Column("playlist_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_playlists_import_id_imports")
        ),
        sa.PrimaryKeyConstraint("playlist_id", name=op.f("pk_playlists")),
    )
    with op.batch_alter_table("playlists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_playlists_import_id"), ["import_id"], unique=False)

    op.create_table(
        "tracks",
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("artists", sa.JSON(), nullable=False),
        sa.Column("album", sa.String(), nullable=False),
        sa.Column("release_date", sa.String(), nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("isrc", sa.String(), nullable=False),
        sa.Column("acousticness", sa.Double(), nullable=False),
        sa.Column("danceability", sa.Double(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("energy", sa.Double(), nullable=False),
        sa.Column("instrumentalness", sa.Double(), nullable=False),
        sa.Column("key", sa.Double(), nullable=False),
        sa.Column("liveness", sa.Double(), nullable=False),
        sa.Column("loudness", sa.Double(), nullable=False),
        sa.Column("mode", sa.Double(), nullable=False),
        sa.Column("popularity", sa.Double(), nullable=False),
        sa.Column("speechiness", sa.Double(), nullable=False),
        sa.Column("tempo", sa.Double(), nullable=False),
        sa.Column("time_signature", sa.Double(), nullable=False),
        sa.Column("valence", sa.Double(), nullable=False),
        sa.Column("cover_url", sa.String(), nullable=False),
        sa.Column("preview_url", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_tracks_import_id_imports")
        ),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_tracks")),
    )
    with op.batch_alter_table("tracks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tracks_import_id"), ["import_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tracks_isrc"), ["isrc"], unique=False)

    op.create_table(
        "playlist_tracks",
        sa.Column("playlist_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("added_at", sa.String(), nullable=True),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_playlist_tracks_import_id_imports")
        ),
        sa.ForeignKeyConstraint(
            ["playlist_id"],
            ["playlists.playlist_id"],
            name=op.f("fk_playlist_tracks_playlist_id_playlists"),
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.track_id"], name=op.f("fk_playlist_tracks_track_id_tracks")
        ),
        sa.PrimaryKeyConstraint("playlist_id", "position", name=op.f("pk_playlist_tracks")),
    )
    with op.batch_alter_table("playlist_tracks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_playlist_tracks_track_id"), ["track_id"], unique=False)

    op.create_table(
        "track_genres",
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("genre", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.track_id"], name=op.f("fk_track_genres_track_id_tracks")
        ),
        sa.PrimaryKeyConstraint("track_id", "genre", name=op.f("pk_track_genres")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("track_genres")
    with op.batch_alter_table("playlist_tracks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_playlist_tracks_track_id"))

    op.drop_table("playlist_tracks")
    with op.batch_alter_table("tracks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tracks_isrc"))
        batch_op.drop_index(batch_op.f("ix_tracks_import_id"))

    op.drop_table("tracks")
    with op.batch_alter_table("playlists", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_playlists_import_id"))

    op.drop_table("playlists")
    op.drop_table("imports")
