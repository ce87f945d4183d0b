from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from quintet_modelkit.features import ATTRIBUTES
from quintet_store import upgrade
from quintet_store.tables import ATTRIBUTE_COLUMNS, Base
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool


def test_migrations_and_tables_agree() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_tracks_have_the_attributes_of_the_model() -> None:
    assert ATTRIBUTE_COLUMNS == ATTRIBUTES
