"""A home with sources of music in its database, and a gateway that serves it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings
from quintet_store import open_engine, writing
from quintet_store.items import Item
from quintet_store.recording_items import fill_name_keys, record_items
from quintet_store.sources import (
    Quarantined,
    SourceSpec,
    add_source,
    begin_sync,
    end_sync,
    quarantine_items,
)
from quintet_store.tables import SourceItem, table_of
from sqlalchemy import update

from tests.fakes.feedback import patient_databases

SYNCED = "2026-01-01T00:00:00.000+00:00"


def own_item(name: str, path: str = "", **more: Any) -> Item:
    """A song of its own, named after its item id."""
    facts: dict[str, Any] = {"title": name, "artists": ["Björk"], "duration_ms": 180_000.0}
    facts |= {"audio_hash": name.encode().hex().rjust(32, "0"), "path": path}
    return Item(name, **{**facts, **more})


def store(
    home: Path,
    spec: SourceSpec,
    items: list[Item],
    *,
    covers: Mapping[str, str] | None = None,
    bad: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Store a source that was synced once, and give the tracks' ids by item."""
    home.mkdir(exist_ok=True)
    engine = open_engine(f"sqlite:///{home / 'quintet.db'}")
    try:
        fill_name_keys(engine)
        with writing(engine) as connection:
            add_source(connection, spec)
            begin_sync(connection, spec.name, SYNCED)
            recorded = record_items(connection, spec.name, items, SYNCED)
            quarantine_items(
                connection,
                [
                    Quarantined(spec.name, k, "sync", why, f"/m/{k}")
                    for k, why in (bad or {}).items()
                ],
            )
            rows = table_of(SourceItem)
            for item_id, cover in (covers or {}).items():
                own = (rows.c.source == spec.name) & (rows.c.item_id == item_id)
                connection.execute(update(rows).where(own).values(cover=cover))
            end_sync(connection, spec.name, now=SYNCED)
    finally:
        engine.dispose()
    return {each.item_id: each.track_id for each in recorded}


@asynccontextmanager
async def gateway_of(
    home: Path, **settings: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    patient = {"store_patience_seconds": 10, "budget_seconds": 20, **settings}
    app = build(GatewaySettings(home=home, grpc_port=0, **patient))
    async with (
        patient_databases(),
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client,
    ):
        yield app, client
