"""Audio features per provenance and each nullable, ids of tracks, and sources of music."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FEATURES: Final = (
    *("acousticness", "danceability", "energy", "instrumentalness", "key", "liveness"),
    *("loudness", "mode", "speechiness", "tempo", "time_signature", "valence"),
)


def upgrade() -> None:
    """Apply the change."""
    _create_tables_of_tracks()
    _create_tables_of_sources()
    _move_features()
    _move_isrcs()
    _let_popularity_be_unknown()
    op.add_column("tracks", sa.Column("name_key", sa.String(length=34), nullable=True))
    op.create_index(op.f("ix_tracks_name_key"), "tracks", ["name_key"])


def _create_tables_of_tracks() -> None:
    op.create_table(
        "track_features",
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in _FEATURES),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        _reference("track_features", "track_id", "tracks.track_id"),
        _reference("track_features", "import_id", "imports.id"),
        sa.PrimaryKeyConstraint("track_id", "provenance", name=op.f("pk_track_features")),
    )
    op.create_index(op.f("ix_track_features_provenance"), "track_features", ["provenance"])
    op.create_table(
        "track_ids",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("track_id", sa.String(), nullable=False),
        _reference("track_ids", "track_id", "tracks.track_id"),
        sa.PrimaryKeyConstraint("kind", "value", "track_id", name=op.f("pk_track_ids")),
    )
    op.create_index(op.f("ix_track_ids_track_id"), "track_ids", ["track_id"])
    state = op.create_table(
        "catalogue_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_state")),
    )
    # Empty: a snapshot of before has no token, so the first publication writes a new manifest.
    op.bulk_insert(state, [{"id": 1, "token": ""}])


def _create_tables_of_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("play_allowed", sa.Boolean(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        *(_time(name) for name in ("added_at", "started_at", "synced_at")),
        _reference("sources", "import_id", "imports.id"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )
    op.create_table(
        "track_sources",
        *_item_columns("track_sources"),
        sa.Column("track_id", sa.String(), nullable=False),
        sa.Column("path_key", sa.String(length=32), nullable=False),
        sa.Column("audio_hash", sa.String(length=64), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        *(_time(name) for name in ("added_at", "seen_at")),
        _reference("track_sources", "track_id", "tracks.track_id"),
        sa.PrimaryKeyConstraint("source", "item_id", name=op.f("pk_track_sources")),
    )
    for columns in (["track_id"], ["audio_hash"], ["path_key"], ["source", "seen_at"]):
        name = op.f("ix_track_sources_" + "_".join(columns))
        op.create_index(name, "track_sources", columns)
    op.create_table(
        "quarantined_items",
        *_item_columns("quarantined_items"),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        _time("quarantined_at"),
        sa.PrimaryKeyConstraint("source", "item_id", "stage", name=op.f("pk_quarantined_items")),
    )


def _item_columns(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=512), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=True),
        _reference(table, "source", "sources.name"),
    )


def _time(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=32), nullable=False)


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target.partition('.')[0]}"
    return sa.ForeignKeyConstraint([column], [target], name=op.f(name))


def _move_features() -> None:
    # All tracks so far come from files. PostgreSQL indexes at most 2,700 bytes, so that a
    # provenance as long as a file may write it does not fit.
    names = ", ".join(f'"{name}"' for name in _FEATURES)
    op.execute(
        # Only constants of this module are put into the text.
        f"INSERT INTO track_features (track_id, provenance, {names}, import_id, updated_at) "  # nosec B608
        f"SELECT track_id, 'import:' || substr(provenance, 1, 200), {names}, import_id, "
        "imported_at FROM tracks"
    )
    # SQLite would rebuild the table to drop them in batch mode, which its foreign keys forbid;
    # one by one it can (3.35 or newer), in seconds for a million tracks.
    for name in _FEATURES:
        op.drop_column("tracks", name)


def _move_isrcs() -> None:
    # Codes of another form name nothing that others could look up, and are left out.
    code = "upper(replace(replace(trim(isrc), '-', ''), ' ', ''))"
    fits = {
        "sqlite": f"{code} GLOB '[A-Z][A-Z][A-Z0-9][A-Z0-9][A-Z0-9]" + "[0-9]" * 7 + "'",
        "postgresql": f"{code} ~ '^[A-Z]{{2}}[A-Z0-9]{{3}}[0-9]{{7}}$'",
    }[op.get_bind().dialect.name]
    op.execute(
        # Only constants of this module are put into the text.
        "INSERT INTO track_ids (kind, value, track_id) "  # nosec B608
        f"SELECT 'isrc', {code}, track_id FROM tracks WHERE {fits}"
    )
    op.drop_index(op.f("ix_tracks_isrc"), "tracks")
    op.drop_column("tracks", "isrc")


def _let_popularity_be_unknown() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("tracks", "popularity", existing_type=sa.Double(), nullable=True)
        return
    # SQLite cannot alter a column.
    op.add_column("tracks", sa.Column("known_popularity", sa.Double(), nullable=True))
    op.execute("UPDATE tracks SET known_popularity = popularity")
    op.drop_column("tracks", "popularity")
    op.execute("ALTER TABLE tracks RENAME COLUMN known_popularity TO popularity")
