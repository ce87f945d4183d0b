"""A gateway that records feedback, on each kind of database or on SQLite alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.feedback import Running, running, sqlite_url


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    async with running(tmp_path / "home", database_url) as started:
        yield started


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "home", sqlite_url(tmp_path)) as started:
        yield started
