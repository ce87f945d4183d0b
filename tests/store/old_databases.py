"""Databases as older versions left them."""

from alembic import command
from alembic.config import Config
from quintet_store.database import migration_scripts, parse_url
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool


def database_at(url: str, revision: str) -> Engine:
    """A database with the schema of a revision, without rows."""
    engine = create_engine(parse_url(url), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", migration_scripts().dir)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine
