"""Alembic migrations, run by `quintet_store.upgrade`."""
