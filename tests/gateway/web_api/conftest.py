"""The Web API without tokens, over a small catalogue in memory."""

import pytest

from tests.fakes.web_api import Catalogue, client_of, make_app


@pytest.fixture
def catalogue():
    return Catalogue()


@pytest.fixture
async def http(catalogue, tmp_path):
    async with client_of(make_app(catalogue, tmp_path)) as client:
        yield client
