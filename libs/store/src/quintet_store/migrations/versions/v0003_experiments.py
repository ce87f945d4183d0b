"""Models compared on listeners: experiments, whose list it was, what the challenger would say."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("percent", sa.Double(), nullable=False),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("challenger", sa.String(), nullable=False),
        sa.Column("alpha", sa.Double(), nullable=False),
        sa.Column("min_effect", sa.Double(), nullable=False),
        sa.Column("most_trials", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.String(length=32), nullable=False),
        sa.Column("ended_at", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("experiment_id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("running", name=op.f("uq_experiments_running")),
    )
    op.create_index(op.f("ix_experiments_started_at"), "experiments", ["started_at"], unique=False)
    op.create_table(
        "shadow_comparisons",
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("experiment_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.String(length=32), nullable=False),
        sa.Column("correlation", sa.Double(), nullable=True),
        sa.Column("overlap", sa.Double(), nullable=False),
        sa.Column("champion_ms", sa.Double(), nullable=False),
        sa.Column("challenger_ms", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", name=op.f("pk_shadow_comparisons")),
    )
    for column in ("experiment_id", "recorded_at"):
        name = op.f(f"ix_shadow_comparisons_{column}")
        op.create_index(name, "shadow_comparisons", [column], unique=False)
    # Columns with a constant default are added without rewriting the table, on both databases.
    for table, column, length in (
        ("recommendations", "experiment_id", 64),
        ("recommendations", "arm", 16),
        ("impressions", "origin", 16),
    ):
        text = sa.String(length=length)
        op.add_column(table, sa.Column(column, text, nullable=False, server_default=""))
    name = op.f("ix_recommendations_experiment_id")
    op.create_index(name, "recommendations", ["experiment_id"], unique=False)


def downgrade() -> None:
    """Revert the migration."""
    op.drop_index(op.f("ix_recommendations_experiment_id"), "recommendations")
    op.drop_column("impressions", "origin")
    op.drop_column("recommendations", "arm")
    op.drop_column("recommendations", "experiment_id")
    op.drop_table("shadow_comparisons")
    op.drop_table("experiments")
