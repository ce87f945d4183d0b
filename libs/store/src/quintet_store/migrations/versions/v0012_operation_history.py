"""Traffic, events of the installation, and the options that a list was made with."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "traffic_intervals",
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("client_errors", sa.BigInteger(), nullable=False),
        sa.Column("server_errors", sa.BigInteger(), nullable=False),
        sa.Column("durations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "seconds", "started_at", "process", "route", name=op.f("pk_traffic_intervals")
        ),
    )
    op.create_table(
        "operation_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_events")),
    )
    op.create_index(op.f("ix_operation_events_at"), "operation_events", ["at"])
    for name in ("options", "pool"):
        column = sa.Column(name, sa.JSON(), server_default="{}", nullable=False)
        op.add_column("recommendations", column)


def downgrade() -> None:
    """Undo the change."""
    with op.batch_alter_table("recommendations") as table:
        table.drop_column("pool")
        table.drop_column("options")
    op.drop_table("operation_events")
    op.drop_table("traffic_intervals")
