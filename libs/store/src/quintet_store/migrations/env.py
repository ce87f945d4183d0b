"""Runs migrations on the connection that `quintet_store.upgrade` passes."""

from alembic import context

from quintet_store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite alters a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
