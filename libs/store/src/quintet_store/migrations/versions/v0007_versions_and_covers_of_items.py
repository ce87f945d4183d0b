"""What a source said of an item, as a hash, and the name of its cover."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    for name, length in (("version", 32), ("cover", 40)):
        column = sa.Column(name, sa.String(length=length), nullable=False, server_default="")
        op.add_column("track_sources", column)
