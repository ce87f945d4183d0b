"""Lists as shown, and what listeners did with them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "feature_sets",
        sa.Column("feature_hash", sa.String(length=64), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("feature_hash", name=op.f("pk_feature_sets")),
    )
    op.create_table(
        "recommendations",
        sa.Column("recommendation_id", sa.String(length=64), nullable=False),
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("shown_at", sa.String(length=32), nullable=False),
        sa.Column("surface", sa.String(), nullable=False),
        sa.Column("seeds", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("index_version", sa.String(), nullable=False),
        sa.Column("catalogue_version", sa.String(), nullable=False),
        sa.Column("feature_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name=op.f("pk_recommendations")),
    )
    with op.batch_alter_table("recommendations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recommendations_listener"), ["listener"], unique=False)
        batch_op.create_index(batch_op.f("ix_recommendations_shown_at"), ["shown_at"], unique=False)

    op.create_table(
        "impressions",
        sa.Column("recommendation_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("channels", sa.String(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recommendation_id"],
            ["recommendations.recommendation_id"],
            name=op.f("fk_impressions_recommendation_id_recommendations"),
        ),
        sa.PrimaryKeyConstraint("recommendation_id", "position", name=op.f("pk_impressions")),
    )
    op.create_table(
        "feedback_events",
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("recommendation_id", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("dwell_ms", sa.BigInteger(), nullable=True),
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("client", "event_id", name=op.f("pk_feedback_events")),
    )
    with op.batch_alter_table("feedback_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_feedback_events_recommendation_id"), ["recommendation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_feedback_events_listener"), ["listener"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_feedback_events_received_at"), ["received_at"], unique=False
        )


def downgrade() -> None:
    """Revert the migration."""
    for name in ("feedback_events", "impressions", "recommendations", "feature_sets"):
        op.drop_table(name)
