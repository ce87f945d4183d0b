"""What listeners did with tracks, and the artists that they banned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The same rule as `listeners.signal_kind`.
_KIND = (
    "CASE WHEN kind = 'playlist_add' THEN 'save' "
    "WHEN kind = 'play' AND dwell_ms < 30000 THEN 'skip' ELSE kind END"
)
_SECONDS = {
    "sqlite": "CAST(strftime('%s', occurred_at) AS INTEGER)",
    "postgresql": "CAST(floor(extract(epoch FROM CAST(occurred_at AS timestamptz))) AS BIGINT)",
}
# Any text that no later revision has will do.
_REVISION = {
    "sqlite": "lower(hex(randomblob(8)))",
    "postgresql": "substr(md5(random()::text), 1, 16)",
}


def upgrade() -> None:
    """Apply the change, and fill the memories with the feedback that is there."""
    op.create_table(
        "listeners",
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("signals", sa.Integer(), nullable=False),
        sa.Column("active_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("listener", name=op.f("pk_listeners")),
    )
    op.create_index(op.f("ix_listeners_active_at"), "listeners", ["active_at"], unique=False)
    op.create_table(
        "listener_signals",
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint(
            "listener", "track_id", "kind", "at", "source", name=op.f("pk_listener_signals")
        ),
    )
    op.create_index(
        op.f("ix_listener_signals_listener_kind_at_track_id"),
        "listener_signals",
        ["listener", "kind", "at", "track_id"],
        unique=False,
    )
    op.create_table(
        "banned_artists",
        sa.Column("listener", sa.String(length=64), nullable=False),
        sa.Column("artist_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("listener", "artist_id", "source", name=op.f("pk_banned_artists")),
    )
    dialect = op.get_bind().dialect.name
    op.execute(
        # Only constants of this module are put into the text.
        "INSERT INTO listener_signals "  # nosec B608
        "(listener, track_id, kind, at, source, licence, received_at) "
        "SELECT listener, track_id, signal, seconds, 'feedback', 'listener', max(received_at) "
        f"FROM (SELECT listener, track_id, {_KIND} AS signal, {_SECONDS[dialect]} AS seconds, "
        "received_at FROM feedback_events WHERE listener <> '') AS events "
        "GROUP BY listener, track_id, signal, seconds"
    )
    op.execute(
        # Only constants of this module are put into the text.
        "INSERT INTO listeners (listener, revision, signals, active_at) "  # nosec B608
        f"SELECT listener, {_REVISION[dialect]}, count(*), max(received_at) "
        "FROM listener_signals GROUP BY listener"
    )
