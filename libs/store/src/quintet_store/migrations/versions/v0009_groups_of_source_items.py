"""Artists and albums of media servers, by the servers' own ids."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "source_groups",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("group_id", sa.String(length=512), nullable=False),
        sa.Column("item_id", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(length=34), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["sources.name"], name=op.f("fk_source_groups_source_sources")
        ),
        sa.PrimaryKeyConstraint(
            "source", "kind", "group_id", "item_id", name=op.f("pk_source_groups")
        ),
    )
    for columns in (("source", "item_id"), ("source", "kind", "name_key")):
        name = op.f(f"ix_source_groups_{'_'.join(columns)}")
        op.create_index(name, "source_groups", [*columns])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("source_groups")
