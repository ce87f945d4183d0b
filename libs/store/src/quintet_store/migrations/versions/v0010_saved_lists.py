"""Saved lists, and the playlists that were made of them at sources."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "saved_lists",
        sa.Column("list_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("track_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_saved_lists")),
    )
    op.create_index(op.f("ix_saved_lists_listener"), "saved_lists", ["listener"])
    op.create_table(
        "list_pushes",
        sa.Column("list_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("remote_name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("songs", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("pushed_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["saved_lists.list_id"], name=op.f("fk_list_pushes_list_id_saved_lists")
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["sources.name"], name=op.f("fk_list_pushes_source_sources")
        ),
        sa.PrimaryKeyConstraint("list_id", "source", name=op.f("pk_list_pushes")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("list_pushes")
    op.drop_table("saved_lists")
