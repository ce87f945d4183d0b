"""The state of the catalogue: a token that changes with everything a snapshot is made of."""

import secrets
from typing import Final

from sqlalchemy import Connection, select, update

from quintet_store.tables import CatalogueState, table_of

_STATE: Final = table_of(CatalogueState)


def catalogue_changed(connection: Connection) -> None:
    """Give the catalogue a new token, so that the next publication writes a new snapshot.

    Call it late in a transaction: on PostgreSQL others that write the catalogue wait from here.
    """
    connection.execute(update(_STATE).values(token=secrets.token_hex(8)))


def catalogue_token(connection: Connection) -> str:
    """Read the token; empty before the first change."""
    return str(connection.execute(select(_STATE.c.token)).scalar_one())
