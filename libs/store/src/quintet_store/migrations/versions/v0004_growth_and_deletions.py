"""The size of each recorded list, and the listeners whose deletion a restore must repeat."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    size = sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("recommendations", size)
    # The same sum as `feedback.list_bytes`; once per row, some seconds for a million impressions.
    op.execute(
        "UPDATE recommendations SET bytes = 600 + ("
        "SELECT coalesce(sum(200 + length(features) + length(channels) + length(track_id)), 0) "
        "FROM impressions WHERE impressions.recommendation_id = recommendations.recommendation_id)"
    )
    op.create_table(
        "deleted_listeners",
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("deleted_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("listener", name=op.f("pk_deleted_listeners")),
    )
