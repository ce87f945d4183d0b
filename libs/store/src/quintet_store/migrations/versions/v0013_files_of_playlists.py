"""Files that hold the rows of imported playlists."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "playlist_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playlist_files")),
        sa.UniqueConstraint("name", name=op.f("uq_playlist_files_name")),
    )
    op.add_column("playlists", sa.Column("file_id", sa.Integer(), nullable=True))
    count = sa.Column("stored_rows", sa.Integer(), server_default="0", nullable=False)
    op.add_column("playlists", count)
    op.create_index(op.f("ix_playlists_file_id"), "playlists", ["file_id"])


def downgrade() -> None:
    """Undo the change; rows in files are no longer read, and the files stay."""
    op.drop_index(op.f("ix_playlists_file_id"), table_name="playlists")
    with op.batch_alter_table("playlists") as table:
        table.drop_column("stored_rows")
        table.drop_column("file_id")
    op.drop_table("playlist_files")
