"""The kind of a playlist."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    column = sa.Column("kind", sa.String(length=64), server_default="", nullable=False)
    op.add_column("playlists", column)


def downgrade() -> None:
    """Undo the change."""
    with op.batch_alter_table("playlists") as table:
        table.drop_column("kind")
