"""The catalogue's database: tables, migrations and queries, on SQLite or PostgreSQL."""

from quintet_store.database import StoreUnavailable, open_engine, reading, upgrade, writing

__all__ = ["StoreUnavailable", "open_engine", "reading", "upgrade", "writing"]
